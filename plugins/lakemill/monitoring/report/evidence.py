"""What a report takes from verdicts: the only module that knows how their evidence is spelled.

Evidence grows, and older verdicts lack what came later, so nothing is taken for granted. Stays out: how it looks.
To add what monitoring tells apart: a function here and a line in ``STATEMENTS``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lakemill.evaluation.standard_errors import make_interval
from lakemill.lake.verdicts import Verdict
from lakemill.monitoring.report.figures import format_interval

TONES = {"nothing": "good", "note": "info", "alert": "bad", "retrain": "warn", "roll back": "bad", "blocked": "bad"}
DRIFTS = ("data_drift", "prediction_drift")  # findings that are told with the names of what drifts
COUNTS = ("rows", "clean", "quarantined", "duplicates")  # of ingestion
TONES |= {"pass": "good", "fail": "bad", "published": "good"}


@dataclass(frozen=True)
class Statement:
    """What was found of one thing that is watched.

    Attributes
    ----------
    subject : str
    word : str
        The finding in short.
    tone : str
        ``good``, ``warn``, ``bad``, or nothing where nothing could be said.
    text : str
    """

    subject: str
    word: str
    tone: str
    text: str = ""


@dataclass(frozen=True)
class Known:
    """The verdicts about one partition; ``gate`` is of the training that its monitoring asked for."""

    monitoring: Verdict
    ingestion: Verdict | None = None
    gate: Verdict | None = None

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What monitoring's verdict rests on."""
        return self.monitoring.evidence


@dataclass(frozen=True)
class Scored:
    """How good a partition's scores were; None of what is not known.

    Attributes
    ----------
    score, score_low, score_high : float or None
        Realised, with its 95 % interval.
    estimated, low, high : float or None
        What was estimated before labels were known, with its 95 % interval.
    expected : float or None
        What the champion scored at the gate.
    rows : int
        That were judged.
    champion : str or None
    """

    score: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    estimated: float | None = None
    low: float | None = None
    high: float | None = None
    expected: float | None = None
    rows: int = 0
    champion: str | None = None


def read_scored(evidence: Mapping[str, Any]) -> Scored:
    """Return what a verdict of monitoring says of performance, realised and estimated."""
    estimated, score, error = evidence.get("estimated") or {}, evidence.get("score"), evidence.get("standard_error")
    low, high = (None, None) if score is None or error is None else make_interval(score, error)
    return Scored(
        score=score,
        score_low=low,
        score_high=high,
        estimated=estimated.get("score"),
        low=estimated.get("low"),
        high=estimated.get("high"),
        expected=evidence.get("expected"),
        rows=evidence.get("rows") or 0,
        champion=evidence.get("champion"),
    )


def read_drifted(evidence: Mapping[str, Any]) -> list[str]:
    """Return what alarms: columns, the predictions, all columns together."""
    told = list(evidence.get("drifted") or ())
    told += [f"predictions ({name})" for name in (evidence.get("prediction_drift") or {}).get("drifted") or ()]
    told += list((evidence.get("drift_together") or {}).get("drifted") or ())
    return told


def read_other_alarms(evidence: Mapping[str, Any]) -> list[str]:
    """Return the findings that hold, but for drift of columns and predictions, each in a word or two."""
    found = [one["finding"] for one in evidence.get("findings") or () if one["holds"]]
    return [name.replace("_", " ") for name in found if name not in DRIFTS]


def holds(evidence: Mapping[str, Any], finding: str) -> bool:
    """Tell whether something was found."""
    return any(one["finding"] == finding and one["holds"] for one in evidence.get("findings") or ())


def state(known: Known) -> list[Statement]:
    """Return what was found of each thing that is watched, without those that are not."""
    told = [told for told in (find(known) for find in STATEMENTS) if told is not None]
    subjects = {one.subject for one in told}
    return told + [
        one for one in map(_tell_finding, known.evidence.get("findings") or ()) if one.subject not in subjects
    ]


def tell_quality(known: Known) -> Statement | None:
    """Tell of data quality, from ingestion's verdict."""
    found = known.ingestion
    if found is None:
        return None
    if found.verdict == "blocked":
        return Statement("data quality", "blocked", "bad", "; ".join(found.reasons))
    if "rows" not in found.evidence:
        return Statement("data quality", found.verdict, "warn" if found.reasons else "good", "; ".join(found.reasons))
    rows, clean, refused, dropped = (found.evidence.get(name) or 0 for name in COUNTS)
    said = f"{rows:,} rows came, {clean:,} are clean, {refused:,} were refused, {dropped:,} dropped as duplicates"
    word = f"{refused / rows:.1%} refused" if refused else "all accepted"
    return Statement("data quality", word, "warn" if found.reasons else "good", "; ".join([said, *found.reasons]))


def tell_data_drift(known: Known) -> Statement:
    """Tell of drift of columns."""
    if known.evidence.get("champion") is None:
        return Statement("data drift", "not judged", "", "no champion: what is measured becomes the past of limits")
    return _tell_drift("data drift", known.evidence, of="columns")


def tell_prediction_drift(known: Known) -> Statement | None:
    """Tell of drift of the predictions against the same model's earlier ones."""
    found = known.evidence.get("prediction_drift")
    return None if found is None else _tell_drift("prediction drift", found, of="outputs")


def tell_drift_together(known: Known) -> Statement | None:
    """Tell of drift of all columns together, where it is asked for."""
    found = known.evidence.get("drift_together")
    return None if found is None else _tell_drift("all columns together", found, of="comparison")


def tell_performance(known: Known) -> Statement:
    """Tell of realised performance."""
    scored, metric = read_scored(known.evidence), known.evidence.get("metric", "score")
    if scored.score is None:
        return Statement("realised performance", "not known", "", "no row with a score has a label that became known")
    interval = format_interval(scored.score_low, scored.score_high)
    said = f"{metric} {scored.score:.4f}" + (f" ({interval})" if interval else "")
    said += f", on {scored.rows:,} rows whose labels became known"
    said += f"; at the gate it was {scored.expected:.4f}" if scored.expected is not None else ""
    has_decayed = holds(known.evidence, "realised_performance")
    word = ("decay", "bad") if has_decayed else ("known", "good")
    return Statement("realised performance", *word, said)


STATEMENTS: tuple[Callable[[Known], Statement | None], ...] = (
    tell_quality,
    tell_data_drift,
    tell_prediction_drift,
    tell_drift_together,
    tell_performance,
)


def _tell_finding(found: Mapping[str, Any]) -> Statement:
    """Return a finding that has no function of its own above."""
    word, tone = {True: ("found", "bad"), False: ("none", "good")}.get(found["holds"], ("not known", ""))
    follows = f"; what follows: {found['follows']}" if found["holds"] and found.get("follows") else ""
    return Statement(found["finding"].replace("_", " "), word, tone, f"{found.get('text') or ''}{follows}")


def _tell_drift(subject: str, found: Mapping[str, Any], *, of: str) -> Statement:
    drifted: Sequence[str] = found.get("drifted") or ()
    compared = found.get("columns") or 0
    if not compared:
        return Statement(subject, "not judged", "", "nothing to compare with yet")
    seen = [one["column"] for one in found.get("drift") or () if one.get("is_found") and one["column"] not in drifted]
    said = [f"drift of {', '.join(drifted)}"] if drifted else []
    said += [f"found in {', '.join(seen)}, but not often enough yet to be drift"] if seen else []
    text = "; ".join(said) or f"{compared} {of} compared, no difference beyond floor, chance and the past"
    if drifted:
        return Statement(subject, f"{len(drifted)} of {compared}", "bad", text)
    return Statement(subject, "found" if seen else "none", "warn" if seen else "good", text)
