"""The section ``gate``: what a candidate must show to be let through.

Stays out: the rules themselves (``evaluation.gate``).
"""

from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from lakemill.config.behaviour import BehaviourTest
from lakemill.config.leakage import Leakage
from lakemill.config.quantities import Confidence, Duration, Share, read_share
from lakemill.config.section import Section

Action = Literal["refuse", "note"]


class AgainstChampion(Section):
    """How much better than the champion a candidate must be, or how much worse it may be."""

    margin: float = Field(
        0.0,
        ge=0,
        description="How much worse a candidate may be, in the metric's unit: the interval of its gain must lie above "
        "minus this. 0 asks for a better one: a tie keeps the champion.",
    )
    confidence: Confidence = Field(
        0.95, description="Of the interval of the paired bootstrap, of two sides: a share of 2.5 % lies under '95 %'."
    )


class Slices(Section):
    """Parts of the test rows in which a candidate may not be bad, however good it is on average."""

    columns: tuple[str, ...] = Field(
        (), description="Columns of the table, by whose values rows are cut; besides the features, which always are."
    )
    floor: float | None = Field(
        None, description="Worst score of the metric in a slice of these columns that is let through."
    )
    tolerance: Share = Field(
        0.02,
        description="How much worse than the champion, or a naive model, a candidate may be in a slice: a share of the "
        "way from the naive model's score on all rows to the best there can be.",
    )
    action: Action = Field("refuse", description="Where it is worse beyond chance: refuse it, or say so only.")

    @model_validator(mode="before")
    @classmethod
    def _columns_alone(cls, value: Any) -> Any:
        return {"columns": value} if isinstance(value, (list, tuple)) else value


class Costs(Section):
    """What wrong predictions cost; decisions are then those that cost least by the model's probabilities."""

    false_positive: float | None = Field(
        None, ge=0, description="Of two classes: of predicting the second (in the order of their names) wrongly."
    )
    false_negative: float | None = Field(None, ge=0, description="Of two classes: of predicting the first wrongly.")
    matrix: dict[str, dict[str, float]] = Field(
        {}, description="True class, then predicted class, to the cost; what is left out costs nothing."
    )

    @model_validator(mode="after")
    def _says_costs_one_way(self) -> "Costs":
        pair = (self.false_positive, self.false_negative)
        if self.matrix and pair != (None, None):
            raise ValueError("give false_positive and false_negative, or a matrix, not both")
        if not self.matrix and (None in pair or not any(pair)):
            raise ValueError("needs both false_positive and false_negative, not both 0, or a matrix")
        return self


class ScoringTime(Section):
    """How long scoring a row may take, by the clock, many rows at once."""

    limit: Duration | None = Field(None, description="Longest time a row, like '2 milliseconds'; above it is refused.")
    times: float = Field(5.0, gt=1, description="So many times the champion's time on the same rows is slower.")
    action: Action = Field("note", description="Where it is slower than the champion: refuse it, or say so only.")

    @model_validator(mode="before")
    @classmethod
    def _limit_alone(cls, value: Any) -> Any:
        return {"limit": value} if isinstance(value, (str, timedelta)) else value


class TrainingTime(Section):
    """From when on training is too slow, or slower than it was."""

    limit: Duration | None = Field(
        None, description="Most CPU time that trials and fit may take together, like '10 minutes'; above it is refused."
    )
    times: float = Field(
        2.0, gt=1, description="So many times the CPU seconds a row that earlier trainings took (their median)."
    )
    seconds: float = Field(5.0, ge=0, description="And so many CPU seconds more, on the rows of this training.")
    action: Action = Field("note", description="Where it got slower: refuse the candidate, or say so only.")


class Skew(Section):
    """Whether rows get the same features and scores on the way of training and on the way of scoring."""

    action: Literal["refuse", "note", "skip"] = Field(
        "refuse", description="Where they do not: refuse the candidate, say so only, or do not look at all."
    )

    @model_validator(mode="before")
    @classmethod
    def _action_alone(cls, value: Any) -> Any:
        return {"action": value} if isinstance(value, str) else value


class Gate(Section):
    """What a candidate must show to be let through."""

    later: ClassVar = ()

    floor: float | None = Field(None, description="Worst score of the metric that is let through.")
    better_than_naive: float | str = Field(
        "1 %", description="Least improvement on a naive model: in the metric's unit, or '5 %' of the naive score."
    )
    against_champion: AgainstChampion = Field(
        AgainstChampion(), description="By the paired interval of its gain on the same test rows."
    )
    slices: Slices = Field(
        Slices(), description="Columns whose values cut the test rows into slices, or these with their limits."
    )
    calibration: Share | None = Field(
        None,
        description="Largest calibration error beyond chance, of probabilities, like 0.03; of numbers the share of the "
        "squared error. Only noted if left out.",
    )
    threshold: Share = Field(
        0.5, description="Probability of the second of two classes from which precision and recall count it."
    )
    costs: Costs | None = Field(
        None, description="What wrong predictions cost; the candidate must then cost less than a decision without it."
    )
    scoring_time: ScoringTime = Field(ScoringTime(), description="A limit like '2 milliseconds', or these keys.")
    training_time: TrainingTime = TrainingTime()
    leakage: Leakage = Field(
        Leakage(), description="Proofs that no knowledge leaks in: refuse, warn or skip, or these with their limits."
    )
    skew: Skew = Field(Skew(), description="Training-scoring skew: refuse, note or skip.")
    behaviour: str | tuple[BehaviourTest, ...] = Field(
        (), description="File with tests of behaviour (YAML, a list), or these tests themselves."
    )

    @field_validator("better_than_naive")
    @classmethod
    def _readable(cls, value: float | str) -> float | str:
        if isinstance(value, str):
            read_share(value)
        return value
