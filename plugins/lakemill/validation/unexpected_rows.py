"""Great Expectations' ``unexpected_rows_expectation``: rules in SQL, over the rows that are judged and all sources.

DuckDB evaluates them, since Great Expectations has it for databases only. Stays out: what follows from a row found.
"""

from collections.abc import Mapping
from string import Formatter
from typing import Any

import numpy as np
import pyarrow as pa

from lakemill.exceptions import ConfigError, LakemillError, TableError
from lakemill.lake import check_syntax, run_query
from lakemill.validation.expectations import Outcome

TYPE = "unexpected_rows_expectation"
BATCH = "judged_rows"  # what {batch} stands for
POSITION = "batch_row"  # the column, added to the judged rows, by which a row that is found is known
MOST_SHOWN = 20


def check_query(one: Mapping[str, Any], *, where: str) -> None:
    """Check the query of such an expectation, without running it.

    Parameters
    ----------
    one : mapping
        As from `load_suite`.
    where : str
        For errors.

    Raises
    ------
    ConfigError
        If it is none, or does not speak of the rows that are judged.
    """
    if one["type"] != TYPE:
        return
    mostly = one["meta"].get("mostly", 1.0)
    if isinstance(mostly, bool) or not isinstance(mostly, (int, float)) or not 0 <= mostly <= 1:
        raise ConfigError(f"meta.mostly: must be a share from 0 to 1; got {mostly!r}", where=where, remedy="mend it")
    query = one["kwargs"].get("unexpected_rows_query")
    try:
        names = [field for _, field, _, _ in Formatter().parse(query) if field is not None]
    except (TypeError, ValueError):
        names = []
    if set(names) != {"batch"}:
        raise ConfigError(
            "unexpected_rows_query: must select from {batch}, and have no other name in braces",
            where=where,
            remedy="SELECT * FROM {batch} AS b WHERE ...; a brace that is meant as one is written twice",
        )
    try:
        check_syntax(query.format(batch=BATCH), where=where)
    except LakemillError as error:
        raise ConfigError(f"unexpected_rows_query: {error.problem}", where=where, remedy=error.remedy) from None


def find_unexpected(
    rows: pa.Table, one: dict[str, Any], sources: Mapping[str, pa.Table], *, words: str, where: str
) -> Outcome:
    """Run the query of an expectation; each row that it returns fails.

    Parameters
    ----------
    rows : pyarrow.Table
        What ``{batch}`` stands for, with the column ``batch_row`` added: the row's position.
    one : dict
        The expectation. ``meta.mostly`` is the share of rows that must not be returned, 1 by default; Great
        Expectations itself has no such argument here.
    sources : mapping of str to pyarrow.Table
        Further tables by name.
    words : str
        The expectation in words.
    where : str
        For errors.

    Returns
    -------
    Outcome
        With the positions of rows where the query returns ``batch_row``.

    Raises
    ------
    TableError
        If the query fails, or its rows are to be refused and it does not say which they are.
    """
    if POSITION in rows.column_names:
        raise TableError(f"a column is named {POSITION!r}", where=where, remedy="give it another name")
    batch = rows.append_column(POSITION, pa.array(np.arange(len(rows))))
    query = one["kwargs"]["unexpected_rows_query"].rstrip("; \t\r\n").format(batch=BATCH)
    found = run_query(query, {BATCH: batch, **sources}, where=where)
    action = one["meta"].get("action", "warn")
    if POSITION in found.column_names:
        positions = np.unique(found.column(POSITION).drop_null().to_numpy()).astype(np.int64)
        if len(positions) and not (positions[0] >= 0 and positions[-1] < len(rows)):
            raise TableError(f"{POSITION} is no row's", where=where, remedy=f"select {POSITION} as it is")
        count = len(positions)
    elif action == "quarantine":
        remedy = f"select the column {POSITION} of {{batch}} too (SELECT b.* does), or take the action warn or block"
        raise TableError("unexpected_rows_query does not tell which rows it finds", where=where, remedy=remedy)
    else:
        positions, count = np.empty(0, np.int64), len(found)
    unit = "rows fail" if POSITION in found.column_names else "rows returned"
    observed = f"{count} of {len(rows)} rows fail" if unit == "rows fail" else f"{count} {unit}"
    success = count <= (1 - one["meta"].get("mostly", 1.0)) * len(rows)
    shown = [_as_json(row) for row in found.slice(0, MOST_SHOWN).to_pylist()]
    result = {
        "success": success,
        "expectation_config": {key: one[key] for key in ("type", "kwargs", "meta", "description") if key in one},
        "result": {"observed_value": count, "details": {"unexpected_rows": shown}},
        "meta": {},
        "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
    }
    return Outcome(words, action, success, observed, positions, result)


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
        for name, value in row.items()
    }
