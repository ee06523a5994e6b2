"""How good a candidate is in parts and in kind: slices of the rows, probabilities, costs of wrong decisions.

Stays out: its score on all rows.
"""

import math

from scipy import stats

from lakemill.config.gate import Gate
from lakemill.evaluation.figures import COST
from lakemill.evaluation.gate.evidence import Evidence, Finding
from lakemill.evaluation.slices import SliceGain

SHOWN = 3
ONE_SIDED = 0.95


def check_slices(evidence: Evidence, gate: Gate) -> Finding:
    """Ask that no slice is worse than the champion, or a naive model, by more than is tolerated, beyond chance."""
    report, rule = evidence.slices, "slices"
    if report is None or not report.slices:
        return Finding(rule, True, "no slice holds rows enough to be judged")
    name, failed = evidence.metric.name, report.failed
    figures = {"slices": len(report.slices), "tolerance": report.tolerance}
    if not failed:
        least = report.slices[0]
        text = (
            f"none of {len(report.slices)} slices is worse than {report.against} beyond chance; least gain "
            f"{least.gain:+.4f} in {least.cut}"
        )
        return Finding(rule, True, text, figures)
    told = [_tell(one, name, report.against, gate.slices.floor) for one in failed[:SHOWN]]
    more = [f"and {len(failed) - SHOWN} more"] if len(failed) > SHOWN else []
    met = gate.slices.action == "note"
    return Finding(rule, met, ("note: " if met else "") + "; ".join(told + more), figures)


def check_calibration(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for a calibration error that is not above the limit, beyond chance; only tell of it where none is set."""
    found, rule, limit = evidence.calibration, "calibration", gate.calibration
    if found is None:
        return Finding(rule, True, "not measured")
    low = found.effect - float(stats.norm.ppf(ONE_SIDED)) * found.standard_error
    figures = {"effect": found.effect, "low": low}
    text = f"calibration error {found.error:.3g}, beyond chance {max(0.0, found.effect):.3g}"
    if limit is None:
        return Finding(rule, True, (f"note: off, {text}" if found.is_off else text) + "; no limit set", figures)
    met = low <= limit
    told = f"{text}, {'not surely' if found.effect > limit and met else 'surely' if not met else 'not'} above the limit"
    remedy = "" if met else ": calibrate it, as sklearn.calibration.CalibratedClassifierCV does"
    return Finding(rule, met, f"{told} {limit:g}{remedy}", figures)


def check_cost(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for decisions that cost less than the best one without a model, and not surely more than the champion's."""
    rule = "cost"
    if gate.costs is None:
        return Finding(rule, True, "no costs declared")
    if evidence.cost_problem is not None:
        return Finding(rule, False, f"gate.costs: {evidence.cost_problem}")
    figure = next(one for one in evidence.figures if one.metric == COST)
    met = figure.score < evidence.cost_without
    text = f"{figure.score:.4g} a row, {evidence.cost_without:.4g} by the best decision without a model"
    if figure.difference is not None and figure.champion is not None:
        is_dearer = figure.difference.high < 0
        text += f", {figure.champion.gain:.4g} by the champion{', surely less' if is_dearer else ''}"
        met = met and not is_dearer
    return Finding(rule, met, text, {"cost": figure.score, "without": evidence.cost_without})


def _tell(one: SliceGain, name: str, against: str, floor: float | None) -> str:
    if one.is_worse:
        return (
            f"{one.cut} ({one.rows:,} rows): {name} {one.score:.4f}, {one.gain:+.4f} against {against}, at most "
            f"{one.high:+.4f} beyond chance"
        )
    assert floor is not None and not math.isnan(floor)  # noqa: S101, PT018  # else it could not lie under it
    return f"{one.cut} ({one.rows:,} rows): {name} {one.score:.4f} misses the floor of slices {floor:g} beyond chance"
