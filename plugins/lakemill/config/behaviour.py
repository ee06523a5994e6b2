"""Tests of behaviour: what must hold of a model's scores when a feature of a row is changed.

Stays out: scoring rows (``evaluation.behaviour``), reading files (``loading.py``).
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from lakemill.config.quantities import Share
from lakemill.config.section import Section


class Invariance(Section):
    """A column's value hardly matters."""

    test: Literal["invariance"]
    column: str = Field(description="Feature that is changed.")
    values: list[str | float] = Field(min_length=1, description="Values that each row is given in turn.")
    tolerance: float = Field(0.05, ge=0, description="How far a row's scores may lie apart.")
    share: Share = Field(0.95, description="Least share of the rows of which this holds.")
    of: str | None = Field(None, description="Class whose probability is the score; the second of two if left out.")


class Direction(Section):
    """A higher number raises the score, or lowers it."""

    test: Literal["direction"]
    column: str = Field(description="Numeric feature that is raised.")
    by: float = Field(gt=0, description="How much it is raised.")
    score: Literal["rises", "falls"] = Field(description="What the score then does, or it stays.")
    tolerance: float = Field(0.0, ge=0, description="How far it may go the other way.")
    share: Share = Field(0.95, description="Least share of the rows of which this holds.")
    of: str | None = Field(None, description="Class whose probability is the score; the second of two if left out.")


BehaviourTest = Annotated[Invariance | Direction, Field(discriminator="test")]
BEHAVIOUR = TypeAdapter(tuple[BehaviourTest, ...])
