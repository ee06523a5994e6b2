"""Who was told of a partition's verdict, and who could not be: a document a partition.

Stays out: telling (``orchestration.notifying``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lakemill.lake.storage import Lake

FOLDER = "notifications"


@dataclass(frozen=True)
class Notification:
    """What became of one message.

    Attributes
    ----------
    message : mapping
        JSON values.
    told : sequence of str
        Ways by which it was sent.
    failed : mapping of str to str
        Ways by which it could not be, each with the error.
    """

    message: Mapping[str, Any]
    told: Sequence[str]
    failed: Mapping[str, str]


def read_notification(lake: Lake, partition: str) -> Notification | None:
    """Return what became of the message about a partition; None where there was nobody to tell."""
    held = lake.read_document(f"{FOLDER}/{partition}")
    return None if held is None else Notification(**held)


def keep_notification(lake: Lake, partition: str, one: Notification) -> None:
    """Keep what became of the message about a partition."""
    lake.write_document(f"{FOLDER}/{partition}", asdict(one))


def find_failed(lake: Lake) -> dict[str, Mapping[str, str]]:
    """Return what failed, by partition in order."""
    keys = [name.removeprefix(f"{FOLDER}/") for name in lake.list_documents(FOLDER)]
    read = {key: read_notification(lake, key) for key in keys}
    return {key: one.failed for key, one in read.items() if one is not None and one.failed}
