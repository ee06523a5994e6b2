"""A query sees the tables that it is given, and nothing else."""

import datetime

import pyarrow as pa
import pytest

from lakemill.exceptions import TableError
from lakemill.lake import check_syntax, run_query
from lakemill.lake.queries import find_columns_read, name_result

TABLES = {"parcels": pa.table({"id": [1, 2, 3], "depot": ["N", "S", None]}), "depots": pa.table({"depot": ["N"]})}


def test_a_query_joins_the_tables_that_it_is_given():
    found = run_query("SELECT id FROM parcels JOIN depots USING (depot)", TABLES, where="q.sql")
    assert found.to_pydict() == {"id": [1]}


def test_rows_keep_their_order():
    many = {"t": pa.table({"x": list(range(300_000))})}
    assert run_query("SELECT x FROM t WHERE x % 2 = 0", many, where="q.sql").column("x").to_pylist() == list(
        range(0, 300_000, 2)
    )


def test_times_are_utc_wherever_the_machine_stands(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    sql = "SELECT CAST('2024-01-01 12:00:00' AS TIMESTAMPTZ) AS at, CAST(m AS VARCHAR) AS shown FROM t"
    moments = pa.table({"m": pa.array([0], pa.timestamp("us", "UTC"))})
    row = run_query(sql, {"t": moments}, where="q.sql").to_pylist()[0]
    assert row["at"] == datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone.utc)
    assert row["shown"].startswith("1970-01-01 00:00:00")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT idd FROM parcels", "idd"),
        ("SELECT * FROM parcel", "parcel"),
        ("SELEC 1", "syntax error"),
        ("SELECT CAST('x' AS INTEGER) FROM parcels", "x"),
        ("SELECT 1; SELECT 2", "must be exactly one SELECT"),
        ("CREATE TABLE t AS SELECT 1 AS x", "must be exactly one SELECT"),
        ("-- nothing yet", "must be exactly one SELECT"),
    ],
)
def test_a_wrong_query_is_told_with_its_file(sql, said):
    with pytest.raises(TableError) as caught:
        run_query(sql, TABLES, where="q.sql")
    assert str(caught.value).startswith("q.sql: ")
    assert said in str(caught.value)


def test_the_tables_to_choose_from_are_named():
    with pytest.raises(TableError, match="mend the query; its tables are parcels, depots"):
        run_query("SELECT * FROM parcel", TABLES, where="q.sql")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{path}')",
        "SELECT * FROM '{path}'",
        "SELECT * FROM read_text('{path}')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_csv('http://localhost:1/x.csv')",
    ],
)
def test_a_query_cannot_reach_files_or_the_network(tmp_path, sql):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with pytest.raises(TableError):
        run_query(sql.format(path=secret), TABLES, where="q.sql")


def test_a_query_cannot_reach_the_programs_own_variables():
    hidden = pa.table({"x": [1]})  # DuckDB would find a variable of this name
    with pytest.raises(TableError, match="hidden"):
        run_query("SELECT * FROM hidden", TABLES, where="q.sql")
    assert hidden.num_rows == 1


def test_a_query_cannot_change_a_table_for_the_next():
    run_query("SELECT * FROM parcels", TABLES, where="q.sql")
    with pytest.raises(TableError):
        run_query("SELECT * FROM parcels", {}, where="q.sql")


@pytest.mark.parametrize("sql", ["SELECT 1", "SELECT 1;", "-- why\nWITH a AS (SELECT 1) SELECT * FROM a", "FROM t"])
def test_one_query_is_good_syntax(sql):
    check_syntax(sql, where="q.sql")


@pytest.mark.parametrize("sql", ["", "SELECT 1; SELECT 2", "DELETE FROM t", "SET threads = 1", "SELECT FROM WHERE"])
def test_anything_but_one_query_is_refused(sql):
    with pytest.raises(TableError, match=r"^q\.sql: "):
        check_syntax(sql, where="q.sql")


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT a, t.b, c + 1 AS d FROM t", ["a", "b", "d"]),
        ("WITH u AS (SELECT * FROM t), v AS (SELECT * FROM u) SELECT x AS y FROM v ORDER BY y", ["y"]),
        ("SELECT * FROM t", None),
        ("SELECT t.*, a FROM t", None),
        ("SELECT a + 1 FROM t", None),
        ("SELECT a FROM t UNION ALL SELECT b FROM t", None),
    ],
)
def test_the_columns_of_a_result_are_read_from_the_query_where_it_names_them_all(sql, columns):
    assert name_result(sql) == columns


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT t.a, u.b FROM t JOIN u ON u.k = t.k", ["a", "k"]),
        ("SELECT a, upper(b) AS c FROM t WHERE d > 1 ORDER BY c", ["a", "b", "d"]),
        ("SELECT a, b FROM t, u", []),
        ("SELECT x.a FROM (SELECT * FROM t) AS x", []),
        ("WITH t AS (SELECT 1 AS a) SELECT t.a FROM t", []),
        ("SELECT * EXCLUDE (a) FROM t", []),
        ("SELECT T.A FROM t", ["A"]),
        ("nonsense", []),
    ],
)
def test_only_columns_that_a_query_surely_reads_of_a_table_are_named(sql, read):
    assert find_columns_read(sql, "t") == read
