"""Delimited text line by line: slow, and sure to keep every good line beside a bad one.

Stays out: blocks that are in order (``delimited.py``).
"""

import csv
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from lakemill.collection.delivery import LONGEST_TEXT, Piece, Refused, number_rows

if TYPE_CHECKING:
    from lakemill.collection.formats.delimited import Dialect

MOST_LINES = 100  # of one record with line ends inside of quotes
REPLACED = "\ufffd"


def parse_lines(block: bytes, dialect: "Dialect", shown: str, before: int, lines: int) -> tuple[Piece, int]:
    """Parse a block of lines.

    A record may go over several lines where its quotes say so and its fields are then as many as the header's;
    otherwise its first line is refused, and the next line is a line again.

    Parameters
    ----------
    block : bytes
    dialect : Dialect
    shown : str
        Name of the file.
    before, lines : int
        Number of records before, and of lines.

    Returns
    -------
    piece : Piece
    count : int
        Number of records, refused ones too.
    """
    missing = set(dialect.missing)
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    refused: list[Refused] = []
    number = before
    for line, fields, text, reason in _split(block, dialect):
        number += 1
        if reason is None:
            rows.append([None if field in missing else field for field in fields])
            numbers.append(number)
        else:
            refused.append(Refused(reason, shown, number, text[:LONGEST_TEXT], lines + line))
    columns = zip(*rows, strict=True) if rows else [[] for _ in dialect.names]
    table = {name: pa.array(list(values), pa.string()) for name, values in zip(dialect.names, columns, strict=True)}
    return Piece(number_rows(pa.table(table), numbers), refused), number - before


def _split(block: bytes, dialect: "Dialect") -> Iterator[tuple[int, list[str], str, str | None]]:
    lines = block.split(b"\n")
    at = 0
    while at < len(lines):
        raw = lines[at].removesuffix(b"\r")
        at += 1
        line = at
        if not raw.strip() and len(dialect.names) > 1:
            continue
        if not raw:
            continue
        fields, text, reason = _read_record(raw, dialect)
        if reason is not None and dialect.quote and raw.count(dialect.quote.encode()) % 2:
            joined = _join(lines, at, raw, dialect)
            if joined is not None:
                fields, text, at = joined
                reason = None
        yield line, fields, text, reason


def _join(lines: list[bytes], at: int, raw: bytes, dialect: "Dialect") -> tuple[list[str], str, int] | None:
    """Return a record that goes on over the next lines, and where these end; None if there is none."""
    quote = str(dialect.quote).encode()
    whole, quotes = [raw], raw.count(quote)
    for end in range(at, min(at + MOST_LINES, len(lines))):
        whole.append(lines[end])
        quotes += lines[end].count(quote)
        if quotes % 2 == 0:
            fields, text, reason = _read_record(b"\n".join(whole).removesuffix(b"\r"), dialect)
            return (fields, text, end + 1) if reason is None else None
    return None


def _read_record(raw: bytes, dialect: "Dialect") -> tuple[list[str], str, str | None]:
    if len(raw) > dialect.longest_line:
        text = raw[:LONGEST_TEXT].decode("utf-8", "replace")
        return [], text, f"a line of more than {dialect.longest_line:,} bytes"
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return [], raw[:LONGEST_TEXT].decode("utf-8", "replace"), f"cannot be decoded: {error.reason}"
    if dialect.was_decoded and REPLACED in text:
        return [], text, "cannot be decoded: it has characters that its encoding does not know"
    if "\x00" in text:
        return [], text.replace("\x00", "\\0"), "has a zero byte"
    csv.field_size_limit(max(csv.field_size_limit(), dialect.longest_line))
    try:
        rows = list(
            csv.reader(
                text.splitlines(keepends=True) if "\n" in text else [text],
                delimiter=dialect.delimiter,
                quotechar=dialect.quote,
                escapechar=dialect.escape,
                quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
                strict=True,
            )
        )
    except csv.Error as error:
        return [], text, str(error)
    fields = rows[0] if rows else []
    if len(rows) != 1 or len(fields) != len(dialect.names):
        return [], text, f"{len(fields)} fields where the header has {len(dialect.names)}"
    return fields, text, None
