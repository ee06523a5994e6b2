"""Marks on partitions that have to be ingested again though nothing else was delivered, each with its reason.

Stays out: running ingestion, and what is a reason.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from lakemill.lake.storage import Lake


@dataclass(frozen=True)
class Mark:
    """A reason to ingest a partition again.

    Attributes
    ----------
    name : str
        Of the mark, by which it is removed.
    reason : str
    """

    name: str
    reason: str


def mark_partition(lake: Lake, partition: str, reason: str, *, at: datetime) -> None:
    """Mark a partition to be ingested again.

    Parameters
    ----------
    lake : Lake
    partition : str
    reason : str
    at : datetime
        When.
    """
    name = hashlib.sha256(f"{at.isoformat()} {reason}".encode()).hexdigest()[:16]
    lake.write_document(f"again/{partition}/{name}", {"reason": reason, "at": at.isoformat()})


def read_marks(lake: Lake) -> dict[str, list[Mark]]:
    """Return the marks of all partitions, by partition, in order."""
    found: dict[str, list[Mark]] = {}
    for name in lake.list_documents("again"):
        content = lake.read_document(name)
        if content is not None:  # a run may have removed it meanwhile
            found.setdefault(name.split("/")[1], []).append(Mark(name, content["reason"]))
    return found


def remove_marks(lake: Lake, marks: list[Mark]) -> None:
    """Remove marks that a run of ingestion has answered; those that were made meanwhile stay."""
    for mark in marks:
        lake.remove_document(mark.name)
