"""The key ``features.windows``: numbers that look back over time, and what their columns are named.

Stays out: computing them (``preprocessing.windows``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, model_validator

from lakemill.config.quantities import UNITS, Duration, read_duration
from lakemill.config.section import Section

LONGEST = timedelta(days=36_525)  # a hundred years
MOST_ROWS = 1_000_000
NAMED = ("day", "hour", "minute", "second")
Statistic = Literal["count", "sum", "mean", "std", "min", "max"]


def _in_whole_seconds(length: timedelta) -> timedelta:
    if not timedelta(0) < length <= LONGEST or length.microseconds:
        raise ValueError(f"must be whole seconds, above 0 and at most {LONGEST.days} days; got {length}")
    return length


def _read_lag(value: Any) -> timedelta | int:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MOST_ROWS:
            raise ValueError(f"must be from 1 to {MOST_ROWS} rows, or a time like '1 day'; got {value}")
        return value
    return _in_whole_seconds(read_duration(value))


def _say(length: timedelta | int) -> str | int:
    return length if isinstance(length, int) else name_length(length).replace("_", " ")


# dumped as people write them, so that they can be read again
_AsWritten = PlainSerializer(_say, when_used="json")
Length = Annotated[Duration, AfterValidator(_in_whole_seconds), _AsWritten]
Lag = Annotated[timedelta | int, PlainValidator(_read_lag, json_schema_input_type=int | str), _AsWritten]


@dataclass(frozen=True)
class WindowColumn:
    """One column that a window makes.

    Attributes
    ----------
    name : str
    source : str
        The column of the table that it looks back on.
    kind : str
        ``lag``, ``difference``, or a statistic.
    length : timedelta or int
        How far back; of lags and differences also a number of rows.
    """

    name: str
    source: str
    kind: str
    length: timedelta | int


class Window(Section):
    """Lags, differences and rolling statistics of numbers, by series; they see no row of a later event time."""

    columns: tuple[str, ...] = Field(min_length=1, description="Columns of the table: numbers.")
    by: tuple[str, ...] = Field((), description="Columns that name a series, like [house]; all rows are one if empty.")
    lags: tuple[Lag, ...] = Field(
        (),
        description="The value so long before (the last there was by then), or so many rows: [1 hour, 1 day], [1, 4].",
    )
    differences: tuple[Lag, ...] = Field((), description="The row's own value minus that lag.")
    tolerance: Length | None = Field(
        None,
        description="How much older a lagged value may be; as long as the lag if left out. Lags by rows need it.",
    )
    rolling: dict[Length, Annotated[tuple[Statistic, ...], Field(min_length=1)]] = Field(
        {}, description="Statistics over event time that ends with the row, by length: {3 hours: [mean, max]}."
    )
    closed: Literal["right", "left"] = Field(
        "right",
        description="Which end rolling windows hold: right the row's own moment, left the far one.",
    )
    ago: Length | None = Field(None, description="Rolling windows end so long before the row.")
    suffix: str = Field("", pattern=r"^\w*$", description="At the end of the columns' names, to tell windows apart.")

    @model_validator(mode="after")
    def _looks_back_at_something(self) -> "Window":
        if not (self.lags or self.differences or self.rolling):
            raise ValueError("makes no column: give lags, differences or rolling")
        if self.tolerance is None and any(isinstance(one, int) for one in (*self.lags, *self.differences)):
            raise ValueError("tolerance: lags by rows need it, so that they look back a known time, like 1 day")
        return self

    @property
    def made(self) -> tuple[WindowColumn, ...]:
        """The columns that it makes, in the order in which the file names them."""
        return tuple(self._name_columns())

    @property
    def reach(self) -> timedelta:
        """How far before a row it looks at most."""
        reaches = [length + (self.ago or timedelta(0)) for length in self.rolling]
        for lag in (*self.lags, *self.differences):
            reaches.append(self.tolerance_of(lag) + (lag if isinstance(lag, timedelta) else timedelta(0)))
        return max(reaches)

    def tolerance_of(self, lag: timedelta | int) -> timedelta:
        """Return how much older than asked a lagged value may be."""
        if self.tolerance is not None:
            return self.tolerance
        assert isinstance(lag, timedelta)  # noqa: S101  # lags by rows have one
        return lag

    def _name_columns(self) -> Iterator[WindowColumn]:
        end = f"_{self.suffix}" if self.suffix else ""
        ago = f"_{name_length(self.ago)}_ago" if self.ago else ""
        for source in self.columns:
            for kind, lags in (("lag", self.lags), ("difference", self.differences)):
                for lag in lags:
                    yield WindowColumn(f"{source}_{kind}_{name_length(lag)}{end}", source, kind, lag)
            for length, statistics in self.rolling.items():
                for statistic in statistics:
                    name = f"{source}_{statistic}_{name_length(length)}{ago}{end}"
                    yield WindowColumn(name, source, statistic, length)


def name_length(length: timedelta | int) -> str:
    """Return a length as it stands in a column's name: in the largest unit, up to days, that it is a whole number of.

    Examples
    --------
    >>> name_length(timedelta(minutes=90)), name_length(timedelta(hours=24)), name_length(timedelta(weeks=1))
    ('90_minutes', '1_day', '7_days')
    """
    if isinstance(length, int):
        return f"{length}_row" + ("s" if length != 1 else "")
    unit = next(name for name in NAMED if not length % UNITS[name])
    count = length // UNITS[unit]
    return f"{count}_{unit}" + ("s" if count != 1 else "")
