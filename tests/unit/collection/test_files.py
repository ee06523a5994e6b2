"""Files are read as delivered: every value a text, every broken line told."""

import csv
import gzip
import io
from datetime import datetime, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakemill.config import Partition
from lakemill.config.sources import FilesSource
from lakemill.exceptions import CollectionError

DAILY = Partition(every="day", start="2024-03-01", timezone="America/New_York")
OURS = ["source_row", "source_file"]


@pytest.fixture
def collect(tmp_path, deliver):
    """Function that writes a file and reads what it delivers for a partition."""

    def run(content: str | bytes, name: str = "x.csv", key: str = "2024-03-01", **source):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return deliver(FilesSource(path=name, **source), key, DAILY)

    return run


DIALECTS = {
    "commas": ("a,b\n1,x\n2,y\n", "x.csv"),
    "semicolons": ("a;b\n1;x\n2;y\n", "x.csv"),
    "tabs": ("a\tb\n1\tx\n2\ty\n", "x.tsv"),
    "bars": ("a|b\n1|x\n2|y\n", "x.txt"),
    "a byte order mark": ("\ufeffa,b\n1,x\n2,y\n", "x.csv"),
    "windows line ends": ("a,b\r\n1,x\r\n2,y\r\n", "x.csv"),
    "no last line end": ("a,b\n1,x\n2,y", "x.csv"),
    "empty lines": ("a,b\n\n1,x\n\n2,y\n\n", "x.csv"),
    "everything quoted": ('"a","b"\n"1","x"\n"2","y"\n', "x.csv"),
    "gz": (gzip.compress(b"a,b\n1,x\n2,y\n"), "x.csv.gz"),
    "gz with a mark and semicolons": (gzip.compress("\ufeffa;b\n1;x\n2;y\n".encode()), "x.csv.gz"),
}


@pytest.mark.parametrize(("content", "name"), DIALECTS.values(), ids=DIALECTS)
def test_the_usual_dialects_are_read(collect, content, name):
    found = collect(content, name)
    assert found.rows.to_pydict() == {"a": ["1", "2"], "b": ["x", "y"], "source_row": [1, 2], "source_file": [name] * 2}
    assert found.malformed == []


def test_values_are_kept_as_they_are_written(collect):
    found = collect('a,b\n007," x, y "\n1.50,"line one\nline ""two"""\n')
    assert found.rows.column("a").to_pylist() == ["007", "1.50"]
    assert found.rows.column("b").to_pylist() == [" x, y ", 'line one\nline "two"']


def test_one_column_needs_no_delimiter(collect):
    assert collect("a\n1\n2\n").rows.column("a").to_pylist() == ["1", "2"]


def test_a_file_with_a_header_only_has_no_rows(collect):
    rows = collect("a,b\n").rows
    assert (rows.num_rows, rows.column_names) == (0, ["a", "b", *OURS])


@pytest.mark.parametrize(
    ("missing", "values"),
    [
        (None, [None, None, None, None, "-", "na"]),
        (["-"], ["", "NA", "NaN", "null", None, "na"]),
        ([], ["", "NA", "NaN", "null", "-", "na"]),
    ],
)
def test_texts_that_mean_no_value_are_missing(collect, missing, values):
    given_ = {} if missing is None else {"missing": missing}
    found = collect('a,b\n,1\n"NA",1\nNaN,1\nnull,1\n-,1\nna,1\n', **given_)
    assert found.rows.column("a").to_pylist() == values


def test_broken_lines_are_told_with_number_text_and_reason(collect):
    found = collect('a,b\n1,x\n2\n3,y,z\n4,w\n"5\n6",v\n7\n')
    assert found.rows.column("a").to_pylist() == ["1", "4", "5\n6"]
    told = [(line["line"], line["text"], line["reason"]) for line in found.malformed]
    assert told == [
        (3, "2", "1 fields where the header has 2"),
        (4, "3,y,z", "3 fields where the header has 2"),
        (8, "7", "1 fields where the header has 2"),
    ]
    assert (found.rows.column("source_row").to_pylist(), found.malformed[-1]["source_row"]) == ([1, 4, 5], 6)
    assert {line["source_file"] for line in found.malformed} == {"x.csv"}


def test_broken_lines_are_numbered_in_a_large_file_too(collect):
    found = collect("a,b\n" + "1,x\n" * 400_000 + "2\n" + "1,x\n" * 400_000)  # more than one block of reading
    assert [(line["line"], line["source_row"]) for line in found.malformed] == [(400_002, 400_001)]
    assert found.rows.column("source_row").to_pylist() == [*range(1, 400_001), *range(400_002, 800_002)]


def test_values_of_several_lines_are_read_in_a_large_file_too(collect):
    value = "x,\n2,y" * 7
    found = collect("a,b\n" + f'1,"{value}"\n' * 70_000)  # more than one block of reading
    assert found.malformed == []
    assert found.rows.column("b").unique().to_pylist() == [value]
    assert len(found.rows) == 70_000


BROKEN = {
    "nothing": (b"", "x.csv", 0, "the file is empty"),
    "an empty line": (b"\n", "x.csv", 0, "the file is empty"),
    "a header with a name twice": (b"a,b,a\n1,2,3\n", "x.csv", 0, "the header names 'a' twice"),
    "half a gz": (gzip.compress(b"a,b\n" + b"1,2\n" * 999)[:-9], "x.csv.gz", 999, "cut off or damaged after"),
    "half a Parquet file": (b"PAR1" + b"x" * 99, "x.parquet", 0, "cannot be read"),
    "a picture": (bytes(range(256)) * 9, "x.csv", 0, "looks like binary data"),
    "a text that says to be Parquet": (b"a,b\n1,2\n", "x.csv", 0, "no text, and no format that is known"),
}


@pytest.mark.parametrize(("content", "name", "rows", "said"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_of_a_file_is_refused_with_the_reason(collect, content, name, rows, said):
    found = collect(content, name, format="parquet" if said.startswith("no text") else "auto")
    assert len(found.rows) == rows
    assert [said in reason for reason in found.reasons] == [True]


@pytest.mark.parametrize("name", ["source_row", "partition", "delivery"])
def test_a_name_of_the_lakes_own_is_told(collect, name):
    found = collect(f"a,{name}\n1,2\n")
    assert found.reasons == [f"has a column '{name}', a name of the lake's own: give it another name"]
    assert len(found.rows) == 0


ODD_HEADERS = {
    "a name that is no name": (f"a,{'x' * 300}\n1,2\n", "names a column with 300 characters"),
    "control characters": ("a,b\x01\n1,2\n", "control characters"),
    "a page of another kind": ("<html><body>404</body></html>", "no rows follow"),
}


@pytest.mark.parametrize(("content", "reason"), ODD_HEADERS.values(), ids=ODD_HEADERS)
def test_a_line_that_is_no_header_is_told(collect, content, reason):
    found = collect(content)
    assert [reason in one for one in found.reasons] == [True]
    assert len(found.rows) == 0


def test_a_header_without_rows_is_a_delivery_without_rows(collect):
    found = collect("a,b\n")
    assert (len(found.rows), found.reasons) == (0, [])


@pytest.mark.parametrize("count", [1, 300_000])
def test_lines_may_end_as_old_macs_end_them(collect, count):
    found = collect("a,b\r" + "1,x\r" * count + "2,y")
    assert (len(found.rows), found.reasons) == (count + 1, [])
    assert found.rows.column("b").to_pylist()[-2:] == ["x", "y"]


MISNAMED = {
    "csv as parquet": (b"a,b\n1,2\n", "x.parquet"),
    "csv as gz": (b"a,b\n1,2\n", "x.csv.gz"),
    "gz as csv": (gzip.compress(b"a,b\n1,2\n"), "x.csv"),
    "lines of JSON as json": (b'{"a": 1, "b": 2}\n', "x.json"),
}


@pytest.mark.parametrize(("content", "name"), MISNAMED.values(), ids=MISNAMED)
def test_bytes_say_more_than_names(collect, content, name):
    assert collect(content, name).rows.select(["a", "b"]).to_pylist() == [{"a": "1", "b": "2"}]


TEXT = "name,ort\n" + "Jörg,Köln\nZoë,Málaga\nFrançois,Besançon\nÅsa,Malmö\n" * 30


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "windows-1252", "utf-16", "utf-32"])
def test_encodings_are_found(collect, encoding):
    rows = collect(TEXT.encode(encoding)).rows
    assert rows.select(["name", "ort"]).to_pylist()[:2] == [
        {"name": "Jörg", "ort": "Köln"},
        {"name": "Zoë", "ort": "Málaga"},
    ]


def test_a_declared_encoding_counts(collect):
    found = collect("wärt\nкот\n".encode("utf-16-le"), csv={"encoding": "utf-16-le"})
    assert found.rows.column("wärt").to_pylist() == ["кот"]


def test_lines_that_cannot_be_decoded_are_refused_and_the_others_kept(collect):
    found = collect("a,b\n1,ä\n2,ö\n3,ü\n".encode().replace("ö".encode(), b"\xf6"))
    assert found.rows.column("a").to_pylist() == ["1", "3"]
    assert [(one["line"], one["text"]) for one in found.malformed] == [(3, "2,\ufffd")]


def test_a_quote_that_is_never_closed_costs_one_line(collect):
    lines = [f"{number},x" for number in range(300_000)]
    lines[1000] = '1000,"x'
    found = collect("a,b\n" + "\n".join(lines) + "\n")
    assert [(one["line"], one["text"]) for one in found.malformed] == [(1002, '1000,"x')]
    assert len(found.rows) == 299_999


def test_a_line_that_is_too_long_is_refused_and_not_held_in_memory(collect):
    found = collect(b"a,b\n1,x\n2," + b"y" * 30_000_000 + b"\n3,z\n", longest_line="1 MB")
    assert found.rows.column("a").to_pylist() == ["1", "3"]
    assert [(one["line"], len(one["text"])) for one in found.malformed] == [(3, 10_000)]


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("data/x_{partition}.csv", "the folder holds 2 files, x_2024-02-28.csv to x_2024-02-29.csv"),
        ("empty/x_{partition}.csv", "the folder holds 0 files"),
        ("dta/x_{partition}.csv", "no folder dta"),
    ],
)
def test_a_missing_file_is_told_with_what_lies_nearby(tmp_path, deliver, path, remedy):
    (tmp_path / "data").mkdir()
    (tmp_path / "empty").mkdir()
    for day in ("28", "29"):
        (tmp_path / f"data/x_2024-02-{day}.csv").touch()
    with pytest.raises(CollectionError) as caught:
        deliver(FilesSource(path=path), "2024-03-01", DAILY)
    shown = path.replace("{partition}", "2024-03-01")
    assert str(caught.value).startswith(f"parcels.yaml: collect.x: no file {shown} for partition 2024-03-01\n")
    assert remedy in str(caught.value)


def test_the_key_stands_in_the_path(tmp_path, deliver):
    for day in ("01", "02"):
        (tmp_path / f"x_2024-03-{day}.csv").write_text(f"a\n{day}\n")
    found = deliver(FilesSource(path="x_{partition}.csv"), "2024-03-02", DAILY)
    assert found.rows.to_pydict() == {"a": ["02"], "source_row": [1], "source_file": ["x_2024-03-02.csv"]}


# -- Parquet --------------------------------------------------------------------------------------------------------


def parquet(**columns) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_parquet_keeps_its_types(collect):
    found = collect(parquet(a=[1, None], b=[0.5, 1.5], c=[True, False]), "x.parquet")
    assert [field.type for field in found.rows.schema][:3] == [pa.int64(), pa.float64(), pa.bool_()]
    assert found.rows.select(OURS).to_pydict() == {"source_row": [1, 2], "source_file": ["x.parquet"] * 2}


# -- one big file that is cut by event time -------------------------------------------------------------------------

BIG = """id,at
1,2024-02-29 23:59:59
2,2024-03-01 00:00:00
3,2024-03-01T04:59:59Z
4,2024-03-01T05:00:00Z
5,2024-03-02 00:00:00
6,2024-03-01 23:59:59.999999
"""


@pytest.mark.parametrize(("key", "ids"), [("2024-02-29", "13"), ("2024-03-01", "246"), ("2024-03-02", "5")])
def test_one_big_file_is_cut_by_local_event_time(collect, key, ids):
    assert "".join(collect(BIG, key=key, event_time="at").rows.column("id").to_pylist()) == ids


def test_rows_of_a_cut_file_keep_their_number_in_the_file(collect):
    assert collect(BIG, event_time="at").rows.column("source_row").to_pylist() == [2, 4, 6]


def test_a_day_without_rows_is_empty(collect):
    assert collect(BIG, key="2024-03-05", event_time="at").rows.num_rows == 0


@pytest.mark.parametrize(
    "at",
    [
        pa.array([datetime(2024, 3, 1, 4, 59), datetime(2024, 3, 1, 5)], pa.timestamp("us", "UTC")),
        pa.array([datetime(2024, 2, 29, 23), datetime(2024, 3, 1)], pa.timestamp("ns")),
        pa.array([1_709_269_199_000_000_001, 1_709_269_200_000_000_001], pa.timestamp("ns", "UTC")),
        pa.array(["2024-03-01T04:59Z", "2024-03-01T05:00Z"], pa.large_string()),
    ],
    ids=["with a zone", "without", "nanoseconds", "long texts"],
)
def test_parquet_is_cut_too(collect, at):
    found = collect(parquet(id=[1, 2], at=at), "x.parquet", event_time="at")
    assert found.rows.column("id").to_pylist() == [2]


def test_rows_without_a_time_are_kept_aside_once_with_the_first_partition(collect):
    content = f"{BIG}7,\n8,soon\n9\n"
    told = {key: collect(content, key=key, event_time="at").malformed for key in ("2024-03-01", "2024-03-02")}
    assert told["2024-03-02"] == []
    assert sorted((line["source_row"], line["reason"]) for line in told["2024-03-01"]) == [
        (7, "at: no event time that can be read"),
        (8, "at: no event time that can be read"),
        (9, "1 fields where the header has 2"),
    ]


def test_a_column_that_is_not_there_cannot_cut(collect):
    with pytest.raises(CollectionError, match=r"no column 'att'.*\n.*did you mean 'at'"):
        collect(BIG, event_time="att")


@given(days=st.lists(st.datetimes(datetime(2024, 3, 1, 5), datetime(2024, 3, 4, 4)), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_cutting_gives_each_row_to_one_partition(collect, days):
    content = "id,at\n" + "".join(f"{number},{day.isoformat()}Z\n" for number, day in enumerate(days))
    keys = DAILY.keys("2024-03-01", "2024-03-04")
    parts = [collect(content, key=key, event_time="at").rows.column("id").to_pylist() for key in keys]
    assert sorted(one for part in parts for one in part) == sorted(str(number) for number in range(len(days)))
    for key, ids in zip(keys, parts, strict=True):
        interval = DAILY.interval(key)
        assert all(interval.start <= days[int(one)].replace(tzinfo=timezone.utc) < interval.end for one in ids)


cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\0"), max_size=6)


@given(rows=st.lists(st.tuples(cells, cells), max_size=6), delimiter=st.sampled_from(",;\t|"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_a_csv_writer_wrote_is_read_back(collect, rows, delimiter):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("a", "b"), *rows])
    found = collect(out.getvalue(), missing=())
    assert list(zip(found.rows["a"].to_pylist(), found.rows["b"].to_pylist(), strict=True)) == rows
    assert found.malformed == []
