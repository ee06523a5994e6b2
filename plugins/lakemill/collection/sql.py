"""Sources that are databases: the rows of a query over each partition's interval, through a cursor of the server.

Stays out: what differs between databases (``sql_sessions.py``), and where connections come from.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakemill.collection.delivery import LONGEST_TEXT, PROVENANCE, Delivery, Piece, Refused, Request
from lakemill.collection.sql_sessions import DATABASES, Database
from lakemill.collection.sql_statements import Statement
from lakemill.collection.sql_values import find_kind, read_column, show_value
from lakemill.config.sources import SqlSource
from lakemill.exceptions import CollectionError
from lakemill.lake.streams import has_other_rows

FIRST_FETCH = 1_000  # rows; the next parts are cut by what these weigh
PIECE_BYTES = 32 * 2**20
LONGEST_MESSAGE = 500  # characters of what a database says

log = logging.getLogger(__name__)


def open_sql(source: SqlSource, request: Request) -> Delivery:
    """Make a query ready for a partition; it runs when the pieces are read.

    Parameters
    ----------
    source : SqlSource
    request : Request

    Returns
    -------
    Delivery
        Without a fingerprint: only reading tells whether rows have changed. They are known for the same when they come
        in the same order, so a query without ORDER BY is warned of.

    Raises
    ------
    CollectionError
        If there is no such connection or file, or the query is none that reads a partition.
    """
    name, query = _find_query(source.query, request)
    engine = request.connections.engine(source.connection)
    database = DATABASES.get(engine.dialect.name, Database)()
    statement = Statement(query, database.has_backslashes)
    statement.check(where=f"{request.where} ({name})")
    if not statement.is_ordered:
        log.warning("%s (%s): rows come in no set order; ORDER BY a key", request.where, name)
    reading = _Reading(source, request, engine, database, statement, f"{source.connection}: {name}")
    return Delivery(location=reading.shown, fingerprint=None, pieces=reading.pieces)


class _Reading:
    """A query on its way: from a connection to pieces."""

    def __init__(
        self,
        source: SqlSource,
        request: Request,
        engine: Any,
        database: Database,
        statement: Statement,
        shown: str,
    ) -> None:
        self.shown = shown
        self._source = source
        self._request = request
        self._engine = engine
        self._database = database
        self._statement = statement
        self._interval = request.partition.interval(request.key)

    def pieces(self) -> Iterator[Piece]:
        """Run the query, and yield its rows part by part."""
        try:
            with self._say("cannot be reached", f"see the connection {self._source.connection} and its server"):
                self._require_file()
                connection = self._engine.connect()
            try:
                yield from self._read(connection)
            finally:
                connection.close()
        finally:
            self._engine.dispose()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _read(self, connection: Any) -> Iterator[Piece]:
        with self._say("the query fails", "mend the query, or what the connection's user may read"):
            self._database.begin(connection, self._request.partition.timezone)
            held = self._read_held()
            may_be_new = not held or self._source.columns == "grow"
            found = self._database.find_kinds(connection, self._statement, self._interval) if may_be_new else []
            connection.execution_options(stream_results=True, max_row_buffer=1)
            result = connection.execute(self._database.bind(self._statement, self._interval))
            if not result.returns_rows:
                raise self._error("the query gives no rows", "leave one SELECT")
        with closing(result):
            names = self._check_names(list(result.keys()))
            described = result.cursor.description  # before the cursor closes itself behind the last row
            size = min(FIRST_FETCH, self._source.fetch)
            rows = self._fetch(result, size)
            found = found or [self._database.read_kind(one) for one in described]
            kinds = [
                held.get(name) or found[at] or find_kind([row[at] for row in rows]) for at, name in enumerate(names)
            ]
            first = 1
            while True:  # a query without rows gives its columns
                piece = self._make_piece(rows, names, kinds, first)
                yield piece
                first += len(rows)
                if len(piece.rows):
                    size = max(1, min(self._source.fetch, PIECE_BYTES * len(piece.rows) // max(1, piece.rows.nbytes)))
                rows = self._fetch(result, size) if rows else []
                if not rows:
                    return

    def _read_held(self) -> dict[str, pa.DataType]:
        """Return the types that other partitions have given the columns."""
        table = f"raw_{self._request.source}"
        if not has_other_rows(self._request.lake, table, [self._request.key]):
            return {}  # of the first, or of what is replaced
        held = self._request.lake.read(table, [])
        return dict(zip(held.column_names, held.schema.types, strict=True)) if held is not None else {}

    def _fetch(self, result: Any, size: int) -> Sequence[Any]:
        with self._say("the database broke off", "clear the run when the server is well"):
            rows: Sequence[Any] = result.fetchmany(size)
            return rows

    def _make_piece(self, rows: Sequence[Any], names: list[str], kinds: list[pa.DataType], first: int) -> Piece:
        """Make a piece of rows; those with a value that does not fit its column's type are refused."""
        by_column = list(zip(*rows, strict=True)) or [()] * len(names)
        columns: dict[str, pa.Array] = {}
        reasons: dict[int, list[str]] = {}
        for name, kind, values in zip(names, kinds, by_column, strict=True):
            columns[name], unreadable = read_column(values, kind)
            for at, reason in unreadable.items():
                reasons.setdefault(at, []).append(f"{name}: {reason}")
        columns["source_row"] = pa.array(range(first, first + len(rows)), pa.int64())
        columns["source_file"] = pa.repeat(pa.scalar(self.shown, pa.string()), len(rows))
        table = pa.table(columns)
        if reasons:
            table = table.filter(pa.array([at not in reasons for at in range(len(rows))], pa.bool_()))
        refused = [
            Refused("; ".join(reason), self.shown, first + at, _show_row(names, rows[at]))
            for at, reason in sorted(reasons.items())
        ]
        return Piece(table, refused)

    def _check_names(self, names: list[str]) -> list[str]:
        lowered = [name.lower() for name in names]
        if twice := sorted({name for name in lowered if lowered.count(name) > 1}):
            raise self._error(f"several columns are named {twice[0]!r}", "name them apart by AS")
        if taken := [name for name in lowered if name in PROVENANCE]:
            raise self._error(f"a column is named {taken[0]!r}, as the lake names its own", "rename it by AS")
        return names

    def _require_file(self) -> None:
        """Stop before SQLite creates the file that is not there."""
        path = self._engine.url.database
        is_file = self._engine.dialect.name == "sqlite" and path and path != ":memory:" and not path.startswith("file:")
        if is_file and not Path(path).is_file():
            raise self._error(f"there is no database {path}", f"see the connection {self._source.connection}")

    @contextmanager
    def _say(self, problem: str, remedy: str) -> Iterator[None]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            said = str(getattr(error, "orig", None) or error).strip()
            password = self._engine.url.password
            said = said.replace(str(password), "***") if password else said
            raise self._error(f"{problem}: {said[:LONGEST_MESSAGE]}", remedy) from None

    def _error(self, problem: str, remedy: str) -> CollectionError:
        return CollectionError(problem, where=f"{self._request.where} ({self.shown})", remedy=remedy)


def _find_query(query: str, request: Request) -> tuple[str, str]:
    """Return what the query is called and its text; a file's name ends with .sql."""
    path = query.strip()
    if not path.endswith(".sql") or any(sign.isspace() for sign in path):
        return "query", query
    try:
        return path, (request.project / path).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "no text in UTF-8"
        raise CollectionError(
            f"query: {path} cannot be read: {said}",
            where=request.where,
            remedy="mend the path, or write the query here",
        ) from None


def _show_row(names: list[str], row: Sequence[Any]) -> str:
    pairs = (f"{name}={show_value(value)}" for name, value in zip(names, row, strict=True) if value is not None)
    return ", ".join(pairs)[:LONGEST_TEXT]
