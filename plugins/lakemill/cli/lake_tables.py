"""How the lake's tables, their history and the rows of a query look on a screen, or go to another program.

Stays out: finding them.
"""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TextIO

import pyarrow as pa
from rich.box import HORIZONTALS
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lakemill.lake.history import Change
from lakemill.lake.maintenance import Unneeded
from lakemill.lake.reading import PartitionState, TableState

MOST_LINES = 40  # partitions, or files, that are listed one by one
LEAST_WIDTH = 9  # of a column; where there is less room, each row stands below the other
LONGEST_VALUE = 60


def show_history(table: str, changes: list[Change]) -> Group:
    """Return what to print of a table's changes, the newest first."""
    shown = _table()
    for heading in ("version", "when", "operation", "partitions"):
        shown.add_column(heading, no_wrap=heading != "partitions")
    for heading in ("rows +", "rows -", "files +", "files -"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for one in changes:
        counts = (one.rows_added, one.rows_removed, one.files_added, one.files_removed)
        shown.add_row(
            str(one.version),
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            one.operation,
            shorten_keys(one.partitions),
            *("?" if count is None else f"{count:,}" if count else "" for count in counts),
        )
    return _titled(f"{table}: {len(changes)} version(s), the newest first; moments in UTC", shown)


def show_tables(workflow: str, states: list[TableState]) -> Group:
    """Return what to print of all tables of a workflow."""
    shown = _table()
    shown.add_column("table", no_wrap=True)
    for heading in ("rows", "partitions", "files", "size", "newest version"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for state in states:
        shown.add_row(state.table, *_counts(state.total, len(state.partitions)), str(state.version))
    return _titled(f"{workflow}: {len(states)} table(s)", shown)


def show_state(state: TableState, partition: str | None = None) -> Group:
    """Return what to print of a version of a table, or of one partition of it: columns and partitions."""
    columns = _table()
    columns.add_column("column", overflow="fold")
    columns.add_column("type", overflow="fold")
    for name, kind in state.columns.items():
        columns.add_row(Text(name), Text(kind))
    partitions = _table()
    partitions.add_column("partition", no_wrap=True)
    for heading in ("rows", "files", "size"):
        partitions.add_column(heading, justify="right", no_wrap=True)
    chosen = {key: one for key, one in state.partitions.items() if partition in (None, key)}
    listed = list(chosen) if len(chosen) <= MOST_LINES else [*list(chosen)[:10], None, *list(chosen)[-10:]]
    for key in listed:
        partitions.add_row(*((key, *_counts(chosen[key])) if key is not None else ("...", "", "", "")))
    if partition is None:
        partitions.add_section()
        partitions.add_row("sum", *_counts(state.total))
    title = f"{state.table}, version {state.version}: {len(state.columns)} columns"
    counted = f"{len(state.partitions)} partition(s)"
    return Group(
        _titled(title, columns),
        _titled(counted if partition is None else f"partition {partition} of {counted}", partitions),
    )


def show_rows(rows: pa.Table, *, width: int) -> Group:
    """Return what to print of rows: a table where there is room for its columns, else each row below the other."""
    noun = "row" if len(rows) == 1 else "rows"
    if len(rows.column_names) * LEAST_WIDTH <= width:
        shown = _table()
        for field in rows.schema:
            is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
            shown.add_column(Text(field.name), justify="right" if is_number else "left", overflow="fold")
        for row in _values_of(rows):
            shown.add_row(*(Text(_as_cell(value)) for value in row))
        return _titled(f"{len(rows)} {noun}", shown)
    shown = _table()
    shown.add_column("column", no_wrap=True)
    shown.add_column("value", overflow="fold")
    for number, row in enumerate(_values_of(rows)):
        if number:
            shown.add_section()
        for name, value in zip(rows.column_names, row, strict=True):
            shown.add_row(Text(name), Text(_as_cell(value)))
    return _titled(f"{len(rows)} {noun}, of {len(rows.column_names)} columns", shown)


def show_unneeded(found: list[Unneeded]) -> Group:
    """Return what to print of files that may be removed: the sums by folder, and the files where they are few."""
    sums: dict[tuple[str, str], list[Unneeded]] = defaultdict(list)
    for one in found:
        sums[one.path.split("/")[0], one.why].append(one)
    shown = _table()
    for heading in ("in", "why"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("files", "size"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for (folder, why), files in sums.items():
        shown.add_row(folder, why, f"{len(files):,}", format_size(sum(one.size for one in files)))
    listed = [Text(one.path, style="dim") for one in found] if len(found) <= MOST_LINES else []
    title = f"{len(found)} file(s), {format_size(sum(one.size for one in found))}, that nothing needs"
    return Group(_titled(title, shown), *listed)


def take_rows(reader: pa.RecordBatchReader, most: int) -> tuple[pa.Table, bool]:
    """Read the first rows of a result; return them, and whether there are more."""
    batches, count = [], 0
    for batch in reader:
        batches.append(batch)
        count += len(batch)
        if count > most:
            break
    return pa.Table.from_batches(batches, reader.schema).slice(0, most), count > most


def write_csv(reader: pa.RecordBatchReader, out: TextIO) -> None:
    """Write all rows of a result as CSV; lists and structures stand in it as JSON."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(reader.schema.names)
    for batch in reader:
        writer.writerows([_as_text(value) for value in row] for row in _values_of(batch))


def write_json(reader: pa.RecordBatchReader, out: TextIO) -> None:
    """Write all rows of a result as JSON, one object a line; what is no number is null."""
    for batch in reader:
        for row in _values_of(batch):
            out.write(_as_json(dict(zip(batch.schema.names, row, strict=True))) + "\n")


def format_size(size: float) -> str:
    """Return a number of bytes as people read it.

    Examples
    --------
    >>> format_size(17), format_size(1536), format_size(5 * 2**30)
    ('17 B', '1.5 KiB', '5.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def shorten_keys(keys: Iterable[str]) -> str:
    """Return keys as they fit into a line.

    Examples
    --------
    >>> shorten_keys(["2013-01", "2013-02"]), shorten_keys(str(year) for year in range(2000, 2020))
    ('2013-01, 2013-02', '2000 ... 2019 (20)')
    """
    keys = list(keys)
    return ", ".join(keys) if len(keys) <= 3 else f"{keys[0]} ... {keys[-1]} ({len(keys)})"


def _table() -> Table:
    return Table(box=HORIZONTALS, padding=(0, 1, 0, 0))


def _titled(title: str, shown: Table) -> Group:
    return Group(Text(title), shown)  # as its own title it would be wrapped to the table's width


def _counts(state: PartitionState, partitions: int | None = None) -> list[str]:
    middle = [] if partitions is None else [f"{partitions:,}"]
    return [f"{state.rows:,}", *middle, f"{state.files:,}", format_size(state.size)]


def _values_of(rows: pa.Table | pa.RecordBatch) -> Iterable[tuple[Any, ...]]:
    columns = [column.to_pylist() for column in rows.columns]
    return zip(*columns, strict=True) if columns else ()


def _as_cell(value: Any) -> str:
    text = _as_text(value).replace("\n", " ")
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        return _as_json(value)
    return str(_as_plain(value))


def _as_json(value: Any) -> str:
    return json.dumps(_without_nan(value), default=_as_plain, ensure_ascii=False)


def _as_plain(value: Any) -> Any:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, Decimal):  # of sums of integers DuckDB makes these
        return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else str(value)
    if isinstance(value, timedelta):
        return str(value)
    return value.hex() if isinstance(value, bytes) else value


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    return [_without_nan(one) for one in value] if isinstance(value, (list, tuple)) else value
