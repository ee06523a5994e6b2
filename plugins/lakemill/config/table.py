"""The section ``table``: the one table that is made of the sources, and the label in it.

Stays out: cleaning it (``cleaning.py``), and which columns are features (``features.py``).
"""

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from lakemill.config.quantities import Duration
from lakemill.config.section import Name, Section

# what the lake adds to the rows of predictions
PREDICTION_COLUMNS = ("score", "predicted", "classes", "probabilities", "model_version", "reason", "partition")


def find_twice(names: tuple[str, ...]) -> list[str]:
    """Return the names that come more than once."""
    return sorted({name for name in names if names.count(name) > 1})


class Label(Section):
    """What is to be predicted."""

    column: str = Field(description="Column of the table, or of source; empty where not known (yet).")
    problem: Literal["classification", "regression"] = Field(description="Kind of problem.")
    known_after: Duration = Field(timedelta(0), description="Delay after the event time until the label is known.")
    source: Name | None = Field(
        None, description="Source under collect that brings labels later than their rows; then the table has none."
    )
    key: tuple[str, ...] = Field(
        (), description="Columns of that source that name a row, as table.key does; the same names if left out."
    )
    known_at: str | None = Field(
        None, description="Column of that source: when the label became known; by known_after if left out."
    )
    later: ClassVar = ("source", "key", "known_at")

    @model_validator(mode="after")
    def _says_where_from(self) -> "Label":
        if self.source is None and (self.key or self.known_at):
            raise ValueError(f"{'key' if self.key else 'known_at'} is of labels that come later: name their source")
        if self.known_at and self.known_after:
            raise ValueError("known_at and known_after: give one of them")
        return self


class Table(Section):
    """The one table that is made of the sources."""

    sql: str | None = Field(None, description="File with a DuckDB query over the sources; not needed for one source.")
    key: tuple[str, ...] = Field(min_length=1, description="Columns that name a row.")
    event_time: str = Field(description="Column: when the row's fact happened.")
    label: Label = Field(description="What is to be predicted.")
    known_after: dict[str, Duration] = Field(
        {}, description="Columns known only so long after the event time; none of them can be a feature."
    )
    later: ClassVar = ("known_after",)

    @field_validator("key")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if twice := find_twice(value):
            raise ValueError(f"{', '.join(twice)} named twice")
        return value

    @model_validator(mode="after")
    def _leaves_names_of_the_lake(self) -> "Table":
        named = {**dict.fromkeys(self.key, "key"), self.event_time: "event_time", self.label.column: "label.column"}
        for column, place in named.items():
            if column.lower() in PREDICTION_COLUMNS:  # the lake's queries do not tell capitals from small letters
                raise ValueError(f"{place}: the lake has a column {column.lower()!r} of its own: rename this one")
        if self.label.key and len(self.label.key) != len(self.key):
            raise ValueError(f"label.key: {len(self.key)} columns make a key (key), got {len(self.label.key)}")
        return self

    @property
    def label_key(self) -> tuple[str, ...]:
        """Columns of a label's own source that name a row, in the order of ``key``."""
        return self.label.key or self.key
