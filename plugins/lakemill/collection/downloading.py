"""A file from the web onto the disk, however often it takes: resumed where it broke off, begun anew where it changed.

Stays out: single requests (``web.py``), and what is in the file.
"""

import hashlib
import logging
import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import requests

from lakemill.collection.web import Site, UnavailableError
from lakemill.exceptions import CollectionError

T = TypeVar("T")
FIRST_PAUSE = 1.0  # seconds, doubled by each try that fails
LONGEST_PAUSE = 60.0
CHUNK_BYTES = 1 << 20
SECONDS_BETWEEN_NOTES = 5.0
HTML = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
KEPT_ENCODINGS = ("", "identity", "gzip", "x-gzip")  # readers of files know gzip

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Version:
    """What a server says of a file before, or while, it sends it.

    Attributes
    ----------
    etag, modified : str or None
    length : int or None
        In bytes.
    """

    etag: str | None
    modified: str | None
    length: int | None

    @property
    def fingerprint(self) -> str | None:
        """Another one for another content; None where the server says too little: a length alone can stay the same."""
        if self.etag is None and self.modified is None:
            return None
        return f"{self.etag} {self.modified} {self.length}"

    @property
    def validator(self) -> str | None:
        """What makes a server resume only the same content."""
        is_weak = self.etag is None or self.etag.startswith("W/")
        return self.modified if is_weak else self.etag

    def differs(self, other: "Version") -> bool:
        """Tell whether both cannot be the same content."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified), (self.length, other.length))
        return any(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs)


def look_up(site: Site, *, tries: int) -> Version:
    """Ask what version of a file is there, without reading it.

    Parameters
    ----------
    site : Site
    tries : int

    Returns
    -------
    Version

    Raises
    ------
    CollectionError
        If it cannot be had.
    """
    may_ask_head = True

    def ask() -> Version:
        nonlocal may_ask_head
        if may_ask_head:
            may_ask_head = False
            # many servers refuse HEAD; what they say to GET counts
            with suppress(CollectionError), site.ask("HEAD", {}) as response:
                return _read_version(response)
        with site.ask("GET", {"Range": "bytes=0-0"}) as response:
            return _read_version(response)

    return _insist(ask, lambda: 0, site, tries)


def download(site: Site, target: Path, *, largest: int, tries: int, sha256: str | None = None) -> None:
    """Bring a file to the disk.

    Parameters
    ----------
    site : Site
    target : Path
        Its folder must be there. Whatever happens, the caller removes it.
    largest : int
        Bytes; a larger file is refused.
    tries : int
        Tries in a row that bring nothing new, before giving up.
    sha256 : str, optional
        What it must hash to.

    Raises
    ------
    CollectionError
        If it cannot be had whole, is too large, another one than wanted, or a page for people in its place.
    """
    transfer = _Transfer(site, target, largest, sha256)
    try:
        _insist(transfer.go_on, lambda: transfer.farthest, site, tries)
    except OSError as error:
        raise CollectionError(
            f"{site.shown} cannot be kept: {error.strerror or error}", where=site.where, remedy="make room on the disk"
        ) from None


class _Transfer:
    """A download under way: what is on the disk, and which version it is of."""

    def __init__(self, site: Site, target: Path, largest: int, sha256: str | None) -> None:
        self.farthest = 0
        self._site = site
        self._target = target
        self._largest = largest
        self._sha256 = sha256.lower() if sha256 else None
        self._version: Version | None = None
        self._is_resumed = False
        self._begun = time.monotonic()
        self._noted = self._begun
        self._share_noted = 0

    def go_on(self) -> None:
        """Try to bring what is lacking."""
        held = self._target.stat().st_size if self._target.exists() else 0
        validator = self._version.validator if self._version is not None else None
        if held == 0 or validator is None:
            held, headers = 0, {}
        else:
            headers = {"Range": f"bytes={held}-", "If-Range": validator}
        with self._site.ask("GET", headers) as response:
            if self._continues(response, held):
                self._is_resumed = True
            elif response.status_code != 200 and held > 0:
                self._forget()
                raise UnavailableError("it has changed meanwhile, so it is begun anew")
            elif response.status_code != 200:
                raise self._site_error(f"answers {response.status_code}, no file", "ask who serves it")
            else:
                held, self._is_resumed = 0, False
            self._version = _read_version(response)
            self._check_answer(response, self._version.length)
            with self._target.open("ab" if held else "wb") as out:
                self._write(response, out, held, self._version.length)
        self._check_content()

    def _continues(self, response: requests.Response, held: int) -> bool:
        """Tell whether an answer is the rest of what is on the disk."""
        found = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
        return (
            response.status_code == 206
            and self._version is not None
            and found is not None
            and int(found[1]) == held > 0
            and not self._version.differs(_read_version(response))
        )

    def _write(self, response: requests.Response, out: BinaryIO, held: int, total: int | None) -> None:
        # as it was sent: a .csv.gz that is also declared as encoded by gzip stays a .csv.gz
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
            held += len(chunk)
            if held > self._largest:
                raise self._site_error(f"is larger than {self._largest:,} bytes", "raise 'largest' if that is right")
            out.write(chunk)
            out.flush()
            self.farthest = max(self.farthest, held)
            self._note(held, total)
        if total is not None and held != total:
            raise UnavailableError(f"it broke off after {held:,} of {total:,} bytes")

    def _check_answer(self, response: requests.Response, length: int | None) -> None:
        if length is not None and length > self._largest:
            raise self._site_error(
                f"has {length:,} bytes, more than {self._largest:,}", "raise 'largest' if that is right"
            )
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in KEPT_ENCODINGS:
            raise self._site_error(
                f"comes encoded as {encoding!r}, unasked", "ask who serves it, or bring it as a file"
            )

    def _check_content(self) -> None:
        with self._target.open("rb") as file:
            if HTML.match(file.read(1024)):
                raise self._site_error(
                    "answers with a page for people (HTML), no data", "see the URL in a browser: is a login wanted?"
                )
            file.seek(0)
            found = hashlib.file_digest(file, "sha256").hexdigest() if self._sha256 else None
        if found == self._sha256:
            return
        if self._is_resumed:  # perhaps put together of two versions
            self._forget()
            raise UnavailableError("what came in parts does not hash as it must, so it is begun anew")
        raise self._site_error(
            f"has the SHA-256 {found}, expected {self._sha256}",
            "if the file was replaced on purpose, put its new SHA-256 into the workflow file",
        )

    def _forget(self) -> None:
        self._target.unlink(missing_ok=True)
        self._version, self._is_resumed = None, False

    def _note(self, held: int, total: int | None) -> None:
        """Log how far it is, every few seconds and every tenth of a long download."""
        now = time.monotonic()
        share = held * 10 // total if total else 0
        is_long = now - self._begun > SECONDS_BETWEEN_NOTES
        if now - self._noted > SECONDS_BETWEEN_NOTES or (is_long and share > self._share_noted):
            self._noted, self._share_noted = now, share
            of_all = f" of {total / 1e6:,.1f} MB ({held * 100 // total} %)" if total else " MB"
            log.info("%s: %s%s", self._site.shown, f"{held / 1e6:,.1f}", of_all)

    def _site_error(self, problem: str, remedy: str) -> CollectionError:
        return CollectionError(f"{self._site.shown} {problem}", where=self._site.where, remedy=remedy)


def _insist(attempt: Callable[[], T], measure: Callable[[], int], site: Site, tries: int) -> T:
    """Try until it works; give up after so many tries in a row without progress."""
    failed = 0
    farthest = measure()
    while True:
        try:
            return attempt()
        except UnavailableError as error:
            failed = failed + 1 if measure() <= farthest else 0
            farthest = max(farthest, measure())
            if failed >= tries:
                had = f", {farthest:,} bytes had come" if farthest else ""
                raise CollectionError(
                    f"{site.shown} cannot be had: {error} ({failed} tries without progress{had})",
                    where=site.where,
                    remedy="see whether the server answers, then clear the run",
                ) from None
            pause = min(FIRST_PAUSE * 2.0 ** max(0, failed - 1), LONGEST_PAUSE) * random.uniform(0.5, 1)
            pause = pause if error.wait is None else max(pause, error.wait)
            log.info("%s: %s; again in %.1f s", site.shown, error, pause)
            time.sleep(pause)


def _read_version(response: requests.Response) -> Version:
    headers = response.headers
    span = re.fullmatch(r"bytes [\d*-]+/(\d+)", headers.get("content-range", "").strip())
    length = headers.get("content-length", "")
    whole = span[1] if span else length if response.status_code == 200 else ""
    # of a file that is compressed on the way for this answer the length is another thing
    return Version(headers.get("etag"), headers.get("last-modified"), int(whole) if whole.isdigit() else None)
