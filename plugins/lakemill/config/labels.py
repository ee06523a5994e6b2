"""The section ``labels`` of a workflow file: how the ground truth is looked at, and what follows from it.

Stays out: what the label is (``table.label``).
"""

from typing import Literal

from pydantic import Field, field_validator

from lakemill.config.section import Name, Section


class LabelAudit(Section):
    """How labels are audited before a training."""

    audit: bool = Field(True, description="Whether each training first estimates the noise of its labels.")
    rows: int = Field(20_000, ge=100, description="At most so many rows are audited, drawn by train.seed.")
    folds: int = Field(5, ge=2, le=20, description="Each row is judged by a model that was fitted on the other folds.")
    candidate: Name | None = Field(
        None, description="Judge by this candidate with its fixed parameters; by extremely random trees if left out."
    )
    annotators: tuple[str, ...] = Field((), description="Columns of the table: the label that each annotator gave.")
    reviews: int = Field(
        200, ge=1, le=10_000, description="Length of the queue of labels that a person should look at."
    )
    flagged: Literal["report", "drop"] = Field(
        "report", description="Rows whose labels are taken for wrong: only reported, or also kept from fitting."
    )

    @field_validator("annotators")
    @classmethod
    def _several_and_each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) == 1 or len(set(value)) < len(value):
            raise ValueError("name at least two columns, each once")
        return value
