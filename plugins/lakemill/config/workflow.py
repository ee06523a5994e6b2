"""The workflow file as values: one frozen model a section, every key described.

Stays out: reading files and wording errors (``loading.py``).
"""

import fnmatch
import hashlib
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from lakemill.config.approving import Approve, DeclaredApprove
from lakemill.config.behaviour import Direction
from lakemill.config.choosing import Choose
from lakemill.config.cleaning import CleaningRule, Duplicates
from lakemill.config.dataset import Dataset, PredefinedSplit, StratifiedSplit, TimeSplit, find_column
from lakemill.config.defaults import CANDIDATES, METRIC, find_fixed, find_search, is_dear
from lakemill.config.extractors import name_columns
from lakemill.config.features import ALL, DeclaredFeatures, Features
from lakemill.config.gate import Gate
from lakemill.config.labels import LabelAudit
from lakemill.config.monitoring import Monitor
from lakemill.config.partition import Partition
from lakemill.config.quantities import ByteSize, Duration
from lakemill.config.section import Name, Section
from lakemill.config.sources import MEDIA, Source

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
TABLE = "table"  # the name by which expectations speak of the built table
# a trial only has to tell parameters apart; the model itself is fitted on all rows
LEAST_ROWS_OF_WIDE_TABLES, LEAST_ROWS_OF_MANY_CLASSES = 10_000, 5_000
# what the lake adds to the rows of predictions
PREDICTION_COLUMNS = ("score", "predicted", "classes", "probabilities", "model_version", "reason", "partition")


def _no_name_of_ours(name: str) -> str:
    if name == TABLE:
        raise ValueError(f"'{TABLE}' is the name of the built table: give the source another one")
    return name


SourceName = Annotated[Name, AfterValidator(_no_name_of_ours)]


def _find_twice(names: tuple[str, ...]) -> list[str]:
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
        if twice := _find_twice(value):
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
        return Candidate(estimator=self.estimator, parameters=fixed, encode=self.encode)


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
    later: ClassVar = ("choose", "memory", "epochs")


class Retrain(Section):
    """What starts a training."""

    first_after: int = Field(1, ge=1, description="Partitions of history before the first training.")
    every: int | None = Field(None, ge=1, description="Partitions from one training to the next.")
    findings: tuple[Literal["drift", "decay"], ...] = Field(("drift", "decay"), description="Findings that retrain.")
    cooldown: int = Field(1, ge=1, description="Partitions that must lie between two trainings asked for by findings.")


class Score(Section):
    """What else than the champion's scores is kept."""

    shadow: tuple[Literal["candidate", "previous"], ...] = Field(
        (),
        description="Challengers that score each partition beside the champion, into shadow_predictions: candidate, "
        "the last model that was judged and is not in charge; previous, the champion before.",
    )


class Workflow(Section):
    """One machine-learning problem."""

    workflow: Name = Field(description="Name: the file's name without .yaml.")
    description: str = Field(min_length=1, description="The question, in a sentence.")
    partition: Partition
    collect: dict[SourceName, Source] = Field(min_length=1, description="Sources by name.")
    table: Table
    expectations: dict[str, str] | str = Field(
        {}, description="Great Expectations suites (JSON): one for the table, or by name of source and 'table'."
    )
    clean: tuple[CleaningRule, ...] = Field((Duplicates(rule="duplicates"),), description="Cleaning rules, in order.")
    features: DeclaredFeatures = Field(
        Features(auto=ALL), description="Columns that the model sees; all that have no other part if left out."
    )
    dataset: Dataset = Field(TimeSplit(), description="How rows are split; by event time if left out.")
    train: Train = Train()
    labels: LabelAudit = LabelAudit()
    gate: Gate = Gate()
    approve: DeclaredApprove = Field(
        Approve(), description="Whether a person is asked before a candidate takes charge: never, always, on risk."
    )
    score: Score = Score()
    monitor: Monitor = Monitor()
    retrain: Retrain = Retrain()
    _declared_hash: str | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _completes_training(self) -> "Workflow":
        problem = self.table.label.problem
        usual = {name: Candidate.model_validate(one) for name, one in CANDIDATES[problem].items()}
        completed = {"candidates": self.train.candidates or usual, "metric": self.train.metric or METRIC[problem]}
        object.__setattr__(self, "train", self.train.model_copy(update=completed))  # so that every room sees it
        return self

    @model_validator(mode="after")
    def _names_features_of_media(self) -> "Workflow":
        made = [name for one in self.collect.values() if isinstance(one, MEDIA) for name in name_columns(one.extract)]
        features = self.features
        named: dict[str, Any] = {"timezone": features.timezone or self.partition.timezone}
        for kind in ("numeric", "auto"):
            if getattr(features, kind) == ALL:
                continue
            found: list[str] = []
            for name in getattr(features, kind):
                matching = fnmatch.filter(made, name) if "*" in name else [name]
                if not matching:
                    raise ValueError(f"features.{kind}: {name!r} is none of the columns that media files are made into")
                found += matching
            named[kind] = tuple(found)
        # in place of the pattern, so that every room sees columns only
        object.__setattr__(self, "features", Features.model_validate({**dict(features), **named}))
        return self

    @model_validator(mode="after")
    def _finds_later_labels(self) -> "Workflow":
        label = self.table.label
        if label.source is None:
            return self
        if label.source not in self.collect or not self.table_sources:
            known = ", ".join(name for name in self.collect if name != label.source) or "none other"
            raise ValueError(
                f"table.label.source: must be one of several sources under collect ({known}); got {label.source!r}"
            )
        if isinstance(self.collect[label.source], MEDIA):
            raise ValueError(f"table.label.source: {label.source!r} is of media files, labels are rows")
        for rule in self.clean:
            if label.column in (*rule.named, *rule.added):
                raise ValueError(f"clean ({rule.rule}): the label comes from {label.source}, where no rule sees it")
        return self

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Workflow":
        label = self.table.label
        if self.train.metric not in METRICS[label.problem]:
            known = ", ".join(METRICS[label.problem])
            raise ValueError(f"train.metric: must be one of {known} for {label.problem}; got {self.train.metric!r}")
        features, event_time = self.features, self.table.event_time
        named = (*features.columns, *(features.auto if features.auto != ALL else ()))
        if label.column in named:
            raise ValueError(f"features: the label {label.column!r} cannot be a feature")
        if event_time in named and event_time not in features.dates:
            raise ValueError(f"features: the event time {event_time!r} can only be a feature under dates")
        if self.table.sql is None and len(self.table_sources) > 1:
            raise ValueError("table.sql: several sources need a query that makes one table of them")
        if self.labels.candidate not in (None, *self.train.candidates):
            known = ", ".join(self.train.candidates)
            raise ValueError(f"labels.candidate: must be one of {known}; got {self.labels.candidate!r}")
        if seen := sorted({*self.labels.annotators} & {*self.features.columns, self.table.event_time}):
            raise ValueError(f"labels.annotators: {seen[0]!r} cannot be a feature or the event time")
        unknown = [name for name in self.suites if name not in (*self.collect, TABLE)]
        if unknown:
            raise ValueError(f"expectations.{unknown[0]}: must be one of {', '.join((*self.collect, TABLE))}")
        return self

    @model_validator(mode="after")
    def _splits_by_what_it_can(self) -> "Workflow":
        column, label = find_column(self.dataset), self.table.label
        if isinstance(self.dataset, StratifiedSplit):
            if column is None and label.problem == "regression":
                raise ValueError("dataset: stratified keeps the shares of classes: name a column, or use split: random")
        elif column == label.column:
            raise ValueError(f"dataset.column: the label {column!r} cannot decide what a row is used for")
        if isinstance(self.dataset, PredefinedSplit) and column in self.features.columns:
            raise ValueError(
                f"features: {column!r} tells what a row is used for (dataset.column), it cannot be a feature"
            )
        return self

    @model_validator(mode="after")
    def _knows_features_at_the_event_time(self) -> "Workflow":
        known_after = self.table.known_after
        if self.table.label.column in known_after:
            raise ValueError("table.known_after: the label has its own, label.known_after")
        if self.table.event_time in known_after:
            raise ValueError(f"table.known_after: {self.table.event_time!r} is the event time itself")
        for name in self.features.columns:
            if known_after.get(name):
                raise ValueError(
                    f"features: {name!r} is known only {known_after[name]} after the event time (table.known_after), "
                    "too late to predict from"
                )
        unknown = [name for name in self.gate.leakage.allow if name not in self.features.columns]
        if unknown and not self.features.are_open:
            raise ValueError(f"gate.leakage.allow: {unknown[0]!r} is no feature")
        return self

    @model_validator(mode="after")
    def _judges_what_there_is(self) -> "Workflow":
        self._check_gate(self.gate)
        return self

    def _check_gate(self, gate: Gate) -> None:
        if gate.costs is not None and self.table.label.problem == "regression":
            raise ValueError("gate.costs: costs are of wrong classes, and the label is a number")
        if self.table.label.column in gate.slices.columns:
            raise ValueError(f"gate.slices: the label {self.table.label.column!r} cannot cut rows into slices")
        for number, test in enumerate(() if isinstance(gate.behaviour, str) else gate.behaviour):
            if self.features.are_open:
                continue
            if test.column not in self.features.columns:
                raise ValueError(
                    f"gate.behaviour.{number}: {test.column!r} is no feature: {', '.join(self.features.columns)}"
                )
            if isinstance(test, Direction) and test.column not in self.features.numbers:
                raise ValueError(f"gate.behaviour.{number}: direction needs a number, {test.column!r} is none")

    @model_validator(mode="after")
    def _looks_back_on_what_is_known(self) -> "Workflow":
        labels = (self.table.label.column, *self.labels.annotators)
        for window in self.features.windows:
            for name in (*window.columns, *window.by):
                if name in labels or self.table.known_after.get(name):
                    what = "a label" if name in labels else "known only later (table.known_after)"
                    raise ValueError(
                        f"features.windows: {name!r} is {what}, and cannot be looked back on: what was known of it "
                        "when a row was scored is not what is known when a model is trained"
                    )
            if self.table.event_time in window.columns:
                raise ValueError(f"features.windows: the event time {self.table.event_time!r} is no number")
        for name in self.features.made:
            if name in self.columns_with_a_part:
                raise ValueError(f"features.windows: {name!r} has another part: give the window a suffix")
        return self

    @property
    def table_sources(self) -> dict[str, Source]:
        """Sources that the table is made of: all but one that brings labels later."""
        return {name: source for name, source in self.collect.items() if name != self.table.label.source}

    @property
    def suites(self) -> dict[str, str]:
        """Paths of suites by the name of a source, or ``table``."""
        return {TABLE: self.expectations} if isinstance(self.expectations, str) else self.expectations

    @property
    def columns_with_a_part(self) -> frozenset[str]:
        """Columns of the table that are key, event time, label, what rows are split by, or known too late."""
        late = {name for name, delay in self.table.known_after.items() if delay}
        column = find_column(self.dataset)
        split_by = {column} if column is not None and self.dataset.split in ("group", "predefined") else set()
        named = {*self.table.key, self.table.event_time, self.table.label.column, *self.labels.annotators}
        return frozenset(named | late | split_by)

    def with_features(self, features: Features) -> "Workflow":
        """Return the same workflow with features that were found; its training hash stays that of the file."""
        closed = self.model_copy(update={"features": features})
        closed._declared_hash = self.training_hash()
        return closed

    def suit(self, columns: int, classes: int = 0) -> "Workflow":
        """Return the same workflow with candidates that suit a table's shape; its training hash stays the file's."""
        candidates = {name: one.suit(columns, classes) for name, one in self.train.candidates.items()}
        if candidates == self.train.candidates:
            return self
        suited = self.model_copy(update={"train": self.train.model_copy(update={"candidates": candidates})})
        suited._declared_hash = self.training_hash()
        return suited

    def with_gate(self, gate: Gate) -> "Workflow":
        """Return the same workflow with another gate, whose tests must be of its features.

        Raises
        ------
        ValueError
            If one is not.
        """
        self._check_gate(gate)
        return self.model_copy(update={"gate": gate})

    def training_hash(self) -> str:
        """Return a hash of all that a fitted model depends on: data, features and training, not monitoring.

        Features that were found (`with_features`) do not change it: it is the file's.

        Returns
        -------
        str
            16 hexadecimal digits.
        """
        if self._declared_hash is not None:
            return self._declared_hash
        sections = {"collect", "table", "clean", "features", "dataset", "train"}
        if self.labels.audit and self.labels.flagged == "drop":  # else nothing that is fitted depends on the audit
            sections.add("labels")
        parts = self.model_dump_json(include=sections)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]
