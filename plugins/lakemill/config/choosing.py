"""The section ``train.choose``: which of the tuned models is fitted, weighing its score against its training time.

Stays out: the choice (``training.choosing``).
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from lakemill.config.quantities import Duration
from lakemill.config.section import Section


class Choose(Section):
    """What is fitted of what was tried."""

    rule: Literal["best", "cheapest"] = Field(
        "best",
        description="best: the best score on validation rows. cheapest: of all trials within one standard error of "
        "the best score, the one that takes the least CPU time to fit.",
    )
    best_under: Duration | None = Field(
        None,
        description="The best score of all trials that are expected to be fitted in so much CPU time, like "
        "'30 seconds', on all training and validation rows; the cheapest where none is.",
    )

    @model_validator(mode="before")
    @classmethod
    def _rule_alone(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"rule": value}
        if not isinstance(value, (dict, Choose)):
            raise ValueError("must be best, cheapest or {best_under: 30 seconds}")
        return value

    @model_validator(mode="after")
    def _one_of_them(self) -> "Choose":
        if self.best_under is not None and self.rule != "best":
            raise ValueError("must be cheapest or best_under, not both")
        if self.best_under is not None and not self.best_under:
            raise ValueError("best_under must be longer than nothing")
        return self
