"""How good a candidate is on all test rows: by itself, against a naive model, against the champion.

Stays out: parts of the rows.
"""

import math

from scipy import stats

from lakemill.config.gate import Gate
from lakemill.config.quantities import read_share
from lakemill.evaluation.gate.evidence import Evidence, Finding

POWER = 0.9  # with which a gain is seen that "can be seen" here
FIRST = "first model: no champion"


def check_floor(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for a score that is a number, and not worse than the floor."""
    name, score = evidence.metric.name, evidence.score
    if math.isnan(score):
        return Finding("floor", False, f"{name} is not defined on the test rows")
    if gate.floor is None:
        return Finding("floor", True, f"{name} {score:.4f}, no floor set", {"score": score})
    met = evidence.metric.gain(score, gate.floor) >= 0
    text = f"{name} {score:.4f} {'reaches' if met else 'misses'} the floor {gate.floor:g}"
    return Finding("floor", met, text, {"score": score, "floor": gate.floor})


def check_naive(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for a score that is better than a naive model's by the margin."""
    wanted = gate.better_than_naive
    margin = read_share(wanted) * abs(evidence.naive) if isinstance(wanted, str) else wanted
    gain = evidence.metric.gain(evidence.score, evidence.naive)
    met = gain >= margin and gain > 0
    text = f"{gain:+.4f} against {evidence.naive_name} ({evidence.naive:.4f}), asked for {margin:+.4f}"
    return Finding("better than naive", met, text, {"gain": gain, "margin": margin})


def check_champion(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for a candidate that is better than the champion beyond doubt, or no worse than the margin: a tie keeps it.

    Notes
    -----
    The interval of the gain must lie above minus the margin. Where labels are wrong, less of a true gain shows, and so
    less of a true loss: of the margin counts as much as shows (`LabelNoise.least_attenuation`).
    """
    difference, wanted = evidence.against_champion, gate.against_champion
    if evidence.unasked is not None:
        return Finding("against champion", True, f"judged as a first model: {evidence.unasked}", {"is_asked": False})
    if difference is None:
        return Finding("against champion", True, FIRST, {"is_first": True})
    shown = evidence.noise.least_attenuation if evidence.noise is not None else 1.0
    margin = wanted.margin * shown
    met = difference.low > -margin
    text = (
        f"{difference.gain:+.4f} against the champion on the same rows, {wanted.confidence:.0%} interval "
        f"[{difference.low:+.4f}, {difference.high:+.4f}], "
    )
    if wanted.margin:
        text += f"margin {wanted.margin:g}" + (f", with wrong labels {margin:.2g}" if shown < 1 else "")
    else:
        text += "better beyond doubt" if met else "not better beyond doubt: the champion stays"
    figures = {"margin": margin, "confidence": wanted.confidence}
    if not met and difference.high > -margin:
        seen = _find_seen(difference.low, difference.high, wanted.confidence) / max(shown, 1e-9)
        figures["can_be_seen"] = seen
        text += f"; a gain of {max(0.0, seen - wanted.margin):.2g} would be seen nine times in ten on so many rows"
    return Finding("against champion", met, text, figures)


def _find_seen(low: float, high: float, confidence: float) -> float:
    """Return the gain that would be shown with the usual power, given an interval."""
    limit = float(stats.norm.isf((1 - confidence) / 2))
    return (limit + float(stats.norm.ppf(POWER))) * (high - low) / (2 * limit)
