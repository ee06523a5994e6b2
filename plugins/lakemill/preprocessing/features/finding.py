"""Which columns are of use, and as what: found in a snapshot's training rows, where the workflow file leaves it open.

Stays out: the types of columns, which are fixed before (``collection.column_kinds``); whether a feature leaks, but for
one that is the label itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.features import Features

FEW_LEVELS = 50
WORDS_OF_A_TEXT = 3  # on average, from which on a column is text and not names
MOST_DISTINCT = 0.5  # share of the rows, up to which short texts are levels
AS_GOOD_AS_ALL = 0.95  # share of the rows that are distinct, from which on short texts name rows
LEAST_ROWS = 30  # fewer rows may all differ by chance


@dataclass(frozen=True)
class Found:
    """Features by kind, and the columns that are none.

    Attributes
    ----------
    kinds : dict of str to list of str
        Columns under ``numeric``, ``categorical``, ``dates``, ``text``.
    left_out : dict of str to str
        Columns with the reason.
    """

    kinds: dict[str, list[str]]
    left_out: dict[str, str]


def find_features(rows: pa.Table, features: Features, kinds: dict[str, str], *, label: str) -> Found:
    """Find the part that each column plays whose kind the workflow file leaves open.

    Parameters
    ----------
    rows : pyarrow.Table
        Training rows, in order of time.
    features : Features
    kinds : dict of str to str
        Columns with the kinds that their types were fixed by.
    label : str

    Returns
    -------
    Found

    Examples
    --------
    >>> rows = pa.table({"size": [1.0, 2.0, 1.0], "unit": ["kg"] * 3, "depot": ["N", "S", "N"], "late": [1, 0, 0]})
    >>> kinds = {"size": "number", "unit": "text", "depot": "text"}
    >>> find_features(rows, Features(auto="all"), kinds, label="late")
    Found(kinds={'numeric': ['size'], 'categorical': ['depot']}, left_out={'unit': 'has one value only'})
    """
    found: dict[str, list[str]] = {}
    left_out = {}
    for name, kind in kinds.items():
        if name in features.columns or name in features.drop:
            continue
        reason = "has no value in the first partition" if kind == "empty" else _find_reason(rows, name, kind, label)
        if reason is not None:
            left_out[name] = reason
        else:
            found.setdefault(_choose_part(rows.column(name), kind), []).append(name)
    return Found(found, left_out)


def _find_reason(rows: pa.Table, name: str, kind: str, label: str) -> str | None:
    """Return why a column is of no use, None where it is."""
    values = rows.column(name)
    checks: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: kind == "other", f"is of a type without features, {values.type}"),
        (lambda: values.null_count == len(values), "has no value"),
        (lambda: _count_distinct(values) + (values.null_count > 0) == 1, "has one value only"),
        (lambda: _is_the_label(rows, name, label), "says the label in other words"),
        (lambda: kind == "number" and _numbers_rows(values), "numbers the rows"),
        (lambda: kind == "text" and _names_rows(values), "names the rows"),
    )
    return next((reason for holds, reason in checks if holds()), None)


def _choose_part(values: pa.ChunkedArray, kind: str) -> str:
    if kind == "text":
        distinct = _count_distinct(values)
        if distinct <= FEW_LEVELS and _count_words(values) < 2 * WORDS_OF_A_TEXT:
            return "categorical"
        is_text = _count_words(values) >= WORDS_OF_A_TEXT or distinct > MOST_DISTINCT * _count(values)
        return "text" if is_text else "categorical"
    return "dates" if kind == "timestamp" else "numeric"


def _is_the_label(rows: pa.Table, name: str, label: str) -> bool:
    """Tell whether values and labels stand for each other, one for one, wherever a label occurs more than once."""
    values, labels = rows.column(name), rows.column(label)
    distinct, classes = _count_distinct(values), _count_distinct(labels)
    if distinct != classes or values.null_count != labels.null_count:
        return False
    if classes == len(labels):  # numbers that all differ: the label only where they are equal
        return bool(values.type == labels.type and values.equals(labels))
    pairs = rows.select([name]).append_column("_label", labels).group_by([name, "_label"]).aggregate([]).num_rows
    return pairs == classes


def _numbers_rows(values: pa.ChunkedArray) -> bool:
    """Tell whether whole numbers all differ, and count up with time or leave no gaps, as row numbers do."""
    numbers = values.cast(pa.float64())
    count = len(numbers)
    if numbers.null_count or count < LEAST_ROWS or _count_distinct(numbers) < count:
        return False
    if not pc.all(pc.equal(numbers, pc.floor(numbers))).as_py():
        return False
    limits: Any = pc.min_max(numbers).as_py()
    rises = pc.all(pc.greater(numbers.slice(1), numbers.slice(0, count - 1))).as_py()
    return bool(rises or limits["max"] - limits["min"] + 1 == count)


def _names_rows(values: pa.ChunkedArray) -> bool:
    count = _count(values)
    if count < LEAST_ROWS or _count_words(values) >= WORDS_OF_A_TEXT:
        return False
    return _count_distinct(values) >= AS_GOOD_AS_ALL * count


def _count(values: pa.ChunkedArray) -> int:
    return len(values) - values.null_count


def _count_distinct(values: pa.ChunkedArray) -> int:
    return int(pc.count_distinct(values, mode="only_valid").as_py())


def _count_words(values: pa.ChunkedArray) -> float:
    """Return the mean number of words of those that are there."""
    spaces = pc.count_substring_regex(pc.utf8_trim_whitespace(pc.drop_null(values)), r"\s+")
    return 1 + float(pc.mean(spaces).as_py() or 0.0)
