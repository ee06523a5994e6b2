"""The workflow file as values: one frozen model a section, every key described.

Stays out: reading files and wording errors (``loading.py``).
"""

import fnmatch
import hashlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from lakemill.config.approving import Approve, DeclaredApprove
from lakemill.config.behaviour import Direction
from lakemill.config.cleaning import CleaningRule, Duplicates
from lakemill.config.dataset import Dataset, PredefinedSplit, StratifiedSplit, TimeSplit, find_column
from lakemill.config.deciding import Decide
from lakemill.config.defaults import CANDIDATES, METRIC
from lakemill.config.extractors import name_columns
from lakemill.config.features import ALL, DeclaredFeatures, Features
from lakemill.config.gate import Gate
from lakemill.config.labels import LabelAudit
from lakemill.config.monitoring import Monitor
from lakemill.config.notifying import Log, Notify
from lakemill.config.partition import Partition
from lakemill.config.section import Name, Section
from lakemill.config.sources import MEDIA, Source
from lakemill.config.table import Table
from lakemill.config.training import METRICS, Candidate, Retrain, Train

TABLE = "table"  # the name by which expectations speak of the built table


def _no_name_of_ours(name: str) -> str:
    if name == TABLE:
        raise ValueError(f"'{TABLE}' is the name of the built table: give the source another one")
    return name


SourceName = Annotated[Name, AfterValidator(_no_name_of_ours)]


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
    decide: Decide = Decide()
    retrain: Retrain = Retrain()
    notify: tuple[Notify, ...] = Field((Log(by="log"),), description="Who is told of verdicts: a list of ways.")
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
    def _searches_groups_of_features(self) -> "Workflow":
        if self.features.groups:
            switching = {name: one.switch(self.features.groups) for name, one in self.train.candidates.items()}
            object.__setattr__(self, "train", self.train.model_copy(update={"candidates": switching}))
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
