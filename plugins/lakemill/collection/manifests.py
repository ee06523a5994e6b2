"""Manifests: CSV files that say more about each media file than its bytes do.

Stays out: types of the columns, which are found when the table is built.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pyarrow import fs

from lakemill.collection.delivery import LONGEST_TEXT, PROVENANCE, Refused, Request
from lakemill.collection.input_files import find_pointer
from lakemill.collection.stores import open_store
from lakemill.exceptions import CollectionError, suggest

FILE = "file"
DELIMITERS = ",;\t|"
LARGEST = 1 << 30  # it is held in memory


@dataclass(frozen=True)
class Manifest:
    """What is said about files.

    Attributes
    ----------
    shown : str
        Its path, as people wrote it.
    fingerprint : str
        Another one whenever it was changed.
    columns : tuple of str
        Beside ``file``.
    rows : dict
        By file: the number of its row, and its values.
    refused : list of Refused
        Rows that are none.
    """

    shown: str
    fingerprint: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[int, tuple[str | None, ...]]]
    refused: list[Refused] = field(default_factory=list)

    def find(self, name: str) -> tuple[str | None, ...] | None:
        """Return what is said about a file, None where it is not named."""
        found = self.rows.get(normalise_name(name))
        return found[1] if found is not None else None

    def refuse_missing(self, names: Sequence[str]) -> list[Refused]:
        """Refuse rows about files that are not there.

        Parameters
        ----------
        names : sequence of str
            Of the files that are.
        """
        there = {normalise_name(name) for name in names}
        return [
            Refused(f"no file {name}", self.shown, number, _as_text(name, self.columns, values))
            for name, (number, values) in self.rows.items()
            if name not in there
        ]


def normalise_name(name: str) -> str:
    r"""Return a path as all systems write it.

    Examples
    --------
    >>> normalise_name(".\\a\\b.png")
    'a/b.png'
    """
    return unicodedata.normalize("NFC", name.strip().replace("\\", "/")).removeprefix("./")


def read_manifest(
    path: str, connection: str | None, request: Request, *, missing: Sequence[str], taken: Sequence[str]
) -> Manifest:
    """Read a manifest.

    Parameters
    ----------
    path : str
        With ``{partition}`` for the key.
    connection : str or None
        Of the object store.
    request : Request
    missing : sequence of str
        Texts that mean no value.
    taken : sequence of str
        Names of columns that it must not have.

    Returns
    -------
    Manifest

    Raises
    ------
    CollectionError
        If there is none, or it has no column ``file``.
    """
    shown = path.replace("{partition}", request.key)
    where = f"{request.where} (manifest)"
    credentials = request.connections.credentials(connection) if connection else None
    store, place = open_store(shown, project=request.project, credentials=credentials, where=where)
    try:
        info = store.get_file_info(place)
        if info.type != fs.FileType.File:
            remedy = "bring it there, mend its path, or clear the run when it has come"
            raise CollectionError(f"no manifest {shown} for partition {request.key}", where=where, remedy=remedy)
        if info.size > LARGEST:
            raise CollectionError(f"{shown} has more than {LARGEST:,} bytes", where=where, remedy="cut it into parts")
        with store.open_input_stream(place, compression=None) as stream:
            raw = stream.read()
    except OSError as error:
        remedy = "see the path and its connection"
        raise CollectionError(f"cannot read {shown}: {error}", where=where, remedy=remedy) from None
    if (pointed := find_pointer(raw)) is not None:
        raise CollectionError(f"{shown} is {pointed}", where=where, remedy="bring the file itself")
    lines = csv.reader(io.StringIO(_decode(raw), newline=""), delimiter=_find_delimiter(raw))
    header = [name.strip() for name in _next(lines) or []]
    _check_header(header, shown, where, [*taken, *PROVENANCE])
    rows, refused = _read_rows(lines, header, shown, set(missing))
    columns = tuple(name for name in header if name != FILE)
    return Manifest(shown, f"{info.size} {info.mtime_ns}", columns, rows, refused)


def _read_rows(
    lines: Iterator[list[str]], header: list[str], shown: str, missing: set[str]
) -> tuple[dict[str, tuple[int, tuple[str | None, ...]]], list[Refused]]:
    rows: dict[str, tuple[int, tuple[str | None, ...]]] = {}
    refused: list[Refused] = []
    at = header.index(FILE)
    number = 0
    while (fields := _next(lines)) is not None:
        if not fields:
            continue
        number += 1
        text = ",".join(fields)[:LONGEST_TEXT]
        if len(fields) != len(header):
            reason = f"{len(fields)} fields where the header has {len(header)}"
            refused.append(Refused(reason, shown, number, text))
            continue
        name = normalise_name(fields[at])
        if name in rows or not name:
            refused.append(Refused(f"names {name} again" if name else "names no file", shown, number, text))
            continue
        values = [None if value in missing else value for place, value in enumerate(fields) if place != at]
        rows[name] = (number, tuple(values))
    return rows, refused


def _next(lines: Iterator[list[str]]) -> list[str] | None:
    try:
        return next(lines, None)
    except csv.Error:  # a field longer than the reader takes
        return ["a line that cannot be read"]


def _check_header(header: list[str], shown: str, where: str, taken: list[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    clash = [name for name in header if name in taken]
    if FILE not in header:
        raise CollectionError(f"{shown}: no column 'file'", where=where, remedy=suggest(FILE, header or ["(none)"]))
    if twice:
        raise CollectionError(f"{shown}: names {twice[0]!r} twice", where=where, remedy="mend its first line")
    if clash:
        remedy = "give it another name: media files have such a column themselves, or the lake does"
        raise CollectionError(f"{shown}: has a column {clash[0]!r}", where=where, remedy=remedy)


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError:
        return raw.decode("windows-1252", "replace").replace("\0", "")


def _find_delimiter(raw: bytes) -> str:
    line = _decode(raw[:65_536].split(b"\n")[0])
    return max(DELIMITERS, key=line.count)


def _as_text(name: str, columns: Sequence[str], values: Sequence[str | None]) -> str:
    pairs = zip((FILE, *columns), (name, *values), strict=True)
    return ", ".join(f"{one}={value}" for one, value in pairs)[:LONGEST_TEXT]
