"""JSON: one document with a list of objects, or an object a line (NDJSON). Every value becomes a text.

A number keeps the digits that it was written with; a nested value becomes its JSON text. Stays out: flattening.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from lakemill.collection.delivery import LONGEST_NAME, LONGEST_TEXT, PROVENANCE, Piece, Refused, number_rows
from lakemill.collection.formats.compression import PlainStream
from lakemill.config.sources import FilesSource, HttpSource

ROWS = 10_000  # a piece
BLOCK_BYTES = 8 * 2**20
DEEPEST = 200  # levels, by far less than Python takes: also where the caller stands deep in its own stack


class _Literal(str):
    """A number as it was written."""

    __slots__ = ()


class _Rows:
    """Records on their way into a piece."""

    def __init__(self, shown: str, missing: tuple[str, ...]) -> None:
        self._shown = shown
        self._missing = set(missing)
        self._rows: list[dict[str, str | None]] = []
        self._numbers: list[int] = []
        self._refused: list[Refused] = []

    def __len__(self) -> int:
        return len(self._rows) + len(self._refused)

    def add(self, row: dict[str, Any], number: int) -> None:
        self._rows.append({name: None if value in self._missing else value for name, value in row.items()})
        self._numbers.append(number)

    def refuse(self, reason: str, number: int | None, text: str) -> None:
        self._refused.append(Refused(reason, self._shown, number, text[:LONGEST_TEXT]))

    def take(self) -> Piece:
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        columns = {name: pa.array([row.get(name) for row in self._rows], pa.string()) for name in names}
        piece = Piece(number_rows(pa.table(columns), self._numbers), self._refused)
        self._rows, self._numbers, self._refused = [], [], []
        return piece


def read_lines(plain: PlainStream, shown: str, source: FilesSource | HttpSource) -> Iterator[Piece]:
    """Read NDJSON.

    Parameters
    ----------
    plain : PlainStream
    shown : str
    source : FilesSource or HttpSource

    Yields
    ------
    Piece
        ``source_row`` is the number of the line.
    """
    rows = _Rows(shown, source.missing)
    number, is_empty = 0, True
    for line, reason in _split_lines(plain, source.longest_line):
        number += 1
        if reason is None and not line.strip():
            continue
        is_empty = False
        row, reason = (None, reason) if reason else _read_object(line)
        if row is not None:
            rows.add(row, number)
        else:
            rows.refuse(str(reason), number, line[:LONGEST_TEXT].decode("utf-8", "replace"))
        if len(rows) >= ROWS:
            yield rows.take()
    if is_empty:
        rows.refuse("the file is empty", None, "")
    yield rows.take()


def read_document(plain: PlainStream, shown: str, source: FilesSource | HttpSource) -> Iterator[Piece]:
    """Read the list of objects in one JSON document.

    Parameters
    ----------
    plain : PlainStream
    shown : str
    source : FilesSource or HttpSource
        ``records`` is the path to the list; without it the document is the list, or one object that is one row.

    Yields
    ------
    Piece
        ``source_row`` is the place in the list, from 1. From where the document is damaged it is refused.
    """
    import ijson

    rows = _Rows(shown, source.missing)
    number = 0
    raw = _TextBytes(plain)
    try:
        events = ijson.basic_parse(raw, use_float=False)
        for value in _records(events, source.records):
            number += 1
            row, reason = _as_row(value)
            if row is not None:
                rows.add(row, number)
            else:
                rows.refuse(str(reason), number, repr(value))
            if len(rows) >= ROWS:
                yield rows.take()
        if number == 0 and raw.count == 0:
            rows.refuse("the file is empty", None, "")
        elif number == 0:
            rows.refuse(f"no list of objects{f' at {source.records}' if source.records else ''}", None, "")
    except (ijson.JSONError, UnicodeDecodeError, RecursionError, ValueError, ArithmeticError) as error:
        reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        rows.refuse(f"not JSON from here on: {reason}", number + 1, "")
    yield rows.take()


class _TextBytes:
    """A stream for ijson: counts, and leaves out the mark of UTF-8."""

    def __init__(self, plain: PlainStream) -> None:
        self._plain = plain
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        data = self._plain.read(size) or b""
        if self.count == 0:
            data = data.removeprefix(b"\xef\xbb\xbf")
        self.count += len(data)
        return data


def _records(events: Iterator[tuple[str, Any]], path: str | None) -> Iterator[Any]:
    """Yield the items of the list at a path, each built when it is whole; nested too deep is an error."""
    from ijson.common import ObjectBuilder

    wanted = [*path.split("."), None] if path else [None]  # names of objects down to the list, which has none
    place: list[str | None] = []  # of objects the name that comes last, of lists nothing
    builder: Any = None
    row_depth = 0
    for event, value in events:
        if event == "map_key" and builder is None:
            place[-1] = value
            continue
        if event in ("end_map", "end_array"):
            place.pop()
        if builder is None and not event.startswith("end_"):
            is_row = place == wanted or (path is None and not place and event == "start_map")
            if is_row:
                builder, row_depth = ObjectBuilder(), len(place)
        if builder is not None:
            builder.event(event, value)
        if event in ("start_map", "start_array"):
            place.append("" if event == "start_map" else None)
            if len(place) > DEEPEST:
                raise ValueError(f"nested more than {DEEPEST} levels deep")
        if builder is not None and len(place) == row_depth and event != "map_key":
            yield builder.value
            builder = None


def _split_lines(plain: PlainStream, longest: int) -> Iterator[tuple[bytes, str | None]]:
    """Yield lines, and why one is no line: too long, or cut off by damage."""
    rest, is_too_long, is_first = b"", False, True
    while chunk := plain.read(BLOCK_BYTES):
        if is_first:
            chunk, is_first = chunk.removeprefix(b"\xef\xbb\xbf"), False
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line, f"a line of more than {longest:,} bytes" if is_too_long or len(line) > longest else None
            is_too_long = False
        if len(rest) > longest:
            rest, is_too_long = rest[:LONGEST_TEXT], True
    if rest and plain.fault is not None:
        yield rest, "the line is cut off"
    elif rest:
        yield rest, f"a line of more than {longest:,} bytes" if is_too_long or len(rest) > longest else None


def _read_object(line: bytes) -> tuple[dict[str, Any] | None, str | None]:
    try:
        value = json.loads(line, parse_float=_Literal, parse_int=_Literal, parse_constant=lambda name: None)
        if isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values()):
            plain = json.loads(line, parse_constant=lambda name: None)
            value = {name: plain[name] if isinstance(one, dict | list) else one for name, one in value.items()}
    except (ValueError, RecursionError) as error:
        return None, "nested too deep" if isinstance(error, RecursionError) else f"not JSON: {error}"
    return _as_row(value)


def _as_row(value: Any) -> tuple[dict[str, Any] | None, str | None]:
    if not isinstance(value, dict):
        return None, "no object with names and values"
    try:
        row = {name: _as_text(one) for name, one in value.items()}
        for name in row:
            name.encode()
            if (fault := find_fault(name)) is not None:
                return None, fault
        for one in row.values():
            (one or "").encode()
    except (RecursionError, UnicodeEncodeError) as error:
        return None, "nested too deep" if isinstance(error, RecursionError) else "has half of a surrogate pair"
    return (row, None) if row else (None, "an object without values")


def find_fault(name: str) -> str | None:
    """Return why a field's name cannot be a column's.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> find_fault("watts"), find_fault("Delivery")
    (None, "has a field 'Delivery', a name of the lake's own: give it another name")
    """
    if name.lower() in PROVENANCE:
        return f"has a field {name!r}, a name of the lake's own: give it another name"
    if len(name) > LONGEST_NAME:
        return f"has a field whose name has {len(name):,} characters: {name[:40]!r}..."
    if any(ord(character) < 32 and character not in "\t\r\n" for character in name):
        return f"has a field with control characters in its name: {name!r}"
    return None


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        _require_shallow(value, 1)
        return json.dumps(value, ensure_ascii=False, default=_as_number)
    return str(value)


def _require_shallow(value: Any, depth: int) -> None:
    """Raise where a value is nested too deep; how deep the caller's own stack is must not tell."""
    if depth > DEEPEST:
        raise RecursionError
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, dict | list):
            _require_shallow(one, depth + 1)


def _as_number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    raise TypeError(type(value).__name__)
