"""The section ``features``: what the model sees, column by column, and how it is made into numbers.

Stays out: doing so (``preprocessing.features``).
"""

import fnmatch
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lakemill.config.quantities import Share
from lakemill.config.section import Name, Section
from lakemill.config.windows import Window

ALL = "all"
WITHOUT = "without"  # among a model's parameters, features that were left out
KINDS = ("numeric", "categorical", "dates", "text")
# which settings say something of which kind; a setting that says nothing of a column is refused for it
APPLIES = {
    "numeric": {"impute", "fill", "indicator", "scale"},
    "categorical": {"encode", "rare", "buckets"},
    "dates": {"parts", "cycles"},
    "text": {"tokens", "ngrams", "buckets", "components"},
}
Part = Literal["year", "month", "day", "weekday", "hour", "minute", "day_of_year"]


def _rising(ngrams: tuple[int, int]) -> tuple[int, int]:
    if not 1 <= ngrams[0] <= ngrams[1]:
        raise ValueError(f"must be the shortest and the longest run, from 1 on, like [1, 2]; got {list(ngrams)}")
    return ngrams


class Transform(Section):
    """How columns are made into numbers, learnt from training rows only."""

    impute: Literal["median", "mean", "most_frequent", "constant", "none"] = Field(
        "median", description="Numeric: what stands for a missing number; none only for estimators that take them."
    )
    fill: float = Field(0.0, description="Numeric: the constant of impute: constant.")
    indicator: bool = Field(True, description="Numeric: a further column says where a number was missing.")
    scale: Literal["standard", "min_max", "robust", "quantile", "power", "unit_norm", "none"] = Field(
        "standard", description="Numeric: scaling; unit_norm is by row, over the columns that share it."
    )
    encode: Literal["auto", "ordinal", "one_hot", "hashed", "target"] = Field(
        "auto", description="Categorical: encoding; auto leaves it to the candidate. target is fitted crosswise."
    )
    rare: Share | None = Field(
        None, description="Categorical: levels rarer than this share of the training rows are one level, like '1 %'."
    )
    buckets: int | None = Field(
        None, ge=2, le=2**20, description="Columns that levels (64 if left out) or runs of text (4096) are hashed into."
    )
    parts: tuple[Part, ...] = Field(
        ("month", "weekday", "hour"), min_length=1, description="Dates: parts, in the time zone of the partitions."
    )
    cycles: bool = Field(True, description="Dates: sine and cosine of each part that comes round, beside it.")
    tokens: Literal["words", "characters"] = Field("words", description="Text: what it is cut into.")
    ngrams: Annotated[tuple[int, int], AfterValidator(_rising)] = Field(
        (1, 2), description="Text: shortest and longest run of tokens that is counted."
    )
    components: int | None = Field(
        None, ge=1, description="Text: components that it is reduced to; 50 where an estimator takes no sparse columns."
    )

    @model_validator(mode="after")
    def _norm_has_values(self) -> "Transform":
        if self.scale == "unit_norm" and self.impute == "none":
            raise ValueError("scale: unit_norm needs every value: give another impute than none")
        return self


class Features(Section):
    """Columns that the model sees, by kind; or only their names, and the kinds are found."""

    numeric: tuple[str, ...] = Field((), description="Numbers; mfcc_* stands for columns made of media files.")
    categorical: tuple[str, ...] = Field((), description="Texts, each one of a few.")
    dates: tuple[str, ...] = Field((), description="Moments; the event time may be one.")
    text: tuple[str, ...] = Field((), description="Texts in words.")
    auto: Literal["all"] | tuple[str, ...] = Field(
        (), description="Columns whose kind is found; all: every column of the table that has no other part."
    )
    drop: tuple[str, ...] = Field((), description="Columns that auto: all leaves out.")
    transform: Transform = Field(Transform(), description="How columns are made into numbers.")
    by_column: dict[str, Transform] = Field({}, description="Settings of single columns, over those of transform.")
    timezone: str | None = Field(None, description="Time zone of parts of dates; that of the partitions if left out.")
    windows: tuple[Window, ...] = Field(
        (), description="Numbers that look back: lags, differences, rolling statistics; features beside the others."
    )
    groups: dict[Name, tuple[str, ...]] = Field(
        {},
        description="Groups of features by a name, like {weather: [temp, wind_*]}: tuning tries models without them, "
        "and what each is worth is told.",
    )
    later: ClassVar = ("windows", "groups")

    @model_validator(mode="after")
    def _groups_some_features(self) -> "Features":
        if WITHOUT in self.groups:
            raise ValueError(f"groups: {WITHOUT!r} is no name for a group: it stands for features that were left out")
        if self.auto == ALL or any("*" in name for name in self.numeric):  # not all are known yet
            return self
        known = self.columns + tuple(self.auto)
        for group, names in self.groups.items():
            if unknown := [name for name in names if not fnmatch.filter(known, name)]:
                raise ValueError(f"groups.{group}: {unknown[0]!r} is no feature: name it under one of the kinds")
        if (fault := self.find_fault_of_groups()) is not None:
            raise ValueError(f"groups: {fault}")
        return self

    @model_validator(mode="after")
    def _names_columns_once(self) -> "Features":
        if not self.columns and not self.are_open:
            raise ValueError("names no column: list some under numeric or categorical, or leave features out")
        named = self.columns + (self.auto if isinstance(self.auto, tuple) else ())
        if twice := sorted({name for name in named if named.count(name) > 1}):
            remedy = ": give one of the windows a suffix" if twice[0] in self.made else ""
            raise ValueError(f"{', '.join(twice)} named twice{remedy}")
        if self.auto != ALL:
            if self.drop:
                raise ValueError("drop: only auto: all needs it; leave the columns out of the list")
            if unknown := sorted(set(self.by_column) - set(named)):
                raise ValueError(f"by_column: {', '.join(unknown)} is no feature: name it under one of the kinds")
        return self

    @model_validator(mode="after")
    def _completes_columns(self) -> "Features":
        complete = {}
        for name, own in self.by_column.items():
            given = {key: getattr(own, key) for key in own.model_fields_set}
            complete[name] = Transform.model_validate({**dict(self.transform), **given})
            differ = {key for key, value in given.items() if value != getattr(self.transform, key)}
            kind = self.kind_of(name)
            if kind is not None and (idle := sorted(differ - APPLIES[kind])):
                raise ValueError(f"by_column.{name}: {idle[0]} says nothing of a column under {kind}")
        object.__setattr__(self, "by_column", complete)  # so that equal meanings are equal values
        return self

    @model_validator(mode="after")
    def _looks_back_on_numbers(self) -> "Features":
        for name in (one.source for window in self.windows for one in window.made):
            kind = "windows" if name in self.made else self.kind_of(name)
            if kind not in (None, "numeric"):
                raise ValueError(
                    f"windows: {name!r} stands under {kind}, and windows look back on numbers of the table"
                )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All features whose kind is known, numeric first."""
        return self.numbers + self.categorical + self.dates + self.text

    @property
    def made(self) -> tuple[str, ...]:
        """The features that windows make: no columns of the table."""
        return tuple(column.name for window in self.windows for column in window.made)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Numeric features, of the table and of windows."""
        return self.numeric + self.made

    @property
    def read_as_numbers(self) -> tuple[str, ...]:
        """The columns of the table that are numbers: features, and what windows look back on."""
        return self.numeric + tuple(name for window in self.windows for name in window.columns)

    @property
    def are_open(self) -> bool:
        """Whether kinds, or columns, are still to be found."""
        return bool(self.auto)

    def kind_of(self, name: str) -> str | None:
        """Return the kind that a column is declared as; what windows make is numeric."""
        if name in self.made:
            return "numeric"
        return next((kind for kind in KINDS if name in getattr(self, kind)), None)

    def find_fault_of_groups(self) -> str | None:
        """Return why groups cannot be switched on and off, of features that are known; None where they can."""
        grouped = [name for group in self.groups for name in self.columns_of(group)]
        if twice := sorted({name for name in grouped if grouped.count(name) > 1}):
            return f"{twice[0]!r} is in two groups"
        if grouped and not self.are_open and not set(self.columns) - set(grouped):
            return "leave a feature outside of all groups; without each, nothing would be left"
        return None

    def columns_of(self, group: str) -> tuple[str, ...]:
        """Return the features of a group, as far as they are known."""
        return tuple(one for one in self.columns if any(fnmatch.fnmatchcase(one, name) for name in self.groups[group]))

    def settings_of(self, name: str) -> Transform:
        """Return how a column is made into numbers."""
        return self.by_column.get(name, self.transform)

    def close(self, found: dict[str, list[str]]) -> "Features":
        """Return the features with the kinds that were found, by kind."""
        kinds = {kind: (*getattr(self, kind), *found.get(kind, ())) for kind in KINDS}
        return self.model_copy(update={**kinds, "auto": (), "drop": ()})


def _read_list(value: Any) -> Any:
    return {"auto": value} if isinstance(value, (list, tuple)) else value


DeclaredFeatures = Annotated[Features, BeforeValidator(_read_list, json_schema_input_type=Features | list[str])]
