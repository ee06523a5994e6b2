"""Damaged input of every kind of source, made by a seeded generator, with what must come of each piece of it.

What is damaged how stands in tables: `FILES` (a format of files with its damages), `MESSAGES` (of sensors), `CELLS`
and `ALIASES` (values and names of columns of databases), `MEDIA` (pictures, sound, films). The same seed gives the same
bytes. Stays out: collecting and asserting.
"""

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

NAMES = ("id", "at", "note", "price")
ROWS = 30  # a file
Row = tuple[str, ...]
Make = Callable[[random.Random, list[Row], bytes], "Damaged"]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 4096\n"


@dataclass(frozen=True)
class Damaged:
    """Something damaged.

    Attributes
    ----------
    content : bytes
    kept : frozenset of tuple
        Rows that no damage has touched, in a text: they must arrive, as often as they are here.
    is_bad : bool or None
        Whether a reason must be left in quarantine; None where the damage may have left it whole or legal.
    suffix : str or None
        How its name ends, where it is another than its format's.
    damage, name : str
        What was done, and what it is called.
    rows : tuple of tuple
        What was there before.
    """

    content: bytes
    kept: frozenset[Row] = frozenset()
    is_bad: bool | None = None
    suffix: str | None = None
    damage: str = ""
    name: str = ""
    rows: tuple[Row, ...] = field(default=(), repr=False)


def make_rows(first: int, count: int = ROWS, day: str = "2024-03-01") -> list[Row]:
    """Rows of which no two are alike, with letters and quotes that are easily broken."""
    notes = ("Müller", 'said "so", twice', "x" * 40, "Ünal; über", "plain")
    return [
        (f"{number:07}", f"{day} {number % 24:02}:00:00", f"{notes[number % 5]} {number}", f"{number}.25")
        for number in range(first, first + count)
    ]


# -- formats -------------------------------------------------------------------------------------------------------


def as_csv(rows: list[Row]) -> bytes:
    """Delimited text."""
    lines = [",".join('"' + one.replace('"', '""') + '"' if '"' in one else one for one in row) for row in rows]
    return "\n".join([",".join(NAMES), *lines, ""]).encode()


def as_objects(rows: list[Row]) -> list[str]:
    """Rows as JSON."""
    return [json.dumps(dict(zip(NAMES, row, strict=True)), ensure_ascii=False) for row in rows]


def as_lines(rows: list[Row]) -> bytes:
    """NDJSON."""
    return "".join(line + "\n" for line in as_objects(rows)).encode()


def as_document(rows: list[Row]) -> bytes:
    """One JSON document."""
    return ("[" + ", ".join(as_objects(rows)) + "]").encode()


def as_parquet(rows: list[Row]) -> bytes:
    """Parquet in three row groups."""
    out = io.BytesIO()
    table = pa.table(dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True)))
    pq.write_table(table, out, row_group_size=len(rows) // 3, write_page_checksum=True)
    return out.getvalue()


def as_workbook(rows: list[Row]) -> bytes:
    """A workbook of one sheet."""
    book = openpyxl.Workbook()
    for row in (NAMES, *rows):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_zip(rows: list[Row]) -> bytes:
    """An archive of two CSV files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", as_csv(rows[: len(rows) // 2]))
        archive.writestr("b.csv", as_csv(rows[len(rows) // 2 :]))
    return out.getvalue()


def as_zst(content: bytes) -> bytes:
    """Compress with a checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda content: gzip.compress(content, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": as_zst,
}
WRITERS: dict[str, Callable[[list[Row]], bytes]] = {
    "csv": as_csv,
    "ndjson": as_lines,
    "json": as_document,
    "parquet": as_parquet,
    "xlsx": as_workbook,
    "zip": as_zip,
    **{f"csv.{name}": lambda rows, pack=pack: pack(as_csv(rows)) for name, pack in PACKERS.items()},
}


# -- damages of any bytes ------------------------------------------------------------------------------------------


def cut(draw: random.Random, content: bytes) -> bytes:
    """Cut off, within."""
    return content[: draw.randrange(1, len(content) - 1)]


def flip(draw: random.Random, content: bytes) -> bytes:
    """Some bits turned over."""
    changed = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 5])):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def blank(draw: random.Random, content: bytes) -> bytes:
    """A stretch of zero bytes, as a disk leaves them."""
    at, size = draw.randrange(len(content)), draw.choice([1, 16, 512])
    return content[:at] + bytes(len(content[at : at + size])) + content[at + size :]


def scramble(draw: random.Random, content: bytes) -> bytes:
    """A stretch of noise."""
    at, size = draw.randrange(len(content)), draw.choice([4, 64, 512])
    return content[:at] + draw.randbytes(len(content[at : at + size])) + content[at + size :]


def insert(draw: random.Random, content: bytes) -> bytes:
    """Bytes too many."""
    at = draw.randrange(len(content))
    return content[:at] + draw.randbytes(draw.choice([1, 3, 100])) + content[at:]


def lose(draw: random.Random, content: bytes) -> bytes:
    """Bytes lost within."""
    at = draw.randrange(1, len(content) - 1)
    return content[:at] + content[at + draw.choice([1, 3, 100]) :]


def behead(draw: random.Random, content: bytes) -> bytes:
    """The beginning lost."""
    return content[draw.randrange(1, min(200, len(content) - 1)) :]


BYTES = {"cut": cut, "flip": flip, "blank": blank, "scramble": scramble, "insert": insert, "lose": lose, "head": behead}


# -- damages of files with rows ------------------------------------------------------------------------------------


def of_bytes(change: Callable[[random.Random, bytes], bytes]) -> Make:
    """Damage a file of any format anywhere."""
    return lambda draw, rows, content: Damaged(change(draw, content))


def of_a_line(change: Callable[[random.Random, bytes], bytes]) -> Make:
    """Damage one line of a text behind its header: the others must arrive."""

    def damage(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
        lines = content.splitlines(keepends=True)
        first = len(lines) - len(rows)
        at = draw.randrange(first, len(lines))
        lines[at] = change(draw, lines[at].rstrip(b"\n")) + b"\n"
        return Damaged(b"".join(lines), frozenset(rows) - {rows[at - first]})

    return damage


def with_line(*choices: bytes) -> Make:
    """Put a line in between that is none: it is refused, and all others must arrive."""

    def damage(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
        lines = content.splitlines(keepends=True)
        at = draw.randrange(len(lines) - len(rows), len(lines) + 1)
        return Damaged(b"".join([*lines[:at], draw.choice(choices) + b"\n", *lines[at:]]), frozenset(rows), True)

    return damage


def with_header(*changes: Callable[[random.Random, list[str]], list[str]]) -> Make:
    """Another first line of delimited text, that lacks a column that is needed."""

    def damage(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
        names = draw.choice(changes)(draw, list(NAMES))
        return Damaged(",".join(names).encode() + content[content.index(b"\n") :], is_bad=True)

    return damage


def in_capitals(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """The same names, but for their capitals: all rows must arrive."""
    header, rest = content.split(b"\n", 1)
    changed = draw.choice([header.upper(), header.title(), header.replace(b"note", b"nOte")])
    return Damaged(changed + b"\n" + rest, frozenset(rows), False)


def in_encoding(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """Another encoding, which does not say so: read right, or refused."""
    encoding = draw.choice(["latin-1", "windows-1252", "utf-16", "utf-16-le", "utf-32", "cp437", "mac-roman", "utf-7"])
    return Damaged(content.decode().encode(encoding, "replace"))


def in_another_form(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """A name that ends as another format's: read as what it is, or refused."""
    return Damaged(content, suffix=draw.choice([*WRITERS, "txt", "jpg", "gz", "CSV", "tsv"]))


def as_pointer(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """What Git leaves in a file's place where Git LFS is not installed."""
    return Damaged(POINTER % draw.randbytes(32).hex().encode(), is_bad=True)


def as_nothing(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """Nothing, blanks, noise or zeros."""
    return Damaged(draw.choice([b"", b"\n\n", b"  ", draw.randbytes(500), bytes(500), b"\xff" * 500]), is_bad=True)


def as_huge(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """A line with a field that is longer than any line may be."""
    lines = content.splitlines(keepends=True)
    at = draw.randrange(len(lines) - len(rows), len(lines) + 1)
    huge = b"x" * (LONGEST_LINE + draw.randrange(1, LONGEST_LINE))
    line = b'{"id": "' + huge + b'"}\n' if content.startswith(b"{") else b"9,9," + huge + b",9\n"
    return Damaged(b"".join([*lines[:at], line, *lines[at:]]), frozenset(rows), True)


def _deep(draw: random.Random) -> bytes:
    depth = draw.choice([600, 5_000, 100_000])
    return b'{"id": ' + (b'{"a":' * depth + b"1" + b"}" * depth if draw.random() < 0.5 else b"[" * depth) + b"}"


def with_deep_line(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """A line of JSON nested deeper than any stack."""
    return with_line(_deep(draw))(draw, rows, content)


def with_odd_item(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """Something in a JSON document that is no row; what comes before it must arrive."""
    items = as_objects(rows)
    at = draw.randrange(len(items) + 1)
    odd = draw.choice([_deep(draw), b"{", b"]", b"1, , 2", b'{"id" 1}', b"nul", b'"\\x"'])
    content = (
        b"[" + b", ".join([*(one.encode() for one in items[:at]), odd, *(one.encode() for one in items[at:])]) + b"]"
    )
    return Damaged(content, frozenset(rows[:at]), True)


def with_no_row(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """A well-formed thing in a JSON document that is no row: it is refused, and all others must arrive."""
    items = as_objects(rows)
    odd = draw.choice(["7", "null", '"x"', "[1, 2]", "{}", '{"delivery": "x"}'])
    items.insert(draw.randrange(len(items) + 1), odd)
    return Damaged(("[" + ", ".join(items) + "]").encode(), frozenset(rows), True)


def with_torn_group(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """Bytes of one row group of a Parquet file changed, which its checksums tell: the others must arrive."""
    file = pq.ParquetFile(io.BytesIO(content))
    group = draw.randrange(file.num_row_groups)
    column = file.metadata.row_group(group).column(draw.randrange(len(NAMES)))
    begin = column.dictionary_page_offset or column.data_page_offset
    at = begin + column.total_compressed_size - 1 - draw.randrange(8)
    changed = bytearray(content)
    changed[at] ^= 1 << draw.randrange(8)
    size = len(rows) // 3
    kept = [row for number, row in enumerate(rows) if number // size != group]
    return Damaged(bytes(changed), frozenset(kept), True)


def as_bomb(pack: Callable[[bytes], bytes]) -> Make:
    """Bytes that expand to more than is allowed: what comes before must arrive."""

    def damage(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
        return Damaged(pack(as_csv(rows) + bytes(2 * LARGEST)), frozenset(rows), True)

    return damage


def as_archive_bomb(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """An archive with a good file and one that expands to more than is allowed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", as_csv(rows))
        archive.writestr("b.csv", bytes(2 * LARGEST))
    return Damaged(out.getvalue(), frozenset(rows), True)


def with_odd_member(draw: random.Random, rows: list[Row], content: bytes) -> Damaged:
    """An archive with a good file beside one that is none: the good one must arrive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../b.csv" if draw.random() < 0.3 else "a/a.csv", as_csv(rows))
        archive.writestr("z.csv", draw.choice([b"", draw.randbytes(300), POINTER % b"0", gzip.compress(b"x")[:-4]]))
    return Damaged(out.getvalue(), frozenset(rows), True)


def _lose_name(draw: random.Random, names: list[str]) -> list[str]:
    names.pop(draw.randrange(len(names)))
    return names


def _misspell(draw: random.Random, names: list[str]) -> list[str]:
    names[draw.randrange(len(names))] += draw.choice(["e", " 2", "\x00", "\t", "ß"])
    return names


def _repeat(draw: random.Random, names: list[str]) -> list[str]:
    names[1] = names[0]
    return names


LARGEST, LONGEST_LINE = 2**20, 2**17  # what sources of these tests allow
ANYWHERE: dict[str, Make] = {name: of_bytes(change) for name, change in BYTES.items()}
ANY_FILE: dict[str, Make] = {"wrong extension": in_another_form, "pointer": as_pointer, "nothing": as_nothing}
A_LINE: dict[str, Make] = {f"{name} in a line": of_a_line(change) for name, change in BYTES.items()}
FILES: dict[str, dict[str, Make]] = {
    "csv": {
        **ANYWHERE,
        **ANY_FILE,
        **A_LINE,
        "ragged line": with_line(b"1", b"1,2", b"1,2,3,4,5", b",,,,,,,,", b"x;y;z", b"\x00,1,2,3"),
        "open quote": with_line(b'9,"9,9,9', b'"', b'9,9,9,"9'),
        "undecodable line": with_line(b"9,\xff\xfe,9,9", b"9,\xc3\x28,9,9"),
        "header": with_header(_lose_name, _misspell, _repeat, lambda draw, names: ["partition", *names[1:]]),
        "capitals": in_capitals,
        "encoding": in_encoding,
        "huge field": as_huge,
    },
    "ndjson": {
        **ANYWHERE,
        **ANY_FILE,
        **A_LINE,
        "no object": with_line(b"7", b"null", b"[1]", b'"x"', b"{}", b"{", b"}", b"{'id': 1}", b'{"id": 1,}'),
        "odd text": with_line(b'{"id": "\\ud800"}', b'{"id": "\xff"}', b'{"\\ud800": 1}', b'{"source_row": 1}'),
        "deep": with_deep_line,
        "encoding": in_encoding,
        "huge field": as_huge,
    },
    "json": {
        **ANYWHERE,
        **ANY_FILE,
        "odd item": with_odd_item,
        "no row": with_no_row,
        "encoding": in_encoding,
    },
    "parquet": {**ANYWHERE, **ANY_FILE, "torn row group": with_torn_group},
    "xlsx": {**ANYWHERE, **ANY_FILE},
    "zip": {**ANYWHERE, **ANY_FILE, "bomb": as_archive_bomb, "odd member": with_odd_member},
    **{f"csv.{name}": {**ANYWHERE, **ANY_FILE, "bomb": as_bomb(pack)} for name, pack in PACKERS.items()},
}


def make_files(form: str, count: int, seed: int, *, first: int = 0) -> Iterator[Damaged]:
    """So many damaged files of a format, each kind of damage in turn, their rows numbered from ``first`` on."""
    for number in range(count):
        damage = list(FILES[form])[number % len(FILES[form])]
        draw = random.Random(f"{seed} {form} {number}")
        rows = make_rows(first + number * ROWS)
        made = FILES[form][damage](draw, rows, WRITERS[form](rows))
        name = f"{number:03}_{damage.replace(' ', '_')}.{made.suffix or form}"
        yield replace(made, damage=damage, name=name, rows=tuple(rows))


def find_wrong(one: Damaged, rows: list[Row], reasons: list[str]) -> str | None:
    """Say what came of a damaged file that must not: rows lost, changed, doubled, or nothing said; None if nothing."""
    have = Counter(rows)
    missing = [row for row in one.rows if have[row] == 0]
    if any(have[row] > 1 for row in one.rows):
        return "a row twice"
    if any(have[row] == 0 for row in one.kept):
        return f"good rows lost: {[row for row in one.kept if have[row] == 0][:2]}"
    if not all(reasons):
        return "refused without a reason"
    if one.is_bad is False and reasons:
        return f"refused: {reasons[:2]}"
    if reasons:
        return None
    if one.is_bad:
        return "nothing refused"
    odd = [row for row in have if row not in one.rows]
    is_text = one.name.split(".", 1)[1] in ("csv", "ndjson", "json") and not one.kept
    if is_text and one.damage == "cut":  # of lines that are all there nothing tells that others were
        return None if list(one.rows[: len(rows) - 1]) == rows[:-1] else "not its beginning"
    if is_text and one.damage == "head":
        return None if list(one.rows[len(one.rows) - len(rows) :]) == rows else "not its end"
    if one.kept or is_text:  # what is legal still, like a digit for another, nothing can tell: but of few lines only
        return None if max(len(missing), len(odd)) <= (1 if one.kept else 16) else f"silent: {len(missing)}, {odd[:2]}"
    return f"silently changed: {len(missing)} rows missing, {odd[:2]}" if missing or odd else None


# -- readings of sensors -------------------------------------------------------------------------------------------

TOPIC = "house/{}/power"
ODD_TOPICS = (
    "house//power", "garden/{}/power", "house/{}", "house/{}/power/", "/house/{}/power", "house/{}/POWER", "$SYS/{}",
    "house/{}/a/power", "house/../power", "house/NULL/power", "house/\x00/power", "(not UTF-8)",
    "house/ü {}/power",     "house/+/power", "house/#/power", "{}" * 9_000, "",
)  # fmt: skip
ODD_VALUES = (
    '"NaN"', "NaN", "Infinity", "-1e999", "1" * 5_000, "true", "{}", "[]", '"\\u0000"', '"\\ud800"', "null", "0x1F",
    '{"a": ' * 150 + "1" + "}" * 150, "[" * 99 + "]" * 99, '"' + "x" * 70_000 + '"', "--1", "1_000", "'1'",
)  # fmt: skip
ODD_MOMENTS = (
    '"soon"', '""', "null", "1e400", "-1e18", "NaN", '"2024-02-30"', '"0000-00-00"', '"9999-12-31T23:59:59Z"',
    '"24:00"',
    '"2024-03-01T25:00"', "[]", "{}", "true", '"1999-01-01"', '"2024-03-01T10:00:00.1234567890123Z"', '"\u0661"',
)  # fmt: skip
ODD_FIELDS = (
    "delivery",
    "Source_Row",
    "",
    " ",
    "at",
    "AT",
    "Watts",
    "x" * 300,
    "\x00",
    "\t",
    "house",
    "new",
    "a.b",
    "ü",
)


MESSAGES = (*BYTES, "value", "moment", "field", "topic", "nothing", "encoding", "other form", "deep")


def write_payload(form: str, numbers: range, **odd: str) -> bytes:
    """Readings; ``odd`` are values as they stand in the last of them."""
    readings = [{"at": f'"2024-03-01T{n // 60 % 24:02}:{n % 60:02}Z"', "watts": f"{n}.50"} for n in numbers]
    readings[-1] |= odd
    if form == "json":
        objects = (
            "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in one.items()) + "}" for one in readings
        )
        return ("[" + ", ".join(objects) + "]").encode()
    names = list(readings[-1])
    lines = (",".join(one.get(name, "").strip('"') for name in names) for one in readings)
    return "\n".join([",".join(names), *lines, ""]).encode()


def make_messages(form: str, count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """So many damaged messages, as JSON or CSV, each of a house of its own: what was done, topic, payload."""
    for number in range(count):
        draw = random.Random(f"{seed} {form} {number}")
        house, numbers = f"bad{number}", range(number, number + 3)
        topic, payload = TOPIC.format(house), write_payload(form, numbers)
        damage = MESSAGES[number % len(MESSAGES)]
        if damage in BYTES:
            payload = BYTES[damage](draw, payload)
        elif damage == "value":
            payload = write_payload(form, numbers, watts=draw.choice(ODD_VALUES))
        elif damage == "moment":
            payload = write_payload(form, numbers, at=draw.choice(ODD_MOMENTS))
        elif damage == "field":
            payload = write_payload(form, numbers, **{draw.choice(ODD_FIELDS): "1"})
        elif damage == "topic":
            topic = draw.choice(ODD_TOPICS).format(*[house] * 9_000)
        elif damage == "nothing":
            payload = draw.choice(
                [b"", b" ", b"\n", b"[]", b"{}", b"null", b"\xef\xbb\xbf", bytes(9), draw.randbytes(40)]
            )
        elif damage == "encoding":
            encoding = draw.choice(["utf-16", "utf-32", "latin-1", "cp500"])
            payload = payload.decode().replace("watts", "wätts").encode(encoding)
        elif damage == "other form":
            payload = write_payload("csv" if form == "json" else "json", numbers)
        else:
            payload = draw.choice([b"[" * 100_000, b'{"a":' * 100_000, b'"' * 99_999, b"," * 5_000])
        yield damage, topic, payload


# -- values of databases -------------------------------------------------------------------------------------------

CELLS: tuple[Any, ...] = (
    "heavy", "", " ", "NaN", "nan", "inf", "-Infinity", "1e999", "1,5", "0x10", "٣", "\x00", "a\x00b", "x" * 20_000,
    "\ufeff1",
    b"", b"\x00", b"\xff\xfe", b"7", b"x" * 20_000, 2**63 - 1, -(2**63), 0, -0.0, 1e308, 5e-324, float("inf"),
    float("-inf"), float("nan"), None, True, "0000-00-00", "2024-02-30", "2024-03-01 25:00", "9999-12-31", "24:00",
    "{'a': 1}", '{"a": ' * 500, "'; DROP TABLE parcels; --", "\U0001f600", "e\u0301", "\r\n",
)  # fmt: skip
CAST = "CAST(x'ff61fe' AS TEXT)"  # a text that is none
ALIASES = (
    "", " ", "x" * 300, "a\nb", "ünï", "a,b", "a;b", "'", "ID", "Id", "partition", "Delivery", "source_file", "a.b",
    "a\tb",     "a\x01b", "%s", ":start", "select", "0", "\U0001f600", "a`b", "{a}", "id ", "=", "(a)",
)  # fmt: skip
COLUMNS = {"weight": "REAL", "pieces": "INTEGER", "word": "TEXT", "raw": "BLOB", "plain": ""}
GOOD_CELLS = {"weight": 1.5, "pieces": 3, "word": "Müller", "raw": b"\x00\xff", "plain": "x"}


def make_cells(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """So many rows of a database with values that do not fit their columns."""
    for number in range(count):
        draw = random.Random(f"{seed} sql {number}")
        row = dict(GOOD_CELLS)
        for name in draw.sample(list(COLUMNS), draw.choice([1, 1, 2, 5])):
            row[name] = draw.choice(CELLS)
        yield row


# -- media ---------------------------------------------------------------------------------------------------------


def in_noise(draw: random.Random, content: bytes) -> bytes:
    """The first half, then noise."""
    half = len(content) // 2
    return content[:half] + draw.randbytes(half)


def as_head(draw: random.Random, content: bytes) -> bytes:
    """What tells the kind, then noise."""
    return content[:16] + draw.randbytes(2_000)


def as_lies(draw: random.Random, content: bytes) -> bytes:
    """Large numbers near the beginning, where sizes and lengths stand."""
    at = draw.randrange(4, min(200, len(content) - 4))
    return content[:at] + draw.choice([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x00" * 4]) + content[at + 4 :]


MEDIA: dict[str, Callable[[random.Random, bytes], bytes]] = {
    **BYTES,
    "noise": in_noise,
    "head only": as_head,
    "lies": as_lies,
    "nothing": lambda draw, content: draw.choice([b"", bytes(2_000), draw.randbytes(2_000), b"<html></html>"]),
    "pointer": lambda draw, content: POINTER % draw.randbytes(32).hex().encode(),
    "another name": lambda draw, content: content,
}
NEVER_MEDIA = ("head only", "nothing", "pointer")


def make_media(good: dict[str, bytes], count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """So many damaged files made of good ones by name: what was done, name, content."""
    names = sorted(good)
    for number in range(count):
        draw = random.Random(f"{seed} media {number}")
        damage, name = list(MEDIA)[number % len(MEDIA)], draw.choice(names)
        suffix = name.rpartition(".")[2]
        if damage == "another name":
            suffix = draw.choice([one for one in ("png", "gif", "wav", "flac", "avi", "mkv", "csv") if one != suffix])
        yield damage, f"{number:03}_{damage.replace(' ', '_')}.{suffix}", MEDIA[damage](draw, good[name])
