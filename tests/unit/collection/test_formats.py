"""Whatever a file is written as, the same rows come out of it."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from lakemill.config import Partition
from lakemill.config.sources import FilesSource

DAILY = Partition(every="day", start="2024-03-01")
ROWS = [
    {"id": "007", "price": "1.50", "ok": "true", "note": "a, b"},
    {"id": "8", "price": None, "ok": "false", "note": None},
]
CSV = b'id,price,ok,note\n007,1.50,true,"a, b"\n8,,false,\n'


@pytest.fixture
def read(tmp_path, deliver):
    """Function that writes a file and reads it."""

    def run(content: bytes, name: str = "x.csv", **source):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
        return deliver(FilesSource(path=name, **source), "2024-03-01", DAILY)

    return run


def values(found) -> list[dict]:
    ours = [name for name in found.rows.column_names if name.startswith("source_")]
    return found.rows.drop_columns(ours).to_pylist()


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


PACKED = {
    "plain": CSV,
    "gz": gzip.compress(CSV),
    "two gz, one after the other": gzip.compress(CSV[:20]) + gzip.compress(CSV[20:]),
    "bz2": bz2.compress(CSV),
    "xz": lzma.compress(CSV),
    "zst": zstandard.compress(CSV),
    "two zst, one after the other": zstandard.compress(CSV[:20]) + zstandard.compress(CSV[20:]),
    "zip": zipped(**{"x.csv": CSV}),
}


@pytest.mark.parametrize("name", ["x.csv", "x.dat"])
@pytest.mark.parametrize("content", PACKED.values(), ids=PACKED)
def test_compression_is_found(read, content, name):
    found = read(content, name)
    assert values(found) == ROWS
    assert found.malformed == []


def test_every_file_of_an_archive_is_read_but_what_systems_put_beside(read):
    content = zipped(**{"a/x.csv": CSV, "a/y.json": b'[{"id": "9"}]', "__MACOSX/x": b"\0", "a/.DS_Store": b"\0"})
    found = read(content, "x.zip")
    assert [row["id"] for row in values(found)] == ["007", "8", "9"]
    assert found.rows.column("source_file").to_pylist() == ["x.zip/a/x.csv"] * 2 + ["x.zip/a/y.json"]


def workbook(rows, title="Sheet", **others) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    for name, cells in others.items():
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_excel_cells_become_texts(read):
    from datetime import datetime

    cells = [[], ["id", "price", "at", "ok"], ["007", 1.5, datetime(2024, 3, 1, 12, 30), True], [8, 3, None, False]]
    found = read(workbook(cells), "x.xlsx")
    assert values(found) == [
        {"id": "007", "price": "1.5", "at": "2024-03-01 12:30:00", "ok": "true"},
        {"id": "8", "price": "3", "at": None, "ok": "false"},
    ]
    assert found.rows.column("source_row").to_pylist() == [3, 4]


@pytest.mark.parametrize("name", ["source_row", "Source_File", "delivery"])
@pytest.mark.parametrize("is_last", [True, False])
def test_a_column_with_a_name_of_the_lake_s_own_is_told_wherever_it_stands(read, name, is_last):
    header = ["id", name] if is_last else [name, "id"]
    for found in (read(workbook([header, [1, 2]]), "x.xlsx"), read(f"{','.join(header)}\n1,2\n".encode())):
        assert len(found.rows) == 0
        assert [reason.split(":")[0] for reason in found.reasons] == [
            f"has a column {name!r}, a name of the lake's own"
        ]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.xlsx", "x.csv.gz"])
def test_a_pointer_of_git_lfs_is_told_with_its_remedy(read, name):
    found = read(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", name)
    assert (len(found.rows), ["git lfs pull" in reason for reason in found.reasons]) == (0, [True])


def test_a_sheet_is_taken_by_name(read):
    content = workbook([["a"], [1]], prices=[["b"], [2]])
    assert values(read(content, "x.xlsx", sheet="prices")) == [{"b": "2"}]
    assert read(content, "x.xlsx", sheet="price").reasons == ["no sheet 'price'; it has Sheet, prices"]


def test_a_cell_beside_the_table_is_refused_with_its_row(read):
    found = read(workbook([["a", "b"], [1, 2], [3, 4, "note"]]), "x.xlsx")
    assert values(found) == [{"a": "1", "b": "2"}]
    assert found.reasons == ["a value in a column without a name"]


LINES = b'{"id": "007", "price": 1.50, "ok": true, "note": "a, b"}\n\n{"id": 8, "ok": false}\n'
JSON = {
    "lines": (LINES, "x.ndjson", {}),
    "lines by their bytes": (LINES, "x.dat", {}),
    "lines with a mark": (b"\xef\xbb\xbf" + LINES, "x.jsonl", {}),
    "lines, gz": (gzip.compress(LINES), "x.ndjson.gz", {}),
    "a list": (b'[{"id": "007", "price": 1.50, "ok": true, "note": "a, b"},\n{"id": 8, "ok": false}]', "x.json", {}),
    "a list within": (
        b'{"n": 2, "data": {"rows": [{"id": "007", "price": 1.50, "ok": true, "note": "a, b"},'
        b' {"id": 8, "ok": false}]}}',
        "x.json",
        {"records": "data.rows"},
    ),
}


@pytest.mark.parametrize(("content", "name", "source"), JSON.values(), ids=JSON)
def test_json_values_become_the_texts_that_they_are_written_as(read, content, name, source):
    found = read(content, name, **source)
    assert values(found) == ROWS
    assert found.malformed == []


@pytest.mark.parametrize("name", ["x.json", "x.ndjson"])
def test_one_object_is_one_row(read, name):
    assert values(read(b'{"a": 1}', name)) == [{"a": "1"}]


def test_nested_values_become_their_json(read):
    assert values(read(b'{"a": {"b": [1, 2.5, null, "x"]}, "c": []}\n', "x.ndjson")) == [
        {"a": '{"b": [1, 2.5, null, "x"]}', "c": "[]"}
    ]


BAD_LINES = {
    "no JSON": (b"{'a': 1}", "not JSON"),
    "half a line": (b'{"a": 1', "not JSON"),
    "no object": (b"[1]", "no object with names and values"),
    "too deep": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
    "half a pair": (b'{"a": "\\ud800"}', "has half of a surrogate pair"),
    "no UTF-8": (b'{"a": "\xff"}', "not JSON"),
}


@pytest.mark.parametrize(("line", "said"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_of_json_is_refused_with_its_number_and_the_others_kept(read, line, said):
    found = read(b'{"a": 1}\n' + line + b'\n{"a": 2}\n', "x.ndjson")
    assert values(found) == [{"a": "1"}, {"a": "2"}]
    assert [(one["source_row"], said in one["reason"]) for one in found.malformed] == [(2, True)]


def test_of_a_damaged_document_what_comes_before_is_kept(read):
    found = read(b'[{"a": 1}, {"a": 2}, {"a": ]', "x.json")
    assert values(found) == [{"a": "1"}, {"a": "2"}]
    assert [reason.split(":")[0] for reason in found.reasons] == ["not JSON from here on"]


def test_a_document_nested_too_deep_is_refused(read):
    found = read(b'[{"a": 1}, {"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}]", "x.json")
    assert values(found) == [{"a": "1"}]
    assert len(found.reasons) == 1


def test_a_document_without_a_list_is_refused(read):
    assert read(b'{"a": {"b": 1}}', "x.json", records="a.c").reasons == ["no list of objects at a.c"]


def parquet(rows: pa.Table, **options) -> bytes:
    out = io.BytesIO()
    pq.write_table(rows, out, **options)
    return out.getvalue()


def test_of_parquet_a_damaged_row_group_is_refused_and_the_others_kept(read):
    rows = pa.table({"a": list(range(3000)), "b": [f"{number:09}" for number in range(3000)]})
    content = bytearray(parquet(rows, row_group_size=1000, write_page_checksum=True, compression="none"))
    content[content.index(b"000001500")] ^= 0xFF
    found = read(bytes(content), "x.parquet")
    assert [row["a"] for row in values(found)] == [*range(1000), *range(2000, 3000)]
    assert [reason.split(",")[0] for reason in found.reasons] == ["row group 2 of 3"]
    assert found.rows.column("source_row").to_pylist()[1000] == 2001


def test_all_files_of_a_pattern_are_read_in_the_order_of_their_names(tmp_path, deliver):
    for name in ("2024-03-01/b.csv", "2024-03-01/a.csv", "2024-03-01/deep/c.csv", "2024-03-02/d.csv"):
        path = tmp_path / "in[1]" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"a\n{path.stem}\n")
    read = lambda path: deliver(FilesSource(path=path), "2024-03-01", DAILY).rows.column("a").to_pylist()  # noqa: E731
    assert read("in[1]/{partition}/*.csv") == ["a", "b"]
    assert read("in[1]/{partition}/**/*.csv") == ["a", "b", "c"]
    assert read("in[1]/{partition}/?.csv") == ["a", "b"]


# -- what is too large ------------------------------------------------------------------------------------------------


def test_a_file_that_is_too_large_is_refused_unread(read):
    found = read(CSV, largest=20)
    assert (len(found.rows), found.reasons) == (0, ["48 bytes, more than 20"])


def test_a_file_that_expands_too_far_is_refused_from_there_on(read):
    found = read(gzip.compress(b"a\n" + b"1\n" * 1_000_000), "x.csv.gz", largest="1 MB")
    assert found.reasons[-1] == "more than 1,000,000 bytes"
    assert set(found.rows.column("a").to_pylist()) <= {"1"}


@pytest.mark.thorough
def test_a_bomb_is_refused(read):
    bomb = lzma.compress(b"\0" * 400_000_000, preset=1)
    assert len(bomb) < 100_000
    found = read(bomb, "x.csv.xz", csv={"encoding": "utf-8"})
    assert len(found.rows) == 0
    assert found.reasons


def test_a_bomb_in_an_archive_is_refused_and_its_neighbours_kept(read):
    found = read(zipped(**{"a.csv": CSV, "b.csv": b"\0" * 400_000_000, "c.csv": CSV}), "x.zip")
    assert len(found.rows) == 4
    assert ["decompression bomb" in reason for reason in found.reasons] == [True]


def test_a_tar_is_not_taken_for_a_table(read):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("x.csv")
        info.size = len(CSV)
        archive.addfile(info, io.BytesIO(CSV))
    found = read(out.getvalue(), "x.tar")
    assert found.reasons


def test_columns_of_json_may_differ_from_line_to_line(read, as_lines):
    content = as_lines([{"a": 1}, {"b": 2}, {"a": 3, "b": None}]).encode()
    assert values(read(content, "x.ndjson")) == [{"a": "1", "b": None}, {"a": None, "b": "2"}, {"a": "3", "b": None}]
    assert json.loads(content.splitlines()[0]) == {"a": 1}
