"""Verdicts in the form of Great Expectations' results, the more of them the better for whoever reads them as such.

Stays out: judging which rows fail.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.validation.one_pass.folds import SHOWN
from lakemill.validation.one_pass.kinds import LeftToGreatExpectationsError
from lakemill.validation.one_pass.rule import RowsVerdict, Style, TableVerdict

PARTLY = 20  # Great Expectations' own: so many stand in what it calls partial


def judge_between(observed: Any, limits: tuple[Any, Any], strict: tuple[bool, bool]) -> TableVerdict:
    """Judge an observed value by its limits; without a value they are not kept."""
    if observed is None or pd.isnull(observed):
        return TableVerdict(False, {"observed_value": None})
    least, greatest = limits
    try:
        above = least is None or (observed > least if strict[0] else observed >= least)
        below = greatest is None or (observed < greatest if strict[1] else observed <= greatest)
    except TypeError:
        raise LeftToGreatExpectationsError from None
    return TableVerdict(bool(above and below), {"observed_value": as_json(observed)})


def result_of_rows(
    verdict: RowsVerdict, shown: pa.Table, with_missing: Mapping[str, bool]
) -> tuple[bool, dict[str, Any]]:
    """Return success and result of an expectation on rows.

    Parameters
    ----------
    verdict : RowsVerdict
    shown : pyarrow.Table
        The columns of the first failing rows.
    with_missing : mapping of str to bool
        Whether a column misses a value anywhere, by which pandas chooses its type.
    """
    failing, considered = len(verdict.failing), verdict.rows - verdict.ignored
    success = considered == 0 or (float(considered) - float(failing)) / float(considered) >= verdict.mostly
    values = _values(verdict.style, shown, with_missing)
    places = verdict.failing[:SHOWN].tolist()
    percent = failing / considered * 100 if considered else None
    result: dict[str, Any] = {
        "element_count": verdict.rows,
        "unexpected_count": failing,
        "unexpected_percent": percent,
        "partial_unexpected_list": as_json(values[:PARTLY]),
    }
    if verdict.style != "nulls":
        result |= {
            "missing_count": verdict.ignored,
            "missing_percent": verdict.ignored / verdict.rows * 100 if verdict.rows else None,
            "unexpected_percent_total": failing / verdict.rows * 100 if verdict.rows else None,
            "unexpected_percent_nonmissing": percent,
        }
    counts = _counts(values)
    if counts is not None:
        result["partial_unexpected_counts"] = as_json(counts)
    result |= {
        "partial_unexpected_index_list": places[:PARTLY],
        "unexpected_list": as_json(values),
        "unexpected_index_list": places,
    }
    if failing <= SHOWN:
        result["unexpected_index_query"] = f"df.filter(items={places}, axis=0)"
    return success, result


def as_json(value: Any) -> Any:
    """Return a value in the form that Great Expectations writes it in."""
    if isinstance(value, dict):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if isinstance(value, float) and np.isnan(value):
        return None
    if isinstance(value, np.bool_ | np.integer | np.floating):
        return value.item()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value))
    if value is not None and not isinstance(value, str | int | float):
        raise LeftToGreatExpectationsError
    return value


def _values(style: Style, shown: pa.Table, with_missing: Mapping[str, bool]) -> list[Any]:
    columns = [_as_held(shown.column(name), with_missing.get(name, False)) for name in shown.column_names]
    frame = pa.table(columns, names=shown.column_names).to_pandas(ignore_metadata=True)
    if style == "pairs":
        return list(zip(*(frame[name].values for name in frame), strict=True))
    if style == "records":
        return frame.to_dict("records")
    return list(frame.iloc[:, 0])


def _as_held(values: pa.ChunkedArray, has_missing: bool) -> pa.ChunkedArray:
    if pa.types.is_integer(values.type) and has_missing:
        return values.cast(pa.float64(), safe=False)
    return values


def _counts(values: list[Any]) -> list[dict[str, Any]] | None:
    """Count the shown values; None where they cannot be put in order, as Great Expectations has it."""
    counted = Counter(tuple(one.values()) if isinstance(one, dict) else one for one in values)
    try:
        ordered = sorted(counted.most_common(PARTLY), key=lambda pair: (-pair[1], pair[0]))
    except TypeError:
        return None
    return [{"value": value, "count": count} for value, count in ordered]
