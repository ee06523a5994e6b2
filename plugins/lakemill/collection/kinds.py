"""The kinds of sources, by name. A new one is a file with one function and a line here.

Stays out: what they do.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from lakemill.collection.delivery import Delivery, Request
from lakemill.config.sources import Source

# imported when a source of the kind is opened: decoders of films are of no use to a CSV file
OPENERS = {
    "files": "lakemill.collection.files:open_files",
    "http": "lakemill.collection.http:open_http",
    "sql": "lakemill.collection.sql:open_sql",
    "images": "lakemill.collection.media:open_media",
    "audio": "lakemill.collection.media:open_media",
    "video": "lakemill.collection.media:open_media",
}


def open_delivery(source: Source, request: Request) -> Delivery:
    """Ask a source for a partition; nothing is read yet but what the fingerprint needs.

    Parameters
    ----------
    source : Source
    request : Request

    Returns
    -------
    Delivery

    Raises
    ------
    CollectionError
        If the source cannot be reached, or has nothing for the partition.
    """
    module, function = OPENERS[source.kind].split(":")
    opener: Callable[[Any, Request], Delivery] = getattr(import_module(module), function)
    return opener(source, request)
