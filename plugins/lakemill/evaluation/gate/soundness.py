"""Whether a score can be believed: leakage, wrong labels, training-scoring skew, behaviour, and what it rests on.

Stays out: how good the score is.
"""

from lakemill.config.gate import Gate
from lakemill.evaluation.gate.evidence import Evidence, Finding

SHOWN = 5


def check_leakage(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for proofs that nothing leaks, or only tell of those that fail, where the workflow says so."""
    failed = [f"{proof.name}: no, {proof.text}" for proof in evidence.proofs if not proof.holds]
    if not evidence.proofs:
        return Finding("leakage", True, "leakage not looked for (gate.leakage: skip)")
    if not failed:
        doubts = [f"; {proof.text}" for proof in evidence.proofs if proof.is_doubtful]
        return Finding("leakage", True, f"no leak found by {len(evidence.proofs)} proofs" + "".join(doubts))
    met = gate.leakage.action != "refuse"
    return Finding("leakage", met, ("warning: " if met else "") + "; ".join(failed))


def check_skew(evidence: Evidence, gate: Gate) -> Finding:
    """Ask that test rows have the same features and scores on the way of scoring as on that of training."""
    found, rule = evidence.skew, "skew"
    if found is None:
        why = "not looked for (gate.skew: skip)" if gate.skew.action == "skip" else "no test rows to compare"
        return Finding(rule, True, why)
    figures = {"rows": found.rows, "lacking": found.lacking, "scores": found.scores, "features": found.features}
    if not found.is_there:
        text = f"{found.rows:,} test rows of {found.partition} have the same features and scores when they are scored"
        return Finding(rule, True, text, figures)
    told = [f"{found.lacking:,} test rows are not scored"] if found.lacking else []
    told += [f"{name} differs in {count:,} rows" for name, count in list(found.features.items())[:SHOWN]]
    if found.scores:
        told.append(f"{found.scores:,} rows are scored otherwise, by {found.largest:.3g} at most")
    if not found.features and found.scores:
        told.append("their features are the same, so a row's score depends on the rows beside it, or on chance")
    met = gate.skew.action == "note"
    text = f"of {found.rows:,} test rows of {found.partition}: {'; '.join(told)}"
    return Finding(rule, met, ("note: " if met else "") + text, figures)


def check_behaviour(evidence: Evidence, gate: Gate) -> Finding:
    """Ask that all declared tests of behaviour hold."""
    rule, found = "behaviour", evidence.behaviours
    if not found:
        return Finding(rule, True, "no tests of behaviour declared")
    failed = [one for one in found if not one.holds]
    if not failed:
        return Finding(rule, True, f"{len(found)} test(s) of behaviour hold")
    told = [
        f"{one.test}: {one.problem or f'in {one.share:.1%} of rows, asked for {one.least:.1%}, worst {one.worst:.3g}'}"
        for one in failed
    ]
    return Finding(rule, False, "; ".join(told))


def note_label_noise(evidence: Evidence, gate: Gate) -> Finding:
    """Tell how many labels are wrong, and what that does to the figures; nothing is refused for it."""
    rule, noise = "label noise", evidence.noise
    if noise is None:
        return Finding(rule, True, "not known how many labels are wrong")
    text = f"{noise.rate:.1%} of labels wrong, between {noise.low:.1%} and {noise.high:.1%}"
    if noise.ceiling is not None:
        text += f"; {evidence.metric.name} reaches {noise.ceiling:.4f} at best"
        if gate.floor is not None and evidence.metric.gain(noise.ceiling, gate.floor) < 0:
            text += f", which the floor {gate.floor:g} does not allow: mend labels, or lower it"
    if noise.attenuation is not None and noise.attenuation < 1:
        text += f"; of a gain on the champion {noise.least_attenuation:.0%} shows at least"
    return Finding(rule, True, text, {"attenuation": noise.least_attenuation})


def note_features(evidence: Evidence, gate: Gate) -> Finding:
    """Tell which features the score rests on; nothing is refused for it."""
    rule, name = "features", evidence.metric.name
    if not evidence.importances:
        return Finding(rule, True, "importance not measured: too many features, or too slow a model")
    used = [one for one in evidence.importances if not one.is_idle]
    told = [f"{one.feature} {one.loss:+.3g}" for one in used[:SHOWN]]
    idle = len(evidence.importances) - len(used)
    text = f"{name} lost when mixed: {', '.join(told)}" if told else f"no feature moves {name} beyond chance"
    return Finding(rule, True, text + (f"; {idle} idle" if idle else ""))
