"""What differs between databases: reading only, time zones, types of a query's columns before its rows are seen.

Stays out: running the query (``sql.py``).
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from lakemill.collection.sql_statements import Statement
from lakemill.collection.sql_values import MOMENTS, SECONDS, UndecodableText
from lakemill.config.partition import Interval

MOST_DIGITS = 38  # of Arrow's and Delta's decimals
VIEW = "lakemill_columns"
POSTGRES_KINDS: dict[int, pa.DataType] = {  # by number in pg_type
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    26: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: SECONDS,
    1184: MOMENTS,
}
POSTGRES_SETTINGS = {
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "synchronize_seqscans": "off",  # else a table is read from where another reader is
}
POSTGRES_TEXTS = ("numeric", "date", "timestamp", "timestamptz", "time", "timetz", "interval", "json", "jsonb", "uuid")
# what is left as text, by number with that of their lists
PSYCOPG2_TEXTS = {1700: 1231, 1082: 1182, 1114: 1115, 1184: 1185, 1083: 1183, 1266: 1270, 1186: 1187}
PSYCOPG2_TEXTS |= {114: 199, 3802: 3807, 2950: 2951}  # JSON, UUID
PSYCOPG2_TEXTS |= {3904: 3905, 3906: 3907, 3908: 3909, 3910: 3911, 3912: 3913, 3926: 3927}  # ranges
MYSQL_KINDS: dict[int, pa.DataType] = {
    **dict.fromkeys((1, 2, 3, 8, 9, 13), pa.int64()),
    **dict.fromkeys((4, 5), pa.float64()),
    **dict.fromkeys((10, 14), pa.date32()),
    **dict.fromkeys((7, 12), SECONDS),
    **dict.fromkeys((11, 245, 247, 248), pa.string()),
}


class Database:
    """A database of which nothing special is known; drivers say a column's type as a class, or not at all."""

    has_backslashes = False
    classes: Sequence[tuple[type, pa.DataType]] = (
        (bool, pa.bool_()),
        (int, pa.int64()),
        (float, pa.float64()),
        (dt.datetime, SECONDS),
        (dt.date, pa.date32()),
        (str, pa.string()),
        (bytes, pa.binary()),
        (bytearray, pa.binary()),
    )

    def begin(self, connection: Any, zone: str) -> None:
        """Make a connection's transaction one that only reads, and that takes times without a zone as of ``zone``."""

    def bind(self, statement: Statement, interval: Interval) -> Any:
        """Return the statement with the interval bound to it."""
        import sqlalchemy as sa

        values = {"start": interval.start, "end": interval.end}
        return sa.text(statement.bound).bindparams(
            *(sa.bindparam(name, values[name], self.moment_type()) for name in sorted(statement.parameters))
        )

    def moment_type(self) -> Any:
        """Return what a moment is bound as."""
        import sqlalchemy as sa

        return sa.DateTime(timezone=True)

    def find_kinds(self, connection: Any, statement: Statement, interval: Interval) -> list[pa.DataType | None]:
        """Return the columns' types as far as they can be known before the query runs; [] where they cannot."""
        return []

    def read_kind(self, described: Sequence[Any]) -> pa.DataType | None:
        """Return the type that the driver describes a column with (PEP 249); None where it does not say."""
        code = described[1]
        if isinstance(code, type) and issubclass(code, Decimal):
            return decimal_kind(described[4], described[5])
        return next((kind for known, kind in self.classes if code is known), None)


class Postgres(Database):
    """PostgreSQL, through psycopg or psycopg2.

    What drivers make objects of, and fail at where Python knows no such date, is left as the server's text.
    """

    def begin(self, connection: Any, zone: str) -> None:
        """See Database."""
        import sqlalchemy as sa

        connection.execution_options(postgresql_readonly=True)
        for name, value in {**POSTGRES_SETTINGS, "timezone": zone}.items():
            connection.execute(sa.text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})
        driver = connection.connection.driver_connection
        if hasattr(driver, "adapters"):
            self._leave_texts(driver.adapters)
        else:
            from psycopg2 import extensions

            text = extensions.new_type(tuple(PSYCOPG2_TEXTS), "TEXT", lambda value, cursor: value)
            texts = extensions.new_array_type(tuple(PSYCOPG2_TEXTS.values()), "TEXTS", text)
            extensions.register_type(text, driver)
            extensions.register_type(texts, driver)

    def read_kind(self, described: Sequence[Any]) -> pa.DataType | None:
        """See Database; whatever is not known here is read as text."""
        if described[1] == 1700:
            return decimal_kind(described[4], described[5])
        return POSTGRES_KINDS.get(described[1], pa.string())

    def _leave_texts(self, adapters: Any) -> None:
        from psycopg.types.string import TextLoader

        for info in adapters.types:
            if info.name in POSTGRES_TEXTS or type(info).__name__ in ("RangeInfo", "MultirangeInfo"):
                adapters.register_loader(info.oid, TextLoader)


class Sqlite(Database):
    """SQLite: values have types, columns only say what they would like.

    The interval is bound as SQLite writes moments, in UTC and without a zone: the types of values tell whether a column
    keeps what it says.
    """

    said = (  # in this order, as SQLite itself reads declarations
        ("INT", pa.int64(), {"integer"}),
        ("CHAR", pa.string(), {"text"}),
        ("CLOB", pa.string(), {"text"}),
        ("TEXT", pa.string(), {"text"}),
        ("BLOB", pa.binary(), {"blob", "text", "integer", "real"}),  # as texts, bytes could not be kept
        ("REAL", pa.float64(), {"integer", "real"}),
        ("FLOA", pa.float64(), {"integer", "real"}),
        ("DOUB", pa.float64(), {"integer", "real"}),
        ("BOOL", pa.bool_(), {"integer"}),
        ("NUMERIC", pa.float64(), {"integer", "real"}),
        ("DECIMAL", pa.float64(), {"integer", "real"}),
    )

    def begin(self, connection: Any, zone: str) -> None:
        """See Database."""
        connection.connection.driver_connection.text_factory = _decode
        connection.exec_driver_sql("PRAGMA query_only = ON")

    def bind(self, statement: Statement, interval: Interval) -> Any:
        """See Database."""
        import sqlalchemy as sa

        texts = _write_interval(interval)
        return sa.text(statement.bound).bindparams(**{name: texts[name] for name in statement.parameters})

    def find_kinds(self, connection: Any, statement: Statement, interval: Interval) -> list[pa.DataType | None]:
        """See Database: what the columns say, unless their values are others."""
        literals = {name: f"'{text}'" for name, text in _write_interval(interval).items()}
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.exec_driver_sql(f"CREATE TEMP VIEW {VIEW} AS {statement.filled(**literals)}\n")
        try:
            columns = connection.exec_driver_sql(f"PRAGMA temp.table_info({VIEW})").all()
            counts = ", ".join(f"group_concat(DISTINCT typeof({_quote(row[1])}))" for row in columns)
            held = connection.exec_driver_sql(f"SELECT {counts} FROM temp.{VIEW}").one()  # noqa: S608  quoted names
        finally:
            connection.exec_driver_sql(f"DROP VIEW temp.{VIEW}")
            connection.exec_driver_sql("PRAGMA query_only = ON")
        types = (set((found or "").split(",")) - {"", "null"} for found in held)
        return [self._choose(row[2], found) for row, found in zip(columns, types, strict=True)]

    def _choose(self, declared: str, held: set[str]) -> pa.DataType:
        for word, kind, fitting in self.said:
            if word in declared.upper() and held <= fitting:
                return kind
        if held and held <= {"integer", "real"}:
            return pa.int64() if held == {"integer"} else pa.float64()
        return pa.binary() if held == {"blob"} else pa.string()


class Mysql(Database):
    """MySQL and MariaDB, through any of their drivers."""

    has_backslashes = True

    def begin(self, connection: Any, zone: str) -> None:
        """See Database: the zone stays UTC, as many servers know no other by name."""
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        connection.exec_driver_sql("SET SESSION time_zone = '+00:00'")
        connection.commit()

    def read_kind(self, described: Sequence[Any]) -> pa.DataType | None:
        """See Database; texts and bytes are not told apart by their numbers."""
        if described[1] in (0, 246):
            return decimal_kind(described[4], described[5])
        return MYSQL_KINDS.get(described[1])


DATABASES: dict[str, type[Database]] = {
    "postgresql": Postgres,
    "sqlite": Sqlite,
    "mysql": Mysql,
    "mariadb": Mysql,
}


def decimal_kind(precision: int | None, scale: int | None) -> pa.DataType:
    """Return the type of decimals: exact with as many digits as are declared, a double where none are.

    Examples
    --------
    >>> decimal_kind(10, 2), decimal_kind(None, None)
    (Decimal128Type(decimal128(10, 2)), DataType(double))
    """
    if precision is None or scale is None or not 0 <= scale <= precision <= MOST_DIGITS or precision == 0:
        return pa.float64()
    return pa.decimal128(precision, scale)


def _decode(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return UndecodableText(raw)


def _write_interval(interval: Interval) -> dict[str, str]:
    return {"start": f"{interval.start:%Y-%m-%d %H:%M:%S}", "end": f"{interval.end:%Y-%m-%d %H:%M:%S}"}


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
