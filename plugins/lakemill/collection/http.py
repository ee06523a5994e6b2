"""Sources that are open data sets, by their URL: one for each partition, or one for all that is cut by event time.

What does not come as it should (a page for people, too many bytes, another hash) is no delivery: the lake stays as it
is. Stays out: the download (``downloading.py``), and formats (``formats/``).
"""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

from lakemill.collection.delivery import Delivery, Piece, Request
from lakemill.collection.downloading import download, look_up
from lakemill.collection.formats import read_files
from lakemill.collection.input_files import InputFile
from lakemill.collection.web import Site, show_address
from lakemill.config.sources import HttpSource

SPARSE = (".json", ".ndjson", ".jsonl")


def open_http(source: HttpSource, request: Request) -> Delivery:
    """Look up what is at a source's URL for a partition, or for all.

    Parameters
    ----------
    source : HttpSource
    request : Request

    Returns
    -------
    Delivery
        Its fingerprint is what the server says of the file's version, or the SHA-256 that the workflow file demands.

    Raises
    ------
    CollectionError
        If there is nothing, or the server does not answer.
    """
    url = source.url.replace("{partition}", request.key)
    shown = show_address(url)
    sha256 = source.sha256.get(request.key) if isinstance(source.sha256, dict) else source.sha256
    credentials = request.connections.credentials(source.connection) if source.connection else None

    def open_site() -> Site:
        seconds = source.timeout.total_seconds()
        return Site(url, credentials=credentials, timeout=seconds, where=request.where, key=request.key)

    def read() -> Iterator[Piece]:
        path = request.scratch / f"download-{uuid4()}"
        try:
            with closing(open_site()) as site:
                download(site, path, largest=source.largest, tries=source.tries, sha256=sha256)
            yield from read_files([InputFile(shown, path.stat().st_size, lambda: path.open("rb"))], source)
        finally:
            path.unlink(missing_ok=True)

    fingerprint = f"sha256 {sha256.lower()}" if sha256 else None
    if fingerprint is None:
        with closing(open_site()) as site:
            fingerprint = look_up(site, tries=source.tries).fingerprint
    return Delivery(
        location=shown,
        fingerprint=fingerprint,
        pieces=read,
        is_whole=source.event_time is not None and "{partition}" not in source.url,
        is_sparse=source.format in ("json", "ndjson") or any(part in shown for part in SPARSE),
    )
