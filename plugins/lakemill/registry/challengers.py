"""The champion's challengers as of a moment: the last candidate, and the champion before.

Stays out: scoring them (``scoring``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lakemill.lake import Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.registry.ledger import CHARGES, find_previous, read_entries


@dataclass(frozen=True)
class Challenger:
    """A model that is not in charge.

    Attributes
    ----------
    version, snapshot : str
    """

    version: str
    snapshot: str


def find_candidate(lake: Lake, *, as_of: datetime | None) -> Challenger | None:
    """Return the last model that was judged by the gate and is not in charge as of a moment.

    It may wait for an answer, or have been refused; one that was in charge and taken back is none.

    Parameters
    ----------
    lake : Lake
    as_of : datetime or None
        None for the latest.

    Returns
    -------
    Challenger or None
        None also where the champion was judged last.
    """
    judged = [
        one
        for one in read_verdicts(lake, "gate").values()
        if one.evidence.get("version") is not None and (as_of is None or one.as_of <= as_of)
    ]
    if not judged:
        return None
    last = max(judged, key=lambda one: (one.as_of, int(one.evidence["version"])))
    version = str(last.evidence["version"])
    charges = [one for one in read_entries(lake, *CHARGES) if as_of is None or one.as_of <= as_of]
    if any(one.version == version for one in charges):
        return None
    return Challenger(version, str(last.evidence.get("snapshot", "")))


def find_predecessor(lake: Lake, *, as_of: datetime | None) -> Challenger | None:
    """Return the model that was in charge before the champion as of a moment."""
    moment = as_of or max((one.as_of for one in read_entries(lake, *CHARGES)), default=None)
    entry = find_previous(lake, as_of=moment) if moment is not None else None
    return Challenger(entry.version, entry.snapshot) if entry is not None else None


FINDERS: dict[str, Callable[..., Challenger | None]] = {"candidate": find_candidate, "previous": find_predecessor}
