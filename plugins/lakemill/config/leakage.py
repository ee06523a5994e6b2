"""The settings of the leakage proofs: what is done where one fails, and from where on it does.

Stays out: the proofs (``evaluation.leakage``).
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from lakemill.config.quantities import Share
from lakemill.config.section import Section


class Leakage(Section):
    """What a training run must prove of its rows, features and model, besides that it is good."""

    action: Literal["refuse", "warn", "skip"] = Field(
        "refuse", description="Where a proof fails: refuse the candidate, say so only, or do not look at all."
    )
    allow: tuple[str, ...] = Field(
        (), description="Features that may predict nearly everything alone, since they are known at the event time."
    )
    alone: float | None = Field(
        None,
        gt=0,
        le=1,
        description="A feature is suspect if it alone reaches this skill, from 0 (chance) to 1 (perfect), and all "
        "others together do not come near: of 2 AUC - 1 for classes (0.9 if left out), of R2 on ranks for numbers "
        "(0.95).",
    )
    duplicates: Share = Field(
        0.05,
        description="Share of test rows that may equal a training row in all features, beyond what is to be expected.",
    )

    @model_validator(mode="before")
    @classmethod
    def _action_alone(cls, value: Any) -> Any:
        if isinstance(value, bool):  # YAML's word for on and off
            raise ValueError("must be refuse, warn or skip, or hold keys")
        return {"action": value} if isinstance(value, str) else value
