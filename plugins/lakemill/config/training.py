"""The sections ``train`` and ``retrain``: candidates, what tuning may cost, and what starts a training.

Stays out: the data set (``dataset.py``), and which of the tuned models is fitted (``choosing.py``).
"""

from collections.abc import Collection
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from lakemill.config.choosing import Choose
from lakemill.config.defaults import find_fixed, find_search, is_dear
from lakemill.config.quantities import ByteSize
from lakemill.config.section import Name, Section

METRICS = {
    "classification": (
        "roc_auc",
        "average_precision",
        "log_loss",
        "brier_score",
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
    ),
    "regression": ("mean_absolute_error", "root_mean_squared_error", "median_absolute_error", "r2"),
}
SWITCH = "features."  # before the name of a group of features, among searched parameters
# a trial only has to tell parameters apart; the model itself is fitted on all rows
LEAST_ROWS_OF_WIDE_TABLES, LEAST_ROWS_OF_MANY_CLASSES = 10_000, 5_000


class Range(Section):
    """A range of a parameter to search; whole numbers where both ends are."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _rises(self) -> "Range":
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError(f"low must be under high, and above 0 with log; got {self.low} and {self.high}")
        return self


class Candidate(Section):
    """An estimator that may become the model."""

    estimator: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.\w+)+$",
        description="Import path of a scikit-learn estimator, like sklearn.linear_model.LogisticRegression.",
    )
    parameters: dict[str, Any] = Field({}, description="Fixed parameters.")
    search: dict[str, Range | list[Any]] = Field(
        {}, description="Parameters to tune: a range or a list of choices; of common estimators known if left out."
    )
    untuned_first: bool = Field(
        False, description="The first trial takes the estimator's own values; so it is where search is left out."
    )
    encode: Literal["auto", "ordinal", "one_hot", "hashed", "target"] = Field(
        "auto", description="Encoding of categorical features; auto: ordinal for histogram boosting, else one_hot."
    )
    _groups: tuple[str, ...] = PrivateAttr(())

    @field_validator("search")
    @classmethod
    def _something_to_choose(cls, value: dict[str, Range | list[Any]]) -> dict[str, Range | list[Any]]:
        for name, choices in value.items():
            if isinstance(choices, list) and not choices:
                raise ValueError(f"{name} is an empty list: give choices, or leave {name} out")
        return value

    @model_validator(mode="after")
    def _knows_what_to_search(self) -> "Candidate":
        if "search" not in self.model_fields_set:
            space = find_search(self.estimator, self.parameters)
            read = {name: one if isinstance(one, list) else Range.model_validate(one) for name, one in space.items()}
            object.__setattr__(self, "search", read)
            object.__setattr__(self, "untuned_first", bool(read))
        return self

    def suit(self, columns: int, classes: int = 0) -> "Candidate":
        """Return the candidate with what suits a table's shape; as it is where the file gives a search."""
        fixed = {**find_fixed(self.estimator, columns, classes), **self.parameters}
        if "search" in self.model_fields_set or fixed == self.parameters:
            return self
        return Candidate(estimator=self.estimator, parameters=fixed, encode=self.encode).switch(self._groups)

    def switch(self, groups: Collection[str]) -> "Candidate":
        """Return the candidate with switches of groups of features to search, beside the estimator's parameters."""
        if not groups:
            return self
        # without a search of its own, too, a group is only left out where that is better beyond chance
        switching = self.model_copy(update={"untuned_first": self.untuned_first or not self.search})
        switching._groups = tuple(groups)
        return switching

    @property
    def space(self) -> dict[str, Range | list[Any]]:
        """All that is searched: ``search``, and whether the model has each group of features."""
        return {**self.search, **{f"{SWITCH}{name}": [True, False] for name in self._groups}}


class Budget(Section):
    """How much tuning may cost, for each candidate."""

    later: ClassVar = ("at_once", "patience", "values")

    trials: int = Field(10, ge=1, description="Trials of each candidate.")
    at_once: int = Field(
        2,
        ge=1,
        description="Trials of a round: they can run side by side, as they learn from the rounds before theirs only. "
        "What comes out depends on this, not on the number of workers.",
    )
    minutes: float = Field(
        10.0, gt=0, description="No new round is begun once its trials have taken this time together."
    )
    patience: int | None = Field(
        None, ge=1, description="No new round is begun after so many trials without a better one; never, if left out."
    )
    rows: int = Field(50_000, ge=100, description="At most so many training rows a trial.")
    values: int = Field(
        4_000_000,
        ge=1,
        description="At most so many values a trial, rows times columns, and yet 10,000 rows of wide tables. Where "
        "columns times classes are more than 1,000, and columns more than 100, a value counts once for each class, and "
        "yet there are 5,000 rows.",
    )

    def rows_of(self, columns: int, classes: int = 0) -> int:
        """Return how many training rows a trial takes at most, of so many columns and classes.

        Examples
        --------
        >>> Budget().rows_of(20, 10), Budget().rows_of(340), Budget().rows_of(784), Budget(rows=500).rows_of(340)
        (50000, 11764, 10000, 500)
        >>> Budget().rows_of(340, 2), Budget().rows_of(340, 10)
        (11764, 5000)
        """
        if is_dear(columns, classes):
            return min(self.rows, max(LEAST_ROWS_OF_MANY_CLASSES, self.values // columns // classes))
        return min(self.rows, max(LEAST_ROWS_OF_WIDE_TABLES, self.values // max(1, columns)))


class Train(Section):
    """Candidates, metric and budget."""

    candidates: dict[Name, Candidate] = Field(
        {}, description="By name; boosting and a linear model, searched as is usual, if left out."
    )
    metric: str = Field(
        "",
        description="What is optimised, and what the gate judges by; if left out log_loss of classes, "
        "root_mean_squared_error of numbers.",
    )
    budget: Budget = Budget()
    choose: Choose = Field(
        Choose(), description="What is fitted of what was tried: best, cheapest, or {best_under: 30 seconds}."
    )
    select: Literal["importance"] | None = Field(
        None,
        description="Features that a candidate's best trial can do without are left out: of those without importance "
        "on validation rows as many as cost no more than a standard error together.",
    )
    seed: int = 0
    memory: ByteSize = Field(
        2 * 2**30,
        description="Memory for the rows of a training, its copies of them included, like '2 GiB'. Of a snapshot whose "
        "rows need more a sample is taken, by class and with more of the newer rows.",
    )
    epochs: int = Field(
        5,
        ge=1,
        le=100,
        description="Where a sample is taken: passes over all training rows of an estimator that learns piece by piece "
        "(partial_fit).",
    )
    later: ClassVar = ("choose", "select", "memory", "epochs")


class Retrain(Section):
    """What starts a training; findings do so by ``decide``."""

    first_after: int = Field(1, ge=1, description="Partitions of history before the first training.")
    every: int | None = Field(None, ge=1, description="Partitions from one training to the next.")
    cooldown: int = Field(
        1,
        ge=1,
        description="Partitions that must lie between two trainings asked for by findings; until then they are alerts.",
    )

    @model_validator(mode="before")
    @classmethod
    def _findings_have_moved(cls, value: Any) -> Any:
        if isinstance(value, dict) and "findings" in value:
            raise ValueError(
                "findings has become the section decide; did you mean "
                "'decide: {data_drift: retrain, realised_performance: retrain}' for [drift, decay], and note for what "
                "was left out?"
            )
        return value
