"""Sources that are media: every file kept once, and a row for each with what it says of itself and its features.

Stays out: finding files, decoding them, and the features; this module brings these together.
"""

import hashlib
import json
import os
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from lakemill.collection.decoding.contract import VERSIONS, DecodingOptions, UndecodableError, Values
from lakemill.collection.decoding.decoder import Decoder
from lakemill.collection.delivery import LONGEST_TEXT, Delivery, Piece, Refused, Request
from lakemill.collection.extraction import find_versions
from lakemill.collection.manifests import Manifest, read_manifest
from lakemill.collection.media_archives import DAMAGE, is_damage, list_archive
from lakemill.collection.media_families import SNIFFED_BYTES, find_contradiction, find_family, is_text_beside
from lakemill.collection.media_files import Found, MediaFile, find_files
from lakemill.config.extractors import name_columns
from lakemill.config.sources import AudioSource, ImagesSource, VideoSource
from lakemill.exceptions import CollectionError
from lakemill.lake.objects import KeptObject, fetch_object, keep_object

MediaSource = ImagesSource | AudioSource | VideoSource
FILES_A_PIECE = 256
FILES_A_TURN = 16  # small ones, of a decoder: asked about one by one, both sides would mostly wait for each other
BYTES_A_TURN = 4 * 2**20
DECODERS = 2  # at most, of one source: partitions are collected side by side too
TEXT, WHOLE, NUMBER, MOMENT = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us")
IN_COMMON = {"file": TEXT, "sha256": TEXT, "media_type": TEXT, "bytes": WHOLE}
COLUMNS = {
    "images": {"width": WHOLE, "height": WHOLE, "mode": TEXT, "frames": WHOLE, "capture_time": MOMENT, "exif": TEXT},
    "audio": {"duration": NUMBER, "rate": WHOLE, "channels": WHOLE, "frames": WHOLE, "codec": TEXT},
    "video": {
        "width": WHOLE, "height": WHOLE, "duration": NUMBER, "rate": NUMBER, "frames": WHOLE, "codec": TEXT,
        "capture_time": MOMENT,
    },
}  # fmt: skip


def open_media(source: MediaSource, request: Request) -> Delivery:
    """Find the media files for one partition, or those for all.

    Parameters
    ----------
    source : ImagesSource, AudioSource or VideoSource
    request : Request

    Returns
    -------
    Delivery

    Raises
    ------
    CollectionError
        If there are no files, the manifest cannot be read, or the store cannot be reached.
    """
    found = find_files(source.path, source.connection, request)
    manifest = None
    if source.manifest is not None:
        own = [*IN_COMMON, *COLUMNS[source.kind], *name_columns(source.extract), *(["label"] if source.label else [])]
        taken = [name for name in own if name != "file"]
        manifest = read_manifest(source.manifest, source.connection, request, missing=source.missing, taken=taken)
        found = _without(found, manifest.shown)
    state = [f"{file.name} {file.input.size} {file.stamp}" for file in found.files]
    state += [f"{name} {version}" for name, version in find_versions(source.extract).items()]
    state += [f"decoder {VERSIONS[source.kind]}", request.partition.timezone, manifest.fingerprint if manifest else ""]

    def read() -> Iterator[Piece]:
        return _Reading(source, request, found, manifest).pieces()

    return Delivery(
        location=found.shown,
        fingerprint=hashlib.sha256("\n".join(state).encode()).hexdigest()[:16],
        pieces=read,
        is_whole=source.event_time is not None and "{partition}" not in source.path,
    )


def _without(found: Found, shown: str) -> Found:
    """Leave the manifest itself out, where it lies among the files."""
    return replace(found, files=[file for file in found.files if file.input.shown != shown])


@dataclass
class _Reading:
    """One way through a delivery's files."""

    source: MediaSource
    request: Request
    found: Found
    manifest: Manifest | None

    def pieces(self) -> Iterator[Piece]:
        """Yield rows and what is refused, in the order of the files' names."""
        with ExitStack() as stack:
            files, refused = self._list(stack)
            files = [file for file in files if not self._is_passed_over(file)]
            if not files and not refused:
                raise CollectionError(
                    f"no media files in {self.found.shown} for partition {self.request.key}",
                    where=self.request.where,
                    remedy="bring them there, mend the path, or clear the run when they have come",
                )
            if self.manifest is not None:
                refused += self.manifest.refused + self.manifest.refuse_missing([file.name for file in files])
            decoders = self._open_decoders(stack, len(files))
            # one more than decoders: the next files are kept while all of these are busy
            threads = stack.enter_context(ThreadPoolExecutor(decoders.maxsize + 1, "media"))
            stack.callback(threads.shutdown, cancel_futures=True)
            for first in range(0, len(files), FILES_A_PIECE):
                turns = _group(files[first : first + FILES_A_PIECE])
                taken = [one for turn in threads.map(lambda some: self._take(some, decoders), turns) for one in turn]
                rows = [one for one in taken if not isinstance(one, Refused)]
                yield Piece(self._make_table(rows), [one for one in taken if isinstance(one, Refused)])
            if refused:
                yield Piece(self._make_table([]), refused)

    # -- which files --------------------------------------------------------------------------------------------------

    def _list(self, stack: ExitStack) -> tuple[list[MediaFile], list[Refused]]:
        """Return all files, with those in archives in the place of these."""
        if not self.found.are_archives:
            return self.found.files, []
        files: list[MediaFile] = []
        refused: list[Refused] = []
        for archive in self.found.files:
            prefix = "" if self.found.is_single else f"{archive.name}/"
            members, faults = list_archive(archive, prefix, stack, largest=self.source.largest, keep=self._keep)
            files += members
            for fault in faults:  # what cannot be taken from it is kept in it
                with archive.input.open() as stream:
                    refused.append(replace(fault, text=f"sha256={self._keep(stream)}"))
        return sorted(files, key=lambda file: file.name), refused

    def _is_passed_over(self, file: MediaFile) -> bool:
        """Tell whether a file only lies beside those that are wanted."""
        is_named = self.manifest is not None and self.manifest.find(file.name) is not None
        if self.manifest is not None and not is_named and self._is_of_another_partition():
            return True
        if is_named or not is_text_beside(file.name) or file.reason is not None:
            return False
        try:
            return find_family(self._begin_of(file)) is None
        except DAMAGE:
            return True

    def _is_of_another_partition(self) -> bool:
        """Tell whether one folder is shared by all partitions, and a manifest a partition says what is whose."""
        return "{partition}" in str(self.source.manifest) and "{partition}" not in self.source.path

    def _begin_of(self, file: MediaFile) -> bytes:
        if file.sha256 is not None:
            with fetch_object(self.request.lake, file.sha256, self.request.scratch) as path, path.open("rb") as stream:
                return stream.read(SNIFFED_BYTES)
        with file.input.open() as stream:
            return stream.read(SNIFFED_BYTES)

    # -- one file -----------------------------------------------------------------------------------------------------

    def _take(self, files: list[MediaFile], decoders: "queue.Queue[Decoder]") -> list[dict[str, Any] | Refused]:
        """Keep files and decode them; return the row of each, or why there is none."""
        with ExitStack() as stack:
            kept = [self._keep_one(file, stack) for file in files]
            asked = [one for one in kept if isinstance(one, _Kept)]
            decoder = decoders.get()
            try:
                answers = iter(decoder.decode_all([(one.path, one.family) for one in asked]))
            finally:
                decoders.put(decoder)
        return [one if isinstance(one, Refused) else _make_row(one, next(answers)) for one in kept]

    def _keep_one(self, file: MediaFile, stack: ExitStack) -> "_Kept | Refused":
        """Keep a file; return where it can be decoded, or why it cannot."""
        known = self._known_of(file)
        reason = file.reason
        if reason is None and file.input.size > self.source.largest:
            reason = f"{file.input.size:,} bytes, more than {self.source.largest:,}"
        if reason is not None:
            return _refuse(file, reason, known)
        try:
            kept = self._open(file, stack)
            known |= {"sha256": kept.sha256, "bytes": kept.bytes}
            if self.manifest is not None and self.manifest.find(file.name) is None:
                raise UndecodableError("the manifest does not name it")
            return _Kept(file, known, kept.path, self._find_family(file.name, kept.path))
        except UndecodableError as error:
            return _refuse(file, str(error), known)
        except DAMAGE as error:
            if not is_damage(error):
                raise CollectionError(
                    f"cannot read or keep {file.input.shown}: {error}",
                    where=self.request.where,
                    remedy="see its permissions and the room that is left, and clear the run",
                ) from None
            return _refuse(file, f"cannot be read: {error or type(error).__name__}", known)

    def _open(self, file: MediaFile, stack: ExitStack) -> KeptObject:
        lake, scratch = self.request.lake, self.request.scratch
        if file.sha256 is not None:
            path = stack.enter_context(fetch_object(lake, file.sha256, scratch))
            return KeptObject(file.sha256, file.input.size, path)
        stream = stack.enter_context(file.input.open())
        return stack.enter_context(keep_object(lake, _Limited(stream, self.source.largest), scratch))

    def _keep(self, stream: BinaryIO) -> str:
        with keep_object(self.request.lake, stream, self.request.scratch) as kept:
            return kept.sha256

    def _find_family(self, name: str, path: Path) -> str:
        with path.open("rb") as file:
            begin = file.read(SNIFFED_BYTES)
        contradiction = find_contradiction(name, begin, self.source.kind)
        family = find_family(begin)
        if contradiction is not None or family is None:
            raise UndecodableError(contradiction or "no media")
        return family.name

    def _known_of(self, file: MediaFile) -> dict[str, Any]:
        """Return what is known of a file before it is read."""
        said = self.manifest.find(file.name) if self.manifest is not None else None
        columns = self.manifest.columns if self.manifest is not None else ()
        known: dict[str, Any] = {"file": file.name, "source_file": file.input.shown, "source_row": 1}
        if self.source.label == "folder":
            known["label"] = file.name.rpartition("/")[0].rpartition("/")[2] or None
        return known | dict(zip(columns, said or [None] * len(columns), strict=True))

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _make_table(self, rows: list[dict[str, Any]]) -> pa.Table:
        label = {"label": TEXT} if self.source.label == "folder" else {}
        said = dict.fromkeys(self.manifest.columns if self.manifest is not None else (), TEXT)
        features = dict.fromkeys(name_columns(self.source.extract), NUMBER)
        columns = {**IN_COMMON, **COLUMNS[self.source.kind], **label, **said, **features}
        schema = pa.schema({**columns, "source_file": TEXT, "source_row": WHOLE})
        return pa.Table.from_pylist(rows, schema=schema)

    def _open_decoders(self, stack: ExitStack, files: int) -> "queue.Queue[Decoder]":
        number = max(1, min(DECODERS, len(os.sched_getaffinity(0)), files // 8))
        source = self.source
        options = DecodingOptions(
            source.kind,
            source.extract,
            self.request.partition.timezone,
            most_pixels=0 if isinstance(source, AudioSource) else source.most_pixels,
            longest=0.0 if isinstance(source, ImagesSource) else source.longest.total_seconds(),
        )
        decoders: queue.Queue[Decoder] = queue.Queue(number)
        for _ in range(number):
            decoders.put(stack.enter_context(Decoder(options)))
        return decoders


@dataclass(frozen=True)
class _Kept:
    """A file that the lake keeps, with what is known of it."""

    file: MediaFile
    known: dict[str, Any]
    path: Path
    family: str


class _Limited:
    """A stream that must not go on for ever."""

    def __init__(self, stream: BinaryIO, largest: int) -> None:
        self._stream = stream
        self._left = largest
        self._largest = largest

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise UndecodableError(f"more than {self._largest:,} bytes")
        return chunk


def _group(files: list[MediaFile]) -> list[list[MediaFile]]:
    """Cut files into turns: a few small ones, or a large one."""
    turns: list[list[MediaFile]] = []
    room = 0
    for file in files:
        if not turns or len(turns[-1]) == FILES_A_TURN or file.input.size > room:
            turns.append([])
            room = BYTES_A_TURN
        turns[-1].append(file)
        room -= file.input.size
    return turns


def _make_row(kept: _Kept, answer: Values | UndecodableError) -> dict[str, Any] | Refused:
    if isinstance(answer, UndecodableError):
        return _refuse(kept.file, str(answer), kept.known)
    values: dict[str, Any] = dict(answer)
    if values.get("capture_time") is not None:
        values["capture_time"] = datetime.fromisoformat(values["capture_time"])
    return kept.known | values


def _refuse(file: MediaFile, reason: str, known: dict[str, Any]) -> Refused:
    said = {name: value for name, value in known.items() if value is not None and not name.startswith("source_")}
    return Refused(reason, file.input.shown, None, json.dumps(said, ensure_ascii=False, default=str)[:LONGEST_TEXT])
