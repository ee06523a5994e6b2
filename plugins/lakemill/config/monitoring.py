"""Section ``monitor`` of the workflow file: when a partition differs, and when a model decays.

Stays out: what follows from it (``deciding.py``).
"""

from pydantic import Field, model_validator

from lakemill.config.quantities import Confidence, Share
from lakemill.config.section import Section


class Alarm(Section):
    """In how many partitions a difference must be found before it is drift."""

    found: int = Field(2, ge=1, description="In so many, the one that is judged being the last of them.")
    of: int = Field(3, ge=1, description="Of the last so many.")

    @model_validator(mode="after")
    def _can_be_reached(self) -> "Alarm":
        if self.found > self.of:
            raise ValueError(f"found must be at most of; got {self.found} of {self.of}")
        return self


class Monitor(Section):
    """When a partition differs, and when a model decays."""

    effect: float = Field(
        0.05,
        gt=0,
        le=1,
        description="Differences under it are no drift: a Kolmogorov-Smirnov distance, or a change of the shares of "
        "categories or of missing values. 0.05 is what a shift by an eighth of a standard deviation makes.",
    )
    confidence: Confidence = Field(
        0.99,
        description="And only if chance, and what the past makes usual, are excluded so far for all columns together.",
    )
    columns: Share = Field(0.0, description="The partition drifts if this share of the features does; at least one.")
    alarm: Alarm = Field(
        Alarm(),
        description="A difference is drift, and a champion worse than another model, where that is found in so many of "
        "the last partitions; at once if large.",
    )
    history: int = Field(
        24,
        ge=1,
        description="Partitions before it, and as many of its month, weekday or hour, that limits are learnt from.",
    )
    together: bool = Field(
        False,
        description="Also ask of all columns together whether a classifier can tell the partition from the reference.",
    )
    decay: float | None = Field(
        None,
        gt=0,
        description="The model decays if it scores worse by this than at the gate, in the metric's unit, and beyond "
        "chance.",
    )
    quarantined: Share = Field(
        0.1, description="Data quality is a finding where more of the partition's rows than this share are refused."
    )
    rows: int = Field(50, ge=2, description="Fewer rows are not judged.")
