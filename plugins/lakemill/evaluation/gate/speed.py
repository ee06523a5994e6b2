"""How long a candidate takes: to train, and to score a row, against limits and against what was before it.

Stays out: measuring.
"""

from datetime import timedelta

from lakemill.config.gate import Gate
from lakemill.evaluation.gate.evidence import Evidence, Finding


def check_training_time(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for a training under the limit, and tell, or refuse, where it got slower on as many rows."""
    rule, wanted = "training time", gate.training_time
    total = sum(pace.seconds for pace in evidence.paces)
    figures = {"cpu_seconds": total}
    if wanted.limit is not None and evidence.paces and total > wanted.limit.total_seconds():
        limit = wanted.limit.total_seconds()
        text = f"trials and fit took {total:.1f} CPU s, above the limit of {limit:g} s: lower train.budget"
        return Finding(rule, False, text, figures)
    compared = [pace for pace in evidence.paces if pace.earlier]
    if slower := [str(pace) for pace in compared if pace.is_slower(wanted)]:
        met = wanted.action == "note"
        return Finding(rule, met, f"{'note: ' if met else ''}training got slower: {'; '.join(slower)}", figures)
    if not compared:
        return Finding(rule, True, "no earlier training time to compare with", figures)
    return Finding(rule, True, "training no slower than before", figures)


def check_scoring_time(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for a row that is scored within the limit, and tell, or refuse, where the champion is much faster.

    A busy machine makes single repeats longer: the limit is held against the fastest, the champion against the repeat
    beside each.
    """
    rule, wanted, found = "scoring time", gate.scoring_time, evidence.scoring
    if found is None:
        return Finding(rule, True, "not measured")
    figures = {"seconds": found.usual, "least": found.least, "times": found.times, "rows": found.rows}
    text = f"{_word(found.usual)} a row, {found.rows:,} rows at once"
    if wanted.limit is not None and found.least > wanted.limit.total_seconds():
        return Finding(rule, False, f"{text}, above the limit of {_word(wanted.limit.total_seconds())}", figures)
    if found.times is None:
        return Finding(rule, True, text, figures)
    text = f"{text}, {found.times:.1f} times the champion's"
    if found.times < wanted.times:
        return Finding(rule, True, text, figures)
    met = wanted.action == "note"
    told = f"{'note: ' if met else ''}slower to score: {text}, at most {wanted.times:g} times is usual"
    return Finding(rule, met, told, figures)


def _word(seconds: float) -> str:
    return f"{timedelta(seconds=seconds) / timedelta(milliseconds=1):.3g} ms"
