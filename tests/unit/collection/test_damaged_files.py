"""Hundreds of damaged files, by a seeded generator: no traceback, no good row lost, a reason for all that is bad."""

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from lakemill.config import Partition
from lakemill.config.sources import FilesSource

DAILY = Partition(every="day", start="2024-03-01")
COUNT = 200
ROWS = [
    (f"{number:05}", f"Müller {number}" if number % 3 else 'said "so", twice', f"{number * 1.25}")
    for number in range(COUNT)
]
NAMES = ("id", "note", "price")


def as_csv(rows=ROWS) -> bytes:
    quoted = [
        ",".join('"' + value.replace('"', '""') + '"' if '"' in value else value for value in row) for row in rows
    ]
    return "\n".join([",".join(NAMES), *quoted, ""]).encode()


def as_lines(rows=ROWS) -> bytes:
    return "".join(json.dumps(dict(zip(NAMES, row, strict=True)), ensure_ascii=False) + "\n" for row in rows).encode()


def as_document(rows=ROWS) -> bytes:
    return json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows], ensure_ascii=False).encode()


def as_parquet(rows=ROWS) -> bytes:
    out = io.BytesIO()
    table = pa.table(dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True)))
    pq.write_table(table, out, row_group_size=50, write_page_checksum=True)
    return out.getvalue()


def as_workbook(rows=ROWS) -> bytes:
    book = openpyxl.Workbook()
    for row in (NAMES, *rows):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_zip(rows=ROWS) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", as_csv(rows[:100]))
        archive.writestr("b.csv", as_csv(rows[100:]))
    return out.getvalue()


WRITERS = {
    "x.csv": as_csv,
    "x.csv.gz": lambda: gzip.compress(as_csv()),
    "x.csv.bz2": lambda: bz2.compress(as_csv()),
    "x.csv.xz": lambda: lzma.compress(as_csv()),
    "x.csv.zst": lambda: zstandard.ZstdCompressor(write_checksum=True).compress(as_csv()),
    "x.zip": as_zip,
    "x.ndjson": as_lines,
    "x.json": as_document,
    "x.parquet": as_parquet,
    "x.xlsx": as_workbook,
}
TEXTS = ("x.csv", "x.ndjson")


@pytest.fixture
def read(tmp_path, deliver):
    """Function that writes a file and reads it: its rows as tuples, and what is refused."""

    def run(name: str, content: bytes):
        (tmp_path / name).write_bytes(content)
        found = deliver(FilesSource(path=name), "2024-03-01", DAILY)
        names = [one for one in NAMES if one in found.rows.column_names]
        rows = [tuple(str(row.get(one)) for one in NAMES) for row in found.rows.select(names).to_pylist()]
        return rows, found.malformed

    return run


def tell_damage(rows, refused) -> None:
    assert all(one["reason"] and one["source_file"] for one in refused)


def test_undamaged_files_are_read_whole(read):
    for name, write in WRITERS.items():
        rows, refused = read(name, write())
        assert (rows, refused) == (ROWS, []), name


@pytest.mark.parametrize("name", WRITERS)
def test_of_a_file_that_is_cut_the_beginning_is_kept(read, name):
    chance = random.Random(f"cut {name}")
    whole = WRITERS[name]()
    for _ in range(10):
        content = whole[: chance.randrange(1, len(whole) - 8)]
        rows, refused = read(name, content)
        tell_damage(rows, refused)
        assert rows[:-1] == ROWS[: max(0, len(rows) - 1)]  # of a text the last line may have lost its end unseen
        assert refused or name in TEXTS


@pytest.mark.parametrize("name", TEXTS)
def test_flipped_bytes_of_a_text_cost_the_lines_that_they_lie_in(read, name):
    chance = random.Random(f"flip {name}")
    whole = WRITERS[name]()
    lines = whole.splitlines(keepends=True)
    begin = len(lines[0]) if name == "x.csv" else 0
    for _ in range(60):
        content = bytearray(whole)
        places = [chance.randrange(begin, len(whole)) for _ in range(chance.choice([1, 1, 2, 5]))]
        for place in places:
            content[place] ^= 1 << chance.randrange(8)
        rows, refused = read(name, bytes(content))
        tell_damage(rows, refused)
        touched = set()
        for place in places:
            number = whole.count(b"\n", 0, place) - (1 if name == "x.csv" else 0)
            touched |= {number, number + (whole[place : place + 1] == b"\n")}
        good = {row for number, row in enumerate(ROWS) if number not in touched}
        assert good <= set(rows), (places, good - set(rows))
        assert len(rows) + len(refused) >= COUNT - len(touched)


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in TEXTS])
def test_flipped_bytes_of_other_files_are_told_or_do_no_harm(read, name):
    chance = random.Random(f"flip {name}")
    whole = WRITERS[name]()
    for _ in range(12):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 3])):
            content[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        rows, refused = read(name, bytes(content))
        tell_damage(rows, refused)
        assert refused or len(rows) >= COUNT - 1 or name == "x.json", (len(rows), name)


@pytest.mark.parametrize("encoding", ["latin-1", "windows-1252", "utf-16", "utf-16-le", "cp437", "shift-jis"])
def test_another_encoding_is_found_or_told(read, encoding):
    rows, refused = read("x.csv", as_csv().decode().encode(encoding, "replace"))
    tell_damage(rows, refused)
    assert refused or [row[0] for row in rows] == [row[0] for row in ROWS]


@pytest.mark.parametrize("wrong", ["x.parquet", "x.json", "x.ndjson", "x.csv", "x.xlsx", "x.zip", "x.txt", "x.jpg"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_wrong_name_is_seen_through_or_told(read, name, wrong):
    rows, refused = read(wrong, WRITERS[name]())
    tell_damage(rows, refused)
    assert rows == ROWS or refused


@pytest.mark.parametrize("size", [1_000_000, 40_000_000])
@pytest.mark.parametrize("name", TEXTS)
def test_a_huge_field_is_kept_or_refused_and_the_others_kept(read, name, size):
    lines = WRITERS[name]().splitlines(keepends=True)
    huge = b"7,a" + b"x" * size + b",1\n" if name == "x.csv" else b'{"id": "' + b"x" * size + b'"}\n'
    rows, refused = read(name, b"".join([*lines[:50], huge, *lines[50:]]))
    tell_damage(rows, refused)
    assert set(ROWS) <= set(rows)
    assert len(rows) + len(refused) == COUNT + 1


@pytest.mark.parametrize("depth", [100, 1_000, 100_000])
@pytest.mark.parametrize("name", ["x.ndjson", "x.json"])
def test_deep_json_is_kept_or_refused_and_what_comes_before_kept(read, name, depth):
    deep = b'{"id": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    content = as_lines() + deep + b"\n" if name == "x.ndjson" else as_document()[:-1] + b"," + deep + b"]"
    rows, refused = read(name, content)
    tell_damage(rows, refused)
    assert set(ROWS) <= set(rows)
    assert len(rows) + len(refused) == COUNT + 1


@pytest.mark.thorough
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_a_bomb_is_told_in_bounded_memory(read, pack):
    rows, refused = read("x.csv", pack(as_csv() + b"\0" * 300_000_000))
    tell_damage(rows, refused)
    assert rows == ROWS
    assert refused
