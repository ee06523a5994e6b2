"""Rollback: an earlier version in charge again, by one entry of the ledger.

All that a model brings hangs on its version and snapshot: preprocessing and thresholds in its file, features, windows
and the reference for drift in its snapshot, the score that it is held to in its gate's verdict. So one entry moves all
of it. Entries are never changed: what was in charge before the rollback's moment stays in charge of that time.
Stays out: scoring again (``scoring``), and when to roll back.
"""

from datetime import datetime, timedelta

from lakemill.config import Workflow
from lakemill.exceptions import RegistryError, suggest
from lakemill.lake import Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.registry.ledger import (
    CHARGES,
    ROLLBACK,
    Entry,
    find_champion,
    find_latest,
    find_previous,
    read_entries,
    record_entry,
)
from lakemill.registry.models import Registry
from lakemill.registry.promoting import align_registry


def roll_back(
    workflow: Workflow,
    lake: Lake,
    registry: Registry,
    *,
    who: str,
    reason: str,
    recorded_at: datetime,
    to: str | None = None,
    as_of: datetime | None = None,
    is_retroactive: bool = False,
    request: str | None = None,
) -> Entry | None:
    """Put an earlier version in charge again.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    registry : Registry
    who : str
        A person, or ``monitoring``.
    reason : str
    recorded_at : datetime
    to : str, optional
        A version that has been in charge; the one before the champion if left out.
    as_of : datetime, optional
        From when on; from the end of the last published partition on if left out, so from the next one on.
    is_retroactive : bool
        From the moment on when the champion took charge, in place of ``as_of``: what it has scored is out of date then.
    request : str, optional
        Names the wish, like a run's id: it is fulfilled once, however often it is asked for.

    Returns
    -------
    Entry or None
        The rollback; None where that version is in charge already.

    Raises
    ------
    RegistryError
        If there is no such version, it has never been in charge, or its model cannot be loaded.
    """
    identity = f"{ROLLBACK}:{request or recorded_at.isoformat()}"
    held = next((one for one in read_entries(lake, ROLLBACK) if one.identity == identity), None)
    if held is not None:
        align_registry(lake, registry)
        return held
    moment = as_of or _end_of_history(workflow, lake)
    champion = find_champion(lake, as_of=moment)
    if champion is None:
        raise RegistryError("no model is in charge", where=workflow.workflow, remedy="nothing is to be rolled back")
    target = _find_target(workflow, lake, to, moment)
    if target.version == champion.version:
        align_registry(lake, registry)  # one that was killed in between comes to its end here
        return None
    registry.load(target.version)  # before anything is written: one that cannot be loaded could not score
    assert champion.recorded_at is not None  # noqa: S101  # it was read
    entry = Entry(
        version=target.version,
        as_of=champion.as_of if is_retroactive else moment,
        snapshot=target.snapshot,
        reason=reason,
        action=ROLLBACK,
        who=who,
        instead_of=champion.version,
        identity=identity,
    )
    # of two entries as of one moment the later counts, and clocks of machines differ
    record_entry(lake, entry, recorded_at=max(recorded_at, champion.recorded_at + timedelta(microseconds=1)))
    align_registry(lake, registry)
    return entry


def _end_of_history(workflow: Workflow, lake: Lake) -> datetime:
    """Return the end of the last published partition, or a later moment that a champion has taken charge at."""
    calendar = workflow.partition
    ends = [
        calendar.interval(key).end
        for key, one in read_verdicts(lake, "ingestion").items()
        if one.verdict != "blocked" and calendar.holds(key)
    ]
    latest = find_latest(lake)
    if latest is None:
        raise RegistryError("no model is in charge", where=workflow.workflow, remedy="nothing is to be rolled back")
    return max([*ends, latest.as_of])


def _find_target(workflow: Workflow, lake: Lake, to: str | None, as_of: datetime) -> Entry:
    charges = [one for one in read_entries(lake, *CHARGES) if one.as_of <= as_of]
    known = {one.version: one for one in charges}
    where = f"model {workflow.workflow}"
    if to is None:
        previous = find_previous(lake, as_of=as_of)
        if previous is None:
            raise RegistryError(
                f"version {charges[-1].version} is the first that was in charge",
                where=where,
                remedy="there is none before it; train another, or name one by --to",
            )
        return previous
    version = to.removeprefix("v")
    if version not in known:
        raise RegistryError(
            f"version {version!r} has never been in charge", where=where, remedy=suggest(version, list(known))
        )
    return known[version]
