"""All rules, in the order in which they are told.

To add one: a function in a module of this folder that takes `Evidence` and the section ``gate`` and returns a
`Finding`, and a line in ``RULES``.
"""

from collections.abc import Callable

from lakemill.config.gate import Gate
from lakemill.evaluation.gate.evidence import Evidence, Finding
from lakemill.evaluation.gate.parts import check_calibration, check_cost, check_slices
from lakemill.evaluation.gate.quality import check_champion, check_floor, check_naive
from lakemill.evaluation.gate.soundness import (
    check_behaviour,
    check_leakage,
    check_skew,
    note_features,
    note_label_noise,
)
from lakemill.evaluation.gate.speed import check_scoring_time, check_training_time

RULES: tuple[Callable[[Evidence, Gate], Finding], ...] = (
    check_floor,
    check_naive,
    check_champion,
    check_slices,
    check_cost,
    check_calibration,
    check_leakage,
    check_skew,
    check_behaviour,
    check_scoring_time,
    check_training_time,
    note_label_noise,
    note_features,
)


def judge(evidence: Evidence, gate: Gate) -> list[Finding]:
    """Return what each rule found.

    Parameters
    ----------
    evidence : Evidence
    gate : Gate

    Returns
    -------
    list of Finding
        The candidate is let through if all are met.
    """
    return [rule(evidence, gate) for rule in RULES]
