"""The order of knowledge: what must be in the lake before a partition may be scored or judged.

Or validated, where suites learn from the partitions before. Runs may start in any order; a task that needs history
first waits until this module finds nothing missing.
Stays out: waiting.
"""

from dataclasses import dataclass

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, read_all_verdicts
from lakemill.monitoring import profiles
from lakemill.preprocessing.knowledge import find_not_ingested
from lakemill.registry import ledger


@dataclass(frozen=True)
class Missing:
    """What a partition has to wait for first.

    Attributes
    ----------
    partition : str
        The one that something is missing of.
    text : str
        What, in words.
    distance : int
        Number of partitions between that one and the one that waits; 0 for its neighbour and for itself.
    """

    partition: str
    text: str
    distance: int


def find_missing(workflow: Workflow, key: str, lake: Lake, *, stage: str) -> Missing | None:
    """Tell what a partition still has to wait for.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    stage : {"ingestion", "scoring", "monitoring"}
        What is to be done with it: ingestion waits for the earlier partitions' own ingestion only.

    Returns
    -------
    Missing or None
        The earliest thing; None where nothing is missing. A blocked partition is not waited for.
    """
    verdicts = read_all_verdicts(lake)  # one version for all kinds, and before the ledger, which is written after them
    settled = _read_settled(lake) if stage != "ingestion" else set()
    history = workflow.partition.earlier(key)
    for position, earlier in enumerate(history, start=1):
        if stage == "ingestion":
            text = None if earlier in verdicts["ingestion"] else f"{earlier} has not been ingested"
        else:
            text = _describe_missing(earlier, verdicts, settled)
        if text:
            return Missing(earlier, text, len(history) - position)
    if stage == "monitoring" and not lake.holds(profiles.TABLE, key):
        return Missing(key, f"{key} has no profile", 0)
    return None


def find_missing_to_clean(workflow: Workflow, key: str, lake: Lake) -> Missing | None:
    """Tell what a partition still has to wait for before its rows are cleaned: partitions that rules learn from.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake

    Returns
    -------
    Missing or None
        The earliest partition that has been neither published nor blocked.
    """
    missing = find_not_ingested(workflow, key, lake)
    if not missing:
        return None
    return Missing(missing[0], f"{missing[0]} has not been ingested", len(workflow.partition.keys(missing[0], key)) - 2)


def _describe_missing(key: str, verdicts: dict[str, dict[str, Verdict]], settled: set[str]) -> str | None:
    ingested, judged, gated = (verdicts[kind].get(key) for kind in ("ingestion", "monitoring", "gate"))
    if ingested is not None and ingested.verdict == "blocked":
        return None
    if judged is None:
        return f"{key} has not been {'judged by monitoring' if ingested else 'ingested'}"
    if judged.verdict == "retrain" and gated is None:
        return f"the training that {key} asked for has not ended"
    # a candidate that was let through comes into the ledger by a task of its own, and a person may be asked before
    if gated is not None and gated.verdict == "pass" and gated.evidence["version"] not in settled:
        return f"the model that {key} asked for has not been promoted"
    return None


def _read_settled(lake: Lake) -> set[str]:
    """Return the versions that were promoted, or rejected by a person."""
    rows = lake.read(ledger.TABLE, columns=["version", "action"])
    return set() if rows is None else {one["version"] for one in rows.to_pylist() if one["action"] in ledger.SETTLES}
