"""The section ``decide``: what follows from each finding of monitoring.

Stays out: when something is a finding (``monitoring.py``), and the decision itself (``lakemill.monitoring.decision``).
"""

from typing import Any, Literal

from pydantic import Field

from lakemill.config.section import Section

Consequence = Literal["nothing", "note", "alert", "retrain"]
WithRollback = Literal["nothing", "note", "alert", "retrain", "roll back"]
RANKS: tuple[WithRollback, ...] = ("nothing", "note", "alert", "retrain", "roll back")  # the strongest decides


class Decide(Section):
    """The decision table: a finding, and what follows from it."""

    data_quality: Consequence = Field(
        "alert",
        description="An expectation that warns does not hold, or too many rows are refused (monitor.quarantined).",
    )
    data_drift: Consequence = Field("note", description="Features differ from those that the champion was trained on.")
    prediction_drift: Consequence = Field("note", description="The champion predicts otherwise than it did.")
    label_shift: Consequence = Field(
        "note", description="Labels that became known differ from those that the champion was trained on."
    )
    estimated_performance: Consequence = Field(
        "alert", description="The champion is expected to score worse, before labels are known."
    )
    realised_performance: Consequence = Field(
        "retrain",
        description="The champion scores worse than at the gate, by more than monitor.decay and beyond chance.",
    )
    concept_drift: Consequence = Field("retrain", description="The champion's errors have changed.")
    worse_than_candidate: Consequence = Field(
        "note",
        description="The champion scores worse, beyond chance, than the model of the last training, which is not in "
        "charge, on the same rows, as often as monitor.alarm asks for.",
    )
    worse_than_previous: WithRollback = Field(
        "roll back",
        description="The champion scores worse, beyond chance, than the one before it on the same rows, as often as "
        "monitor.alarm asks for.",
    )

    def follow(self, name: str) -> WithRollback:
        """Return what follows from a finding of this name."""
        consequence: Any = getattr(self, name)
        return consequence


FINDINGS: tuple[str, ...] = tuple(Decide.model_fields)
