"""Tables are read as they are and as they were; SQL sees them and nothing else."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lakemill.exceptions import LakeError, TableError
from lakemill.lake.history import list_files, read_history
from lakemill.lake.maintenance import find_unneeded, remove_unneeded
from lakemill.lake.reading import (
    PartitionState,
    describe_table,
    find_version_of,
    list_tables,
    open_dataset,
    query_lake,
    read_first_rows,
)
from lakemill.lake.streams import PartitionWriter

NOW = datetime.now(UTC) + timedelta(days=1)


def rows_of(*values, **more) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.int64()), **more})


@pytest.fixture
def filled(lake):
    lake.replace_partition("parcels", "2024-01", rows_of(1, 2))
    lake.replace_partition("parcels", "2024-02", rows_of(3))
    lake.replace_partition("parcels", "2024-01", rows_of(4, 5, 6))
    lake.replace_partition("depots", "2024-01", pa.table({"depot": ["N"], "x": [3]}))
    return lake


def ask(lake, sql, **arguments) -> list[dict]:
    with query_lake(lake, sql, **arguments) as found:
        return found.read_all().to_pylist()


def test_tables_are_all_folders_that_are_tables(filled):
    filled.stage("validate", "2024-01", rows_of(1))
    filled.write_document("snapshots/a", {"version": 0})
    (filled.local_folder / "objects" / "ab").mkdir(parents=True)
    assert list_tables(filled) == ["depots", "parcels"]


def test_a_workflow_without_a_lake_has_no_tables(lake):
    assert list_tables(lake) == []


def test_a_table_is_described_without_reading_it(filled):
    state = describe_table(filled, "parcels", 2)
    assert state.columns == {"x": "int64", "partition": "string"}
    assert {key: (one.rows, one.files) for key, one in state.partitions.items()} == {
        "2024-01": (3, 1),
        "2024-02": (1, 1),
    }
    folder = filled.local_folder / "parcels"
    files = [folder / one.path for one in list_files(filled, "parcels", 2)]
    assert state.total.size == sum(path.stat().st_size for path in files)


def test_an_empty_table_is_described(lake):
    with PartitionWriter(lake, "t") as writer:
        writer.write("a", rows_of())
        writer.commit(["a"])
    assert describe_table(lake, "t", 0).total == PartitionState(0, 0, 0)
    assert read_first_rows(lake, "t", 0, 5).to_pylist() == []


def test_the_first_rows_are_read(filled):
    assert read_first_rows(filled, "parcels", 2, 2, "2024-01").column("x").to_pylist() == [4, 5]
    assert read_first_rows(filled, "parcels", 0, 9).column("x").to_pylist() == [1, 2]
    assert len(read_first_rows(filled, "parcels", 2, 9)) == 4


def test_a_dataset_reads_only_what_it_is_asked_for(filled):
    dataset = open_dataset(filled, "parcels", 2)
    wanted = pc.field("partition") == "2024-02"
    assert len(list(dataset.get_fragments(filter=wanted))) == 1
    assert dataset.to_table(columns=["x"], filter=wanted).to_pydict() == {"x": [3]}


# -- versions ------------------------------------------------------------------------------------------------------


def test_a_table_is_read_as_it_was_at_a_moment(filled):
    moments = {one.version: one.at for one in read_history(filled, "parcels", last=9)}
    for moment, values in ((moments[1], [1, 2]), (NOW, [4, 5, 6])):
        version = find_version_of(filled, "parcels", as_of=moment)
        assert filled.read("parcels", ["2024-01"], version=version).column("x").to_pylist() == values


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"table": "parcel"}, "parcels: no table 'parcel'\n  -> did you mean 'parcels'?"),
        ({"table": "parcels", "version": 3}, "parcels.parcels: no version 3\n  -> give one from 0 to 2"),
        ({"table": "parcels", "version": -1}, "parcels.parcels: no version -1\n  -> give one from 0 to 2"),
        (
            {"table": "parcels", "as_of": datetime(2020, 1, 1, tzinfo=UTC)},
            "parcels.parcels: was not there yet at 2020-01-01T00:00:00+00:00\n"
            "  -> give a later one: lakemill lake history shows when the table was made",
        ),
    ],
)
def test_a_version_that_is_not_there_is_told_with_what_to_do(filled, arguments, said):
    with pytest.raises(LakeError) as caught:
        find_version_of(filled, arguments.pop("table"), **arguments)
    assert str(caught.value) == said


def test_a_version_whose_files_were_removed_is_told_so(filled):
    remove_unneeded(filled, find_unneeded(filled, now=NOW, keep=timedelta(0)))
    with pytest.raises(LakeError, match=r"of version 0 1 file\(s\) are not kept any more"):
        find_version_of(filled, "parcels", version=0)
    assert find_version_of(filled, "parcels") == 2


# -- SQL -----------------------------------------------------------------------------------------------------------


def test_a_query_joins_tables_by_their_names(filled):
    sql = "SELECT p.x, depot FROM parcels p LEFT JOIN depots d ON p.x = d.x ORDER BY p.x LIMIT 2"
    assert ask(filled, sql) == [{"x": 3, "depot": "N"}, {"x": 4, "depot": None}]


def test_a_query_sees_tables_as_they_were(filled):
    moments = {one.version: one.at for one in read_history(filled, "parcels", last=9)}
    assert ask(filled, "SELECT sum(x)::INT AS s FROM parcels", as_of=moments[1]) == [{"s": 6}]
    with pytest.raises(TableError, match="no table 'depots'"):
        ask(filled, "SELECT * FROM depots", as_of=moments[1])


def test_names_of_tables_may_be_written_in_any_case(filled):
    assert ask(filled, 'SELECT count(*)::INT AS n FROM "Parcels"') == [{"n": 4}]


def test_moments_are_in_utc(lake, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    lake.replace_partition("t", "a", pa.table({"sent": pa.array([0], pa.timestamp("us", "UTC"))}))
    assert ask(lake, "SELECT CAST(sent AS VARCHAR) AS shown, hour(sent)::INT AS h FROM t") == [
        {"shown": "1970-01-01 00:00:00+00", "h": 0}
    ]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FROM parcel", "the query: no table 'parcel'\n  -> did you mean 'parcels'?"),
        ("SELECT y FROM parcels", '"y"'),
        ("SELEC 1", "syntax error"),
        ("SELECT 1; SELECT 2", "must be exactly one SELECT"),
        ("DROP TABLE parcels", "must be exactly one SELECT"),
        ("SELECT error('while reading') FROM parcels", "while reading"),
        ("SELECT CAST('x' AS INTEGER) FROM parcels", "Could not convert"),
    ],
)
def test_a_wrong_query_is_told_with_what_to_do(filled, sql, said):
    with pytest.raises(TableError) as caught:
        ask(filled, sql)
    assert said in str(caught.value)
    assert "  -> " in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{path}')",
        "SELECT * FROM '{path}'",
        "SELECT * FROM read_csv('http://localhost:1/x.csv')",
        "COPY (SELECT 1) TO '{path}'",
        "ATTACH '{path}' AS other",
        "SET enable_external_access = true",
        "INSERT INTO parcels VALUES (1, 'a')",
    ],
)
def test_a_query_reaches_and_changes_nothing_else(filled, tmp_path, sql):
    path = tmp_path / "secret.csv"
    path.write_text("a\n1\n")
    with pytest.raises(TableError):
        ask(filled, sql.format(path=path))
    assert path.read_text() == "a\n1\n"


def test_a_query_may_need_more_memory_than_it_is_given(filled, monkeypatch):
    monkeypatch.setattr("lakemill.lake.reading.MEMORY", "60MB")
    sql = "SELECT count(*)::INT AS n FROM (SELECT DISTINCT i, hash(i) AS h FROM range(2_000_000) t(i))"
    assert ask(filled, sql) == [{"n": 2_000_000}]
