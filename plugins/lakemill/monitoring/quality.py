"""Data quality as monitoring sees it: what ingestion said of a partition.

Stays out: judging rows (``validation``, ``preprocessing``).
"""

from collections.abc import Iterable

from lakemill.config import Workflow
from lakemill.lake.verdicts import Verdict
from lakemill.monitoring.findings import Finding

NAME = "data_quality"


def judge_quality(workflow: Workflow, ingested: Verdict | None, earlier: Iterable[Verdict]) -> Finding:
    """Tell whether something is wrong with the data as delivered.

    Parameters
    ----------
    workflow : Workflow
    ingested : Verdict or None
        Ingestion's, of the partition.
    earlier : iterable of Verdict
        Of the partitions before it: their share of refused rows is told beside.

    Returns
    -------
    Finding
        It holds where the partition is blocked, an expectation that warns does not hold, or more rows of the table than
        ``monitor.quarantined`` are refused.
    """
    if ingested is None:
        return Finding(NAME, None, "ingestion has said nothing of it")
    if ingested.verdict == "blocked":
        return Finding(NAME, True, "; ".join(ingested.reasons) or "blocked", {"verdict": "blocked"})
    share = _share_refused([ingested])
    warnings = list(ingested.reasons)
    evidence = {
        "verdict": ingested.verdict,
        "warnings": warnings,
        "quarantined": share,
        "usual": _share_refused([one for one in earlier if one.verdict != "blocked"]),
        "refused_of_sources": ingested.evidence.get("refused", {}),
    }
    if share is None:
        return Finding(NAME, bool(warnings), "; ".join(warnings) or "it has no rows", evidence)
    is_too_much = share > workflow.monitor.quarantined
    told = [f"{share:.1%} of rows refused, at most {workflow.monitor.quarantined:.0%} may be"] if is_too_much else []
    told += warnings
    return Finding(NAME, bool(told), "; ".join(told) or f"{share:.1%} of rows refused", evidence)


def _share_refused(verdicts: list[Verdict]) -> float | None:
    """Return the share of rows that are in quarantine, six digits of it; None where there are no rows."""
    rows = sum(one.evidence.get("rows", 0) for one in verdicts)
    refused = sum(one.evidence.get("quarantined", 0) for one in verdicts)
    return round(refused / rows, 6) if rows else None
