"""What the rules look at, and what each of them says.

Stays out: the rules.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from lakemill.evaluation.behaviour import Behaviour
from lakemill.evaluation.calibration import Calibration
from lakemill.evaluation.comparison import Difference, Figure
from lakemill.evaluation.importance import Importance
from lakemill.evaluation.leakage import Proof
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.pace import Pace
from lakemill.evaluation.scoring_time import ScoringPace
from lakemill.evaluation.skew import Skew
from lakemill.evaluation.slices import SliceReport


@dataclass(frozen=True)
class LabelNoise:
    """What the audit of labels says of the metric.

    Attributes
    ----------
    rate, low, high : float
        Share of wrong labels, with its interval.
    ceiling : float or None
        What a model that knows the truth would score against these labels.
    attenuation : float or None
        How much of a true gain on another model shows against them.
    """

    rate: float
    low: float
    high: float
    ceiling: float | None = None
    attenuation: float | None = None

    @property
    def least_attenuation(self) -> float:
        """How much of a true gain shows if as many labels are wrong as may be; 1 where that is not known."""
        if self.attenuation is None or self.rate <= 0:
            return 1.0
        return max(0.0, 1 - (1 - self.attenuation) * self.high / self.rate)


@dataclass(frozen=True)
class Evidence:
    """What is known of a candidate on the untouched test rows.

    Attributes
    ----------
    metric : Metric
    score, naive : float
        Of the candidate and of a naive model.
    against_champion : Difference or None
        None where there is no champion, or it cannot be asked.
    proofs : tuple of Proof
        That nothing leaks; none where they were skipped.
    paces : tuple of Pace
        How long the parts of the training took; none where they were not measured.
    naive_name : str
        What the naive model predicts.
    figures : tuple of Figure
        All figures of candidate and champion.
    cost_without : float
        Of a row, by the cheapest decision without a model; NaN where no costs are declared.
    cost_problem : str or None
        Why the declared costs say nothing.
    slices : SliceReport or None
    calibration : Calibration or None
    scoring : ScoringPace or None
    noise : LabelNoise or None
        None where labels were not audited, or their noise is not clear.
    skew : Skew or None
        None where it was not looked for.
    behaviours : tuple of Behaviour
    importances : tuple of Importance
        The greatest first; none where they were not measured.
    unasked : str or None
        Why the champion cannot be asked, where there is one.
    """

    metric: Metric
    score: float
    naive: float
    against_champion: Difference | None
    proofs: tuple[Proof, ...] = ()
    paces: tuple[Pace, ...] = ()
    naive_name: str = "a naive model"
    figures: tuple[Figure, ...] = ()
    cost_without: float = math.nan
    cost_problem: str | None = None
    slices: SliceReport | None = None
    calibration: Calibration | None = None
    scoring: ScoringPace | None = None
    noise: LabelNoise | None = None
    skew: Skew | None = None
    behaviours: tuple[Behaviour, ...] = ()
    importances: tuple[Importance, ...] = ()
    unasked: str | None = None


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    Attributes
    ----------
    rule : str
    is_met : bool
    text : str
        In a sentence, with what to do where it is not met.
    figures : dict
        That it rests on.
    """

    rule: str
    is_met: bool
    text: str
    figures: dict[str, Any] = field(default_factory=dict)
