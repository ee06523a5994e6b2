"""SQL over Arrow tables, by DuckDB, shut off from files and network: what a query sees is what it is given.

Stays out: which tables there are, and the columns that somebody expects of the result.
"""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from lakemill.exceptions import TableError


def run_query(sql: str, tables: dict[str, pa.Table], *, where: str) -> pa.Table:
    """Run one query over named tables; times are in UTC.

    Parameters
    ----------
    sql : str
    tables : dict of str to pyarrow.Table
    where : str
        The file that the query stands in, for errors.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    TableError
        If the query is wrong.

    Examples
    --------
    >>> run_query("SELECT x + 1 AS y FROM t", {"t": pa.table({"x": [1, 2]})}, where="example").to_pydict()
    {'y': [2, 3]}
    """
    check_syntax(sql, where=where)
    with duckdb.connect(config={"threads": 1}) as connection:  # one thread: the same rows in the same order
        connection.execute("SET TimeZone = 'UTC'; SET enable_external_access = false")
        # a misspelt table must not be taken for a variable of ours; nor may the query undo any of this
        connection.execute("SET python_enable_replacements = false; SET lock_configuration = true")
        for name, table in tables.items():
            connection.register(name, table)
        try:
            return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            text = str(error).strip()
            raise TableError(text, where=where, remedy="mend the query; its tables are " + ", ".join(tables)) from None


def find_unmet(condition: str, rows: pa.Table, *, where: str) -> pa.Array:
    """Find the rows that do not meet a condition; one that is null is met.

    Parameters
    ----------
    condition : str
        DuckDB expression over the columns of a row.
    rows : pyarrow.Table
    where : str
        For errors.

    Returns
    -------
    pyarrow.Array of bool
        By row.

    Raises
    ------
    TableError
        If it is wrong, or no expression of one row.

    Examples
    --------
    >>> find_unmet("x > y", pa.table({"x": [1, 2, None], "y": [2, 1, 1]}), where="example").to_pylist()
    [True, False, False]
    """
    found = run_query(phrase_condition(condition), {"rows": rows}, where=where)
    if found.column_names != ["is_unmet"] or len(found) != len(rows):
        raise TableError("is no condition of a single row", where=where, remedy="compare columns of one row")
    column = found.column("is_unmet").combine_chunks()
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) and column.num_chunks else column


def phrase_condition(condition: str) -> str:
    """Return the query that finds rows which do not meet a condition."""
    # the line end closes a comment; the parentheses must stay those of one expression
    return f"SELECT NOT coalesce(CAST((\n{condition}\n) AS BOOLEAN), true) AS is_unmet FROM rows"  # noqa: S608  # theirs


def check_syntax(sql: str, *, where: str) -> None:
    """Check that a text is one query, without running it.

    Parameters
    ----------
    sql : str
    where : str
        The file that it stands in, for errors.

    Raises
    ------
    TableError
        If it cannot be parsed, or is not exactly one query.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise TableError(str(error).strip(), where=where, remedy="mend the query") from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise TableError("must be exactly one SELECT", where=where, remedy="put all steps into one query, with WITH")


def name_result(sql: str) -> list[str] | None:
    """Return the columns that a query makes, without running it.

    Parameters
    ----------
    sql : str
        One SELECT, as `check_syntax` lets through.

    Returns
    -------
    list of str or None
        None where the text alone does not tell: with a star, a set operation, or an expression that has no name.

    Examples
    --------
    >>> name_result("WITH u AS (SELECT * FROM t) SELECT u.x, x + 1 AS y FROM u")
    ['x', 'y']
    >>> name_result("SELECT * FROM t")
    """
    node = _parse(sql)
    if node is None:
        return None
    while node["type"] == "CTE_NODE":
        node = node["child"]
    names = [_name(one) for one in node.get("select_list", ())] if node["type"] == "SELECT_NODE" else [None]
    return None if None in names else [str(name) for name in names]


def find_columns_read(sql: str, table: str) -> list[str]:
    """Return the columns of a table that a query surely reads, without running it.

    Parameters
    ----------
    sql : str
        One SELECT, as `check_syntax` lets through.
    table : str

    Returns
    -------
    list of str
        As the query spells them. A column that stands without its table's name counts only where the query has no
        other table.

    Examples
    --------
    >>> find_columns_read("SELECT f.id, w.temp FROM flights AS f JOIN weather AS w ON w.at = f.at", "flights")
    ['id', 'at']
    >>> find_columns_read("SELECT id AS number FROM flights ORDER BY number", "flights")
    ['id']
    """
    node = _parse(sql)
    if node is None:
        return []
    nodes = list(_walk(node))
    tables: dict[str, set[str]] = {}  # by what they are called
    for one in nodes:
        if one.get("type") == "BASE_TABLE":
            name = str(one["table_name"]).lower()
            tables.setdefault(str(one.get("alias") or name).lower(), set()).add(name)
    made = {str(one["alias"]).lower() for one in nodes if one.get("alias") and one.get("type") != "BASE_TABLE"}
    made |= {str(entry["key"]).lower() for one in nodes for entry in one.get("map", ()) if isinstance(entry, dict)}
    wanted = {called for called, names in tables.items() if names == {table.lower()}} - made
    is_only = len(tables) == 1 and bool(wanted) and not any(one.get("type") in MANY for one in nodes)
    found: dict[str, None] = {}
    for names in (one["column_names"] for one in nodes if one.get("class") == "COLUMN_REF"):
        if len(names) > 1 and names[0].lower() in wanted:
            found[names[1]] = None
        elif len(names) == 1 and is_only and names[0].lower() not in made:
            found[names[0]] = None
    return list(found)


MANY = ("SUBQUERY", "TABLE_FUNCTION", "EXPRESSION_LIST", "PIVOT", "LAMBDA", "COLUMN_DATA")


def _parse(sql: str) -> dict[str, Any] | None:
    """Return a query's syntax tree, None where it has none."""
    with duckdb.connect(config={"threads": 1}) as connection:
        ((serialized,),) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    parsed: dict[str, Any] = json.loads(serialized)
    return None if parsed["error"] else parsed["statements"][0]["node"]


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for one in node.values():
            yield from _walk(one)
    elif isinstance(node, list):
        for one in node:
            yield from _walk(one)


def _name(expression: dict[str, Any]) -> str | None:
    if expression.get("alias"):
        return str(expression["alias"])
    is_column = expression["class"] == "COLUMN_REF"
    return str(expression["column_names"][-1]) if is_column else None
