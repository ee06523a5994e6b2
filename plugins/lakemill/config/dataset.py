"""The section ``dataset``: how rows are split into training, validation and test sets, one model a kind of split.

Stays out: splitting (``preprocessing.splitting``).
"""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from lakemill.config.quantities import Duration, Share
from lakemill.config.section import Section

Folds = Annotated[
    int | None,
    Field(
        ge=2,
        le=20,
        description="Tune by cross-validation of the matching kind, in so many folds of training and validation rows; "
        "a trial's score is their mean. If left out, on the validation rows alone; of fewer than 2,000 rows in five "
        "folds, in time on the newer half of these rows.",
    ),
]


class _Shares(Section):
    """A split of which the shares can be chosen."""

    later: ClassVar[tuple[str, ...]] = ("folds",)

    split: str  # first, as it always was: hashes are of the order of keys
    validation: Share = Field(0.15, description="Share of rows to tune on (of groups, where a split is by group).")
    test: Share = Field(0.15, description="Share of rows (of groups) to judge on, seen by nothing else.")
    folds: Folds = None

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> "_Shares":
        if not (self.validation > 0 and self.test > 0 and self.validation + self.test < 1):
            raise ValueError("validation and test must be above 0 and leave rows to train on")
        return self


class TimeSplit(_Shares):
    """By event time: training, then validation, then test rows."""

    later: ClassVar = ("folds", "gap")

    split: Literal["time"] = Field("time", description="The oldest rows train, the newest are the test set.")
    gap: Duration = Field(
        timedelta(0),
        description="Embargo: rows that lie less than this before the next part belong to none, so that a label that "
        "takes so long to come about, or a window over the past, does not reach across.",
    )


class RandomSplit(_Shares):
    """At random, by ``train.seed``."""

    split: Literal["random"] = Field(description="At random; for rows that do not hang together in any way.")


class StratifiedSplit(_Shares):
    """At random, each class by the same share in all parts."""

    split: Literal["stratified"] = Field(description="At random, with the shares of each class kept.")
    column: str | None = Field(None, description="Column whose values' shares are kept; the label if left out.")


class GroupSplit(_Shares):
    """At random by groups, each on one side only."""

    split: Literal["group"] = Field(description="By groups, such as customers: all rows of one on the same side.")
    column: str = Field(description="Column of the table that names the group.")


class HashSplit(_Shares):
    """By a hash of a value: a row stays in its part when others are added, on every machine."""

    split: Literal["hash"] = Field(description="By a hash; rows stay in their part when rows are added.")
    column: str | None = Field(None, description="Column that is hashed, as equal values stay together; else the key.")


class PredefinedSplit(Section):
    """By a column that says it."""

    split: Literal["predefined"] = Field(description="By a column with the values train, validation and test.")
    column: str = Field(description="Column of the table that holds train, validation or test.")
    folds: ClassVar = None


def _split_of(value: Any) -> str:
    return str(value.get("split", "time")) if isinstance(value, dict) else str(getattr(value, "split", "time"))


Dataset = Annotated[
    Annotated[TimeSplit, Tag("time")]
    | Annotated[RandomSplit, Tag("random")]
    | Annotated[StratifiedSplit, Tag("stratified")]
    | Annotated[GroupSplit, Tag("group")]
    | Annotated[HashSplit, Tag("hash")]
    | Annotated[PredefinedSplit, Tag("predefined")],
    Discriminator(_split_of),
]


def find_column(dataset: Dataset) -> str | None:
    """Return the column that a split is made by, None where it is made by key, label, time or chance.

    Examples
    --------
    >>> find_column(GroupSplit(split="group", column="customer"))
    'customer'
    >>> find_column(TimeSplit())
    """
    return getattr(dataset, "column", None)
