"""Delimited text (CSV and its like), by blocks: Arrow's parser where a block is in order, else line by line.

Every value stays a text, as delivered. Stays out: one line that is in disorder (``delimited_lines.py``).
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from lakemill.collection.delivery import LONGEST_NAME, LONGEST_TEXT, NO_ROWS, Piece, Refused, number_rows
from lakemill.collection.formats.compression import PlainStream
from lakemill.collection.formats.delimited_lines import REPLACED, parse_lines
from lakemill.config.sources import FilesSource, HttpSource

BLOCK_BYTES = 8 * 2**20
SAMPLE_BYTES = 256 * 1024
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Dialect:
    """How a file is written, declared or found.

    Attributes
    ----------
    names : list of str
        Of its columns.
    delimiter : str
    quote, escape : str or None
    missing : tuple of str
        Texts that mean no value.
    longest_line : int
        In bytes.
    was_decoded : bool
        Whether its bytes were those of another encoding than UTF-8.
    """

    names: list[str]
    delimiter: str
    quote: str | None
    escape: str | None
    missing: tuple[str, ...]
    longest_line: int
    was_decoded: bool = False


def read_delimited(plain: PlainStream, shown: str, source: FilesSource | HttpSource) -> Iterator[Piece]:
    """Read delimited text.

    Parameters
    ----------
    plain : PlainStream
    shown : str
        Its name for people.
    source : FilesSource or HttpSource

    Yields
    ------
    Piece
        ``source_row`` counts records, refused ones too, from 1 after the header.
    """
    blocks = _Blocks(plain, source)
    try:
        begin = blocks.peek()
        if not begin.strip():
            yield Piece(NO_ROWS, [Refused("the file is empty", shown)])
            return
        if len(begin) >= SAMPLE_BYTES and b"\n" not in begin:
            raise ValueError(f"the first is longer than {SAMPLE_BYTES:,} bytes")
        dialect, first = _find_dialect(begin, source)
        dialect = replace(dialect, was_decoded=blocks.was_decoded)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        yield Piece(NO_ROWS, [Refused(f"its first lines cannot be read: {error}", shown)])
        return
    blocks.skip(first)
    number, line = 0, begin.count(b"\n", 0, first)
    yield Piece(number_rows(pa.table({name: pa.array([], pa.string()) for name in dialect.names}), []))
    for block, is_in_order, reason in blocks.read(dialect):
        if reason is not None:
            number, line = number + 1, line + 1
            text = block[:LONGEST_TEXT].decode("utf-8", "replace")
            yield Piece(NO_ROWS, [Refused(reason, shown, number, text, line)])
            continue
        piece, count = _parse(block, is_in_order, dialect, shown, number, line)
        number, line = number + count, line + block.count(b"\n")
        yield piece


class _Blocks:
    """The file's bytes as UTF-8, cut where a record ends."""

    def __init__(self, plain: PlainStream, source: FilesSource | HttpSource) -> None:
        self._plain = plain
        self._rest = b""
        self._is_at_end = False
        self._has_bare_returns = False
        self._fill(SAMPLE_BYTES)
        encoding = source.csv.encoding or _find_encoding(self._rest)
        self._decoder = None
        if codecs.lookup(encoding).name not in ("utf-8", "ascii"):
            # what cannot be decoded becomes a mark, and the line parser refuses lines with it
            self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
            self._rest = self._decoder.decode(self._rest, self._is_at_end).encode()
        self._rest = self._rest.removeprefix(codecs.BOM_UTF8)
        self._has_bare_returns = b"\n" not in self._rest and b"\r" in self._rest  # line ends of old Macs
        self._rest = self._end_lines(self._rest)
        self.was_decoded = self._decoder is not None

    def peek(self) -> bytes:
        return self._rest

    def skip(self, count: int) -> None:
        self._rest = self._rest[count:]

    def read(self, dialect: Dialect) -> Iterator[tuple[bytes, bool, str | None]]:
        """Yield blocks of whole records: their bytes, whether quotes pair up, and why it is refused if it is."""
        quote = dialect.quote.encode() if dialect.quote else None
        while True:
            self._fill(BLOCK_BYTES)
            if not self._rest:
                return
            if self._is_at_end and self._plain.fault is None:
                block, self._rest = self._rest, b""
                yield block, quote is None or block.count(quote) % 2 == 0, None
                continue
            end, is_in_order = _find_end(self._rest, quote)
            if end > 0:
                block, self._rest = self._rest[:end], self._rest[end:]
                yield block, is_in_order, None
            elif self._is_at_end:  # where it was damaged: what may be half a line is no row
                block, self._rest = self._rest, b""
                yield block, False, "the line is cut off"
            elif len(self._rest) > dialect.longest_line:
                begin = self._rest[:LONGEST_TEXT]
                self._skip_line()
                yield begin, False, f"a line of more than {dialect.longest_line:,} bytes"
            else:
                self._fill(2 * len(self._rest))

    def _skip_line(self) -> None:
        while True:
            end = self._rest.find(b"\n")
            if end >= 0 or self._is_at_end:
                self._rest = self._rest[end + 1 :] if end >= 0 else b""
                return
            self._rest = b""
            self._fill(BLOCK_BYTES)

    def _end_lines(self, chunk: bytes) -> bytes:
        return chunk.replace(b"\r", b"\n") if self._has_bare_returns else chunk

    def _fill(self, size: int) -> None:
        chunks, have = [self._rest], len(self._rest)
        while have < size and not self._is_at_end:
            chunk = self._plain.read(BLOCK_BYTES) or b""
            self._is_at_end = not chunk
            if getattr(self, "_decoder", None) is not None:
                chunk = self._decoder.decode(chunk, self._is_at_end).encode()  # type: ignore[union-attr]
            chunk = self._end_lines(chunk)
            chunks.append(chunk)
            have += len(chunk)
        self._rest = b"".join(chunks)


def _find_end(block: bytes, quote: bytes | None) -> tuple[int, bool]:
    """Return where the last whole record ends, 0 if none does, and whether quotes pair up until there."""
    last = block.rfind(b"\n") + 1
    if last == 0 or quote is None or quote not in block:
        return last, True
    buffer = np.frombuffer(block, "uint8")
    quotes = np.flatnonzero(buffer == quote[0])
    newlines = np.flatnonzero(buffer == 10)
    outside = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    # without an end outside of quotes one is never closed: cut at a line, and let the line parser find where
    return (int(outside[-1]) + 1, True) if len(outside) else (last, False)


def _parse(block: bytes, is_in_order: bool, dialect: Dialect, shown: str, before: int, lines: int) -> tuple[Piece, int]:
    malformed: list[tuple[int, str, str]] = []
    if is_in_order:
        table = _parse_fast(block, dialect, malformed)
        if table is not None:
            count = len(table) + len(malformed)
            numbers = np.arange(before + 1, before + count + 1)
            refused = [
                Refused(reason, shown, before + row, text[:LONGEST_TEXT], lines + row)
                for row, reason, text in malformed
            ]
            numbers = np.delete(numbers, [row - 1 for row, _, _ in malformed])
            return Piece(number_rows(table, numbers), refused), count
    return parse_lines(block, dialect, shown, before, lines)


def _parse_fast(block: bytes, dialect: Dialect, malformed: list[tuple[int, str, str]]) -> pa.Table | None:
    """Parse a block with Arrow; None where that is not sure to lose nothing."""
    if not _is_text(block) or _has_longer_line(block, dialect.longest_line):
        return None  # Arrow could not even tell which lines are malformed
    is_sure = True

    def keep_aside(line: Any) -> str:
        nonlocal is_sure
        is_sure = is_sure and "\n" not in line.text and line.number is not None
        reason = f"{line.actual_columns} fields where the header has {line.expected_columns}"
        malformed.append((line.number or 0, reason, line.text))
        return "skip"

    try:
        table = pa_csv.read_csv(
            pa.BufferReader(block),
            read_options=pa_csv.ReadOptions(
                column_names=dialect.names, use_threads=False, block_size=min(len(block) + 1, 2**31 - 1)
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                escape_char=dialect.escape or False,
                newlines_in_values=True,
                invalid_row_handler=keep_aside,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(dialect.names, pa.string()),
                null_values=list(dialect.missing),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                check_utf8=False,  # it has been
            ),
        )
    except pa.ArrowInvalid:
        return None
    if malformed:  # their numbers are those of lines only where each record is one line
        records = len(table) + len(malformed)
        is_sure = is_sure and block.count(b"\n") + (not block.endswith(b"\n")) == records
    is_marked = dialect.was_decoded and REPLACED.encode() in block
    return table if is_sure and not is_marked and b"\x00" not in block else None


def _has_longer_line(block: bytes, longest: int) -> bool:
    if len(block) <= longest:
        return False
    ends = np.flatnonzero(np.frombuffer(block, "uint8") == 10)
    return bool(np.diff(ends, prepend=-1, append=len(block)).max() > longest + 1)


def _is_text(block: bytes) -> bool:
    """Tell whether bytes are UTF-8, without a copy."""
    ends = pa.array([0, len(block)], pa.int64()).buffers()[1]
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(block)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _find_encoding(sample: bytes) -> str:
    """Return the encoding of a sample: by its mark, UTF-8 where it may be, else as its letters suggest."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if sample.startswith(mark):
            return name
    lines = sample.split(b"\n")
    undecodable = [line for line in lines[:-1] or lines if not _is_utf8(line)]
    other = [line for line in lines if not line.isascii()]
    # a line or two of many is damage, most of those with letters beyond ASCII is another encoding
    if not undecodable or len(undecodable) <= len(other) // 2 or len(undecodable) <= len(lines) // 100:
        return "utf-8"
    from charset_normalizer import from_bytes

    best = from_bytes(b"\n".join(undecodable[:200])).best()
    return best.encoding if best is not None else "windows-1252"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _find_dialect(begin: bytes, source: FilesSource | HttpSource) -> tuple[Dialect, int]:
    """Return how a file is written, and where its first row begins."""
    said = source.csv
    csv.field_size_limit(max(csv.field_size_limit(), len(begin)))
    at = 0
    for _ in range(said.skip_lines):
        at = begin.find(b"\n", at) + 1 or len(begin)
    delimiter = said.delimiter or _find_delimiter(begin[at:], said.quote)
    names = list(said.names or ())
    if not names:
        while begin[at : at + 1] in (b"\n", b"\r"):
            at += 1
        end, _ = _first_record(begin[at:], said.quote)
        line = begin[at : at + end].decode().rstrip("\r\n")
        quoting: Any = csv.QUOTE_MINIMAL if said.quote else csv.QUOTE_NONE
        reader = csv.reader(
            line.splitlines(keepends=True),
            delimiter=delimiter,
            quotechar=said.quote,
            escapechar=said.escape,
            quoting=quoting,
        )
        names = next(reader, [])
        at += end
    _require_header(names)
    if len(names) == 1 and not said.names and not begin[at:].strip():
        raise ValueError("there is one, and it names one column: no rows follow")
    return Dialect(names, delimiter, said.quote, said.escape, source.missing, source.longest_line), at


def _require_header(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the header names {', '.join(map(repr, twice))} twice")
    if not names or not any(names):
        raise ValueError("the header names no column")
    for name in names:
        if len(name) > LONGEST_NAME:
            raise ValueError(f"the header names a column with {len(name):,} characters: {name[:40]!r}...")
        if any(ord(character) < 32 and character not in "\t\r\n" for character in name):
            raise ValueError(f"the header names a column with control characters: {name!r}")


def _first_record(begin: bytes, quote: str | None) -> tuple[int, bool]:
    at = 0
    while True:
        end = begin.find(b"\n", at)
        if end < 0:
            return len(begin), False
        if quote is None or begin.count(quote.encode(), 0, end) % 2 == 0:
            return end + 1, True
        at = end + 1


def _find_delimiter(begin: bytes, quote: str | None) -> str:
    """Return the character that divides most of the first lines into the same number of fields."""
    lines = [line for line in begin.decode("utf-8", "replace").splitlines()[:50] if line.strip()]
    lines = lines[:-1] if len(lines) > 1 else lines  # the last may be cut
    options: Any = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    best, best_rank = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter, **options)]
        header = counts[0] if counts else 1
        if header > 1 and (rank := (sum(count == header for count in counts) / len(counts), header)) > best_rank:
            best, best_rank = delimiter, rank
    return best
