"""The rollback that monitoring asks for: the champion before in charge again, from the end of the partition on.

Stays out: when (``decision.py``), and the entry itself (``registry.rolling_back``).
"""

from datetime import datetime

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.monitoring.challenged import Match
from lakemill.registry.ledger import CHARGES, ROLLBACK, Entry, read_entries
from lakemill.registry.models import Registry
from lakemill.registry.rolling_back import roll_back

WHO = "monitoring"


def is_in_charge(workflow: Workflow, key: str, lake: Lake, champion: Entry | None) -> bool:
    """Tell whether a champion is in charge at a partition's end, but for the rollback that the partition led to itself.

    So whoever judges the partition again finds what was found before.
    """
    end, own = workflow.partition.interval(key).end, f"{ROLLBACK}:{_name_request(key)}"
    charges = [one for one in read_entries(lake, *CHARGES) if one.as_of <= end and one.identity != own]
    return champion is not None and charges[-1].version == champion.version


def take_back(
    workflow: Workflow,
    key: str,
    lake: Lake,
    registry: Registry,
    match: Match | None,
    *,
    reason: str,
    recorded_at: datetime,
) -> Entry | None:
    """Put the model that was better on a partition's rows in charge again, from its end on; once for a partition.

    Parameters
    ----------
    workflow : Workflow
    key : str
    lake : Lake
    registry : Registry
    match : Match or None
        Of the champion and the one before.
    reason : str
    recorded_at : datetime

    Returns
    -------
    Entry or None
        As of `registry.rolling_back.roll_back`.
    """
    return roll_back(
        workflow,
        lake,
        registry,
        who=WHO,
        reason=f"{key}: {reason}",
        recorded_at=recorded_at,
        to=match.challenger if match is not None else None,
        as_of=workflow.partition.interval(key).end,
        request=_name_request(key),
    )


def _name_request(key: str) -> str:
    return f"{WHO}:{key}"
