"""What a partition's rows look like, column by column, as far as a suite can be proposed from it.

One partition is held in memory at a time. Stays out: proposing (``suggesting.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.validation.figures import is_numeric

MOST_CATEGORIES = 50
# patterns of codes, from narrow to wide; {} is for the lengths
CLASSES = ("[0-9]", "[A-Z]", "[a-z]", "[A-Z0-9]", "[a-z0-9]", "[A-Za-z]", "[A-Za-z0-9]", r"[A-Za-z0-9_.:/-]")


@dataclass(frozen=True)
class Seen:
    """A column in one partition.

    Attributes
    ----------
    kind : str
        ``number``, ``text``, ``moment`` or ``other``.
    present : float
        Share of rows with a value.
    low, high, mean : float or None
        Of numbers.
    values : dict or None
        Counts of categories; None where there are too many, or it is not a text.
    lengths : tuple of int or None
        Of texts: the shortest and the longest.
    classes : frozenset of str
        Classes of characters that all texts are made of.
    is_unique, is_increasing : bool
        Of the values that are there; a column without values is neither.
    """

    kind: str
    present: float
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    values: dict[str, int] | None = None
    lengths: tuple[int, int] | None = None
    classes: frozenset[str] = frozenset()
    is_unique: bool = False
    is_increasing: bool = False


@dataclass(frozen=True)
class Observed:
    """A partition.

    Attributes
    ----------
    key : str
    rows : int
    days : float
        Length of the partition.
    columns : dict of str to Seen
    unique_keys : tuple of tuple of str
        Of the combinations of columns that were asked for, those of which no two rows agree.
    """

    key: str
    rows: int
    days: float
    columns: dict[str, Seen]
    unique_keys: tuple[tuple[str, ...], ...]


def observe(key: str, rows: pa.Table, *, days: float, keys: Sequence[tuple[str, ...]]) -> Observed:
    """Look at a partition.

    Parameters
    ----------
    key : str
    rows : pyarrow.Table
    days : float
        Length of the partition.
    keys : sequence of tuple of str
        Combinations of columns that may name a row.

    Returns
    -------
    Observed
    """
    columns = {name: _look(rows.column(name)) for name in rows.column_names}
    return Observed(key, len(rows), days, columns, tuple(one for one in keys if _is_unique(rows, one)))


def matches(values: Any, pattern: str) -> Any:
    """Return for each text whether it is made of a class of characters only."""
    return pc.match_substring_regex(values, f"^{pattern}*$")


def _look(column: pa.ChunkedArray) -> Seen:
    values = pc.drop_null(column)
    if pa.types.is_floating(values.type):
        values = values.filter(pc.is_finite(values))
    share = len(values) / len(column) if len(column) else 1.0
    kind = _kind_of(values.type)
    if not len(values):
        return Seen(kind, share)
    is_unique = kind != "other" and pc.count_distinct(values).as_py() == len(values)
    if kind == "number":
        numbers = values.cast(pa.float64(), safe=False)
        ends = pc.min_max(numbers).as_py()
        return Seen(
            kind,
            share,
            ends["min"],
            ends["max"],
            pc.mean(numbers).as_py(),
            is_unique=is_unique,
            is_increasing=_rises(values),
        )
    if kind == "moment":
        return Seen(kind, share, is_unique=is_unique, is_increasing=_rises(values))
    if kind == "other":
        return Seen(kind, share)
    lengths = pc.min_max(pc.utf8_length(values)).as_py()
    counts = pc.value_counts(values)
    few = {one["values"]: one["counts"] for one in counts.to_pylist()} if len(counts) <= MOST_CATEGORIES else None
    texts = counts.field("values")
    classes = frozenset(one for one in CLASSES if pc.all(matches(texts, one)).as_py())
    return Seen(kind, share, values=few, lengths=(lengths["min"], lengths["max"]), classes=classes, is_unique=is_unique)


def _kind_of(kind: pa.DataType) -> str:
    if is_numeric(kind):
        return "number"
    if pa.types.is_string(kind):
        return "text"
    return "moment" if pa.types.is_timestamp(kind) else "other"


def _rises(values: pa.ChunkedArray) -> bool:
    flat = values.combine_chunks()
    return bool(len(flat) > 1 and pc.all(pc.greater_equal(flat.slice(1), flat.slice(0, len(flat) - 1))).as_py())


def _is_unique(rows: pa.Table, names: tuple[str, ...]) -> bool:
    if any(name not in rows.column_names for name in names):
        return False
    counts = rows.select(list(names)).group_by(list(names)).aggregate([([], "count_all")])
    return len(counts) == len(rows)
