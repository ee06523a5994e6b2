"""References: the partitions that a partition's columns and predictions are held against.

Stays out: reading their profiles, and comparing.
"""

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.monitoring.drift_table import History


def find_reference(workflow: Workflow, key: str, lake: Lake, snapshot: str | None) -> list[str]:
    """Return the partitions that a partition's columns are held against.

    Parameters
    ----------
    workflow : Workflow
    key : str
    lake : Lake
    snapshot : str or None
        That the champion was trained on; None without a champion.

    Returns
    -------
    list of str
        The snapshot's; without a champion the last ones before the partition.
    """
    if snapshot is None:
        published = read_verdicts(lake, "ingestion")
        earlier = [at for at in workflow.partition.earlier(key) if at in published]
        return earlier[-workflow.monitor.history :]
    return list((lake.read_document(f"snapshots/{snapshot}") or {})["partitions"])


def choose_earlier_predictions(workflow: Workflow, key: str, history: History) -> list[str]:
    """Return the partitions that predictions are held against: the last ones in which nothing was found of them."""
    earlier = workflow.partition.earlier(key)[-workflow.monitor.history :]
    return [at for at in earlier if at not in history.partitions_found]
