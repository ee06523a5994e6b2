"""Sources that are databases, with SQLite; PostgreSQL is under tests/integration."""

import datetime as dt
import logging
import sqlite3
from contextlib import closing

import pyarrow as pa
import pytest
from connections_for_tests import NamedConnections

from lakemill.collection.sql_statements import Statement
from lakemill.config import Partition
from lakemill.config.sources import SqlSource
from lakemill.exceptions import CollectionError

DAYS = Partition(every="day", start="2024-03-01")
KEY = "2024-03-02"
QUERY = (
    "SELECT id, sent_at, weight FROM parcels WHERE datetime(sent_at) >= :start AND datetime(sent_at) < :end ORDER BY id"
)


@pytest.fixture
def collect(tmp_path, deliver):
    """Function that runs statements in a new database, and reads a source of it for a day."""

    def read(query=QUERY, *, setup="", rows=(), key=KEY, partition=DAYS, **more):
        path = tmp_path / "shop.db"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(setup or "CREATE TABLE parcels (id INTEGER, sent_at TEXT, weight REAL)")
            if rows:
                connection.executemany("INSERT INTO parcels VALUES (?, ?, ?)", rows)
        source = SqlSource(kind="sql", connection="shop", query=query, **more)
        return deliver(source, key, partition, NamedConnections(shop=f"sqlite:///{path}"))

    return read


def test_a_partition_gets_the_rows_of_its_interval_from_its_first_moment_on(collect):
    moments = ["2024-03-01 23:59:59", "2024-03-02 00:00:00", "2024-03-02T23:59:59.9", "2024-03-03 00:00:00"]
    found = collect(rows=[(number, moment, 1.5) for number, moment in enumerate(moments)])
    assert found.rows.to_pylist() == [
        {"id": 1, "sent_at": moments[1], "weight": 1.5, "source_row": 1, "source_file": "shop: query"},
        {"id": 2, "sent_at": moments[2], "weight": 1.5, "source_row": 2, "source_file": "shop: query"},
    ]


def test_the_interval_is_in_utc(collect):
    partition = Partition(every="day", start="2024-03-01", timezone="America/New_York")
    found = collect("SELECT :start AS a, :end AS b", partition=partition)
    assert found.rows.select(["a", "b"]).to_pylist() == [{"a": "2024-03-02 05:00:00", "b": "2024-03-03 05:00:00"}]


def test_the_query_may_stand_in_a_file(collect, tmp_path):
    (tmp_path / "parcels.sql").write_text(f"-- what was sent\n{QUERY};\n")
    found = collect("parcels.sql", rows=[(1, "2024-03-02", 2.0)])
    assert found.rows.column("source_file").to_pylist() == ["shop: parcels.sql"]
    with pytest.raises(CollectionError, match=r"query: lost\.sql cannot be read: No such file"):
        collect("lost.sql")


def test_types_are_the_columns_where_values_keep_them_and_do_not_hang_on_a_partition(collect):
    declared = {
        "a INTEGER": pa.int64(), "b BIGINT": pa.int64(), "c REAL": pa.float64(), "d VARCHAR(9)": pa.string(),
        "e BLOB": pa.binary(), "f BOOLEAN": pa.bool_(), "g DECIMAL(9, 2)": pa.float64(), "h DATETIME": pa.string(),
    }  # fmt: skip
    found = collect("SELECT * FROM parcels WHERE :end > 0", setup=f"CREATE TABLE parcels ({', '.join(declared)})")
    assert dict(zip((one[0] for one in declared), found.rows.schema.types, strict=False)) == {
        one[0]: kind for one, kind in declared.items()
    }


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ((1, None, 2), pa.int64(), [1, None, 2]),
        ((1, 2.5), pa.float64(), [1.0, 2.5]),
        ((1, "abc", 2.5), pa.string(), ["1", "abc", "2.5"]),
        ((b"\x00", b"\xff"), pa.binary(), [b"\x00", b"\xff"]),
        ((None, None), pa.string(), [None, None]),
    ],
)
def test_a_column_that_says_nothing_is_known_by_all_its_values(collect, values, kind, kept):
    rows = [(number, value, None) for number, value in enumerate(values)]
    setup = "CREATE TABLE parcels (id, what, more)"
    found = collect("SELECT what FROM parcels WHERE :end > 0 ORDER BY id", setup=setup, rows=rows, fetch=1)
    assert (found.rows.schema.field("what").type, found.rows.column("what").to_pylist()) == (kind, kept)


def test_mixed_values_of_a_column_are_kept_as_texts(collect):
    rows = [(1, "2024-03-02", 1.5), (2, "2024-03-02", "heavy"), (3, "2024-03-02", None)]
    assert collect(rows=rows).rows.column("weight").to_pylist() == ["1.5", "heavy", None]


def test_a_text_that_is_none_is_refused_with_its_row_and_the_others_stay(collect):
    setup = "CREATE TABLE parcels (id INTEGER, sent_at TEXT, weight TEXT); INSERT INTO parcels VALUES " \
        "(1, '2024-03-02', 'a'), (2, '2024-03-02', CAST(x'ff61' AS TEXT)), (3, '2024-03-02', 'c')"  # fmt: skip
    found = collect(setup=setup)
    assert found.rows.column("source_row").to_pylist() == [1, 3]
    assert [(one["source_row"], one["reason"]) for one in found.malformed] == [
        (2, "weight: b'\\xffa' is no text in UTF-8")
    ]
    assert "id=2" in found.malformed[0]["text"]


def test_the_table_of_earlier_partitions_says_the_types(collect, deliver, tmp_path):
    from lakemill.lake import Lake

    held = pa.table({"id": [1], "sent_at": ["x"], "weight": [1]})
    Lake(str(tmp_path / "lake"), "parcels").replace_partition("raw_x", "2024-03-01", held)
    found = collect(rows=[(1, "2024-03-02", 2.0), (2, "2024-03-02", 2.5)])
    assert found.rows.column("weight").to_pylist() == [2]
    assert found.reasons == ["weight: 2.5 is no whole number"]


def test_rows_come_in_parts_with_running_numbers(collect):
    found = collect(rows=[(number, "2024-03-02", 0.5) for number in range(2_500)], fetch=700)
    assert found.rows.column("source_row").to_pylist() == list(range(1, 2_501))
    assert found.rows.column("id").to_pylist() == list(range(2_500))


def test_a_query_without_rows_has_its_columns_all_the_same(collect):
    found = collect()
    assert (len(found.rows), found.rows.column_names) == (0, ["id", "sent_at", "weight", "source_row", "source_file"])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM parcels", "names neither :start nor :end"),
        ("SELECT ':start' FROM parcels -- :end", "names neither :start nor :end"),
        ("DELETE FROM parcels WHERE sent_at >= :start", "begins with 'DELETE'"),
        ("", "at least 1 character"),
        ("-- nothing", "begins with 'nothing'"),
        ("SELECT :start; DROP TABLE parcels", "several statements"),
        ("SELECT nonsense FROM parcels WHERE :end > 0", "no such column: nonsense"),
        ("SELECT * FROM lost WHERE :end > 0", "no such table: .*lost"),
        ("SELECT id, weight AS ID FROM parcels WHERE :end > 0", "several columns are named 'id'"),
        ("SELECT id AS partition FROM parcels WHERE :end > 0", "as the lake names its own"),
        ("SELECT FROM WHERE :end > 0", "the query fails: .*syntax error"),
        ("WITH x AS (SELECT :end) DELETE FROM parcels", "the query fails"),
    ],
)
def test_a_query_that_cannot_be_is_told_with_what_is_wrong(collect, query, said):
    with pytest.raises(ValueError if not query else CollectionError, match=said):
        collect(query)


def test_a_database_that_is_not_there_is_not_made(deliver, tmp_path):
    source = SqlSource(kind="sql", connection="shop", query=QUERY)
    with pytest.raises(CollectionError, match="there is no database"):
        deliver(source, KEY, DAYS, NamedConnections(shop=f"sqlite:///{tmp_path / 'lost.db'}"))
    assert not (tmp_path / "lost.db").exists()


def test_the_database_is_only_read(collect, tmp_path):
    (before,) = collect(rows=[(1, "2024-03-02", 1.0)]).rows.to_pylist()
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("parcels",)]
    assert before["id"] == 1


def test_rows_in_no_set_order_are_warned_of(collect, caplog):
    with caplog.at_level(logging.WARNING):
        collect()
        assert not caplog.records
        collect("SELECT id FROM parcels WHERE :end > 'order by'")
    assert "no set order" in caplog.text


@pytest.mark.parametrize(
    ("query", "bound"),
    [
        ("SELECT :start::date, x::text", r"SELECT :start\:\:date, x\:\:text"),
        (
            "SELECT ':start', 'it''s :end', \":end\" WHERE :end",
            r"""SELECT '\:start', 'it''s \:end', "\:end" WHERE :end""",
        ),
        ("SELECT 1 -- :start ;\n, :end /* ; :start */;", "SELECT 1 -- \\:start ;\n, :end /* ; \\:start */"),
        ("SELECT $$:start;$$, $a$ $$ :end $a$, :start", r"SELECT $$\:start;$$, $a$ $$ \:end $a$, :start"),
        ("SELECT a[1:2], :started, E'\\':end', :end", r"SELECT a[1\:2], \:started, E'\'\:end', :end"),
    ],
)
def test_only_the_codes_own_start_and_end_are_parameters(query, bound):
    assert Statement(query).bound == bound


def test_colons_and_percents_reach_the_database_as_they_are(collect):
    found = collect("SELECT '12:30 :x 5 %s %' AS a, '\\:' AS b, strftime('%H:%M', :start) AS c")
    assert [found.rows.column(name)[0].as_py() for name in "abc"] == ["12:30 :x 5 %s %", "\\:", "00:00"]


def test_backslashes_escape_where_the_database_says_so():
    assert Statement("SELECT 'it\\'s :end', :start", has_backslashes=True).parameters == {"start"}


def test_moments_are_bound_as_moments_where_the_database_has_them():
    from lakemill.collection.sql_sessions import Postgres

    bound = Postgres().bind(Statement("SELECT :start"), DAYS.interval(KEY))
    assert bound.compile().params == {"start": dt.datetime(2024, 3, 2, tzinfo=dt.timezone.utc)}
