"""What a replay begins with: partitions that are there, and a place for each policy.

Stays out: choosing policies (``policies.py``).
"""

from collections.abc import Sequence
from pathlib import Path

from lakemill.collection import read_kinds
from lakemill.config import Workflow
from lakemill.exceptions import ConfigError, LakeError
from lakemill.lake import Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.replay.branches import Place, digest_inputs, name_branch, open_branch, pin_versions
from lakemill.replay.policies import Policy


def choose_partitions(
    workflow: Workflow, lake: Lake, first: str | None, last: str | None
) -> tuple[list[str], list[str]]:
    """Return the partitions that are replayed, and those between them that are passed over, since they are blocked.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    first, last : str or None
        The workflow's first partition, and the last one published, if left out.

    Returns
    -------
    list of str, list of str

    Raises
    ------
    ConfigError
        If one is no key, or they leave nothing.
    LakeError
        If a partition between them has not been ingested.
    """
    calendar, run = workflow.partition, f"lakemill run {workflow.workflow}"
    ingested = {key: one.verdict for key, one in read_verdicts(lake, "ingestion").items() if calendar.holds(key)}
    published = [key for key, verdict in ingested.items() if verdict != "blocked"]
    if not published:
        raise LakeError("no partition is published", where=workflow.workflow, remedy=f"ingest some first: {run}")
    span = f"published are {published[0]} to {published[-1]}"
    for option, key in (("--from", first), ("--to", last)):
        if key is None:
            continue
        try:
            at = calendar.local_start(key)
        except ValueError as error:
            raise ConfigError(str(error), where=option, remedy=span) from None
        if not calendar.local_start(calendar.start) <= at <= calendar.local_start(published[-1]):
            raise ConfigError(f"{key} is not there", where=option, remedy=f"{span}; {run} ingests more")
    keys = calendar.keys(first or calendar.start, last or published[-1])
    if not keys:
        raise ConfigError(f"no partition from {first} to {last}", where="--from, --to", remedy="give an earlier first")
    missing = [key for key in keys if key not in ingested]
    if missing:
        raise LakeError(
            f"{missing[0]} has not been ingested" + (f", nor {len(missing) - 1} after it" if missing[1:] else ""),
            where=workflow.workflow,
            remedy=f"ingest it first: {run} --from {missing[0]}; or replay others ({span})",
        )
    blocked = [key for key in keys if ingested[key] == "blocked"]
    replayed = [key for key in keys if key not in blocked]
    if not replayed:
        raise LakeError(f"all partitions from {keys[0]} to {keys[-1]} are blocked", where=workflow.workflow, remedy=run)
    return replayed, blocked


def make_places(policies: Sequence[Policy], lake: Lake, keys: Sequence[str], root: Path) -> dict[str, Place]:
    """Return a place for each policy, all of them reading the same versions of the lake.

    Parameters
    ----------
    policies : sequence of Policy
    lake : Lake
        That is read.
    keys : sequence of str
        Partitions, in order.
    root : Path
        Folder for the branches of all workflows.

    Returns
    -------
    dict of str to Place
        By policy.

    Raises
    ------
    ConfigError
        If the kinds of columns are not known under a policy's features.
    """
    versions = pin_versions(lake)
    inputs = digest_inputs(policies[0].workflow, lake, keys)
    places = {}
    for one in policies:
        folder = root / lake.workflow / name_branch(one.workflow, keys[0])
        place = Place(one.workflow, lake.address, versions, folder, inputs)
        if one.workflow.features.are_open and read_kinds(one.workflow, open_branch(place)) is None:
            raise ConfigError(
                "kinds of columns were found for the features as the file has them",
                where=f"include/workflows/{lake.workflow}.yaml with --set",
                remedy="leave features and table as they are, or list the columns under features",
            )
        places[one.name] = place
    return places
