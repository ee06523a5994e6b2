"""The section ``approve``: whether a person is asked before a candidate takes charge.

Stays out: asking (``orchestration.approval``), and what is a risk (``registry.approval``).
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from lakemill.config.quantities import Duration, Share
from lakemill.config.section import Section

When = Literal["never", "always", "on risk"]


class Approve(Section):
    """When a person is asked, and how long there is to answer."""

    when: When = Field(
        "never",
        description="Whether a person is asked about a candidate that the gate lets through. on risk: where its gain "
        "over the champion is small, a rule of the gate warns, or many predictions change.",
    )
    within: Duration = Field(
        timedelta(days=3),
        gt=timedelta(0),
        description="Time to answer; without an answer the candidate is rejected. Later partitions wait for it, as "
        "they do for the training.",
    )
    changed: Share = Field(
        0.1,
        description="A risk is when more predictions than this share differ from the champion's: other classes, or "
        "numbers that differ by more than a tenth of the standard deviation of the champion's.",
    )


def _read_word(value: Any) -> Any:
    return {"when": value} if isinstance(value, str) else value


DeclaredApprove = Annotated[Approve, BeforeValidator(_read_word, json_schema_input_type=Approve | When)]
