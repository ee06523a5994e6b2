"""Great Expectations suites run on rows: results by expectation, failing rows by number.

All that can be is evaluated in one pass (``one_pass``), the rest by Great Expectations (``by_great_expectations``).
Stays out: what follows from a failed expectation (``step.py``).
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lakemill.exceptions import ConfigError, TableError, suggest
from lakemill.validation.one_pass.rules import RULES
from lakemill.validation.one_pass.running import Found, run_pass
from lakemill.validation.one_pass.sources import Rows, open_source

Action = Literal["block", "quarantine", "warn"]
ACTIONS = ("block", "quarantine", "warn")
COLUMN_KEYS = ("column", "column_A", "column_B", "column_list", "column_set")


@dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class Outcome:
    """What one expectation said of a table.

    Attributes
    ----------
    expectation : str
        In words: its type, columns and limits.
    action : str
        What follows if it fails: block, quarantine or warn.
    success : bool
    observed : str
        What was found.
    rows : ndarray of int64
        Positions of the rows that fail it, ascending, where it speaks of rows.
    result : dict
        Great Expectations' result in its JSON form; of failing rows it shows the first 200 only.
    """

    expectation: str
    action: Action
    success: bool
    observed: str
    rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    result: dict[str, Any] = field(default_factory=dict)


def load_suite(path: Path, *, where: str) -> list[dict[str, Any]]:
    """Read a suite's expectations, each with its action.

    Parameters
    ----------
    path : Path
    where : str
        For errors.

    Returns
    -------
    list of dict
        ``type``, ``kwargs``, ``meta``; the action is ``meta.action``, by default ``warn``.

    Raises
    ------
    ConfigError
        If it is no suite, or names an unknown expectation or action.
    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))["expectations"]
        expectations = [{**one, "kwargs": dict(one["kwargs"]), "meta": dict(one.get("meta") or {})} for one in written]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"not a Great Expectations suite ({type(error).__name__}: {error})",
            where=where,
            remedy='write {"name": ..., "expectations": [{"type": ..., "kwargs": {...}, "meta": {"action": ...}}]}',
        ) from None
    for number, one in enumerate(expectations):
        kind, action = str(one.get("type", "")), str(one["meta"].get("action", "warn"))
        place = f"{where}: expectations.{number}"
        _require_known(kind, place)
        if action not in ACTIONS:
            raise ConfigError(f"unknown action {action!r}", where=place, remedy=suggest(action, list(ACTIONS)))
    return expectations


def run_suite(rows: Rows, expectations: list[dict[str, Any]], *, where: str) -> list[Outcome]:
    """Run expectations on rows.

    Parameters
    ----------
    rows : pyarrow.Table, pyarrow.dataset.Dataset, path or paths of Parquet files, or callable
        Rows are told by position. A callable gives the record batches anew each time it is called.
    expectations : list of dict
        As from `load_suite`.
    where : str
        For errors.

    Returns
    -------
    list of Outcome
        In the order of the suite.

    Raises
    ------
    TableError
        If an expectation names a column that is not there.
    ConfigError
        If Great Expectations refuses an expectation's arguments.
    """
    source = open_source(rows)
    for one in expectations:
        _require_columns(one, source.schema.names, where)
    found = run_pass(source, expectations)
    left = [place for place, one in enumerate(found) if one is None]
    if left:
        from lakemill.validation.by_great_expectations import run_by_great_expectations  # its import takes seconds

        others = run_by_great_expectations(source, [expectations[place] for place in left], where=where)
        found = [others.pop(0) if one is None else one for one in found]
    return [_outcome(one, what) for one, what in zip(expectations, found, strict=True) if what is not None]


def _outcome(one: dict[str, Any], found: Found) -> Outcome:
    result = found.result
    if "element_count" in result:
        observed = f"{result['unexpected_count']} of {result['element_count']} rows fail"
    elif "unexpected_count" in result or "missing_count" in result:
        counts = (("unexpected_count", "unexpected"), ("missing_count", "missing"))
        observed = " and ".join(f"{result[key]} values {said}" for key, said in counts if key in result)
    else:
        observed = f"observed {result.get('observed_value')}"
    return Outcome(
        expectation=_in_words(one),
        action=one.get("meta", {}).get("action", "warn"),
        success=found.success,
        observed=observed,
        rows=found.rows,
        result=_in_full(one, found),
    )


def _in_full(one: dict[str, Any], found: Found) -> dict[str, Any]:
    """Return the result of one expectation as Great Expectations writes it."""
    return {
        "success": found.success,
        "expectation_config": {
            "type": one["type"],
            "kwargs": one["kwargs"],
            "meta": one.get("meta", {}),
            "severity": one.get("severity") or "critical",
            **({"id": one["id"]} if one.get("id") else {}),
        },
        "result": found.result,
        "meta": {},
        "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
    }


def _in_words(one: dict[str, Any]) -> str:
    limits = ", ".join(f"{name}={value}" for name, value in one["kwargs"].items())
    return f"{one['type'].removeprefix('expect_')}({limits})"


def _require_columns(one: dict[str, Any], columns: list[str], where: str) -> None:
    if one["type"] == "expect_column_to_exist" or one["type"].startswith("expect_table_columns_to_match_"):
        return
    for key in COLUMN_KEYS:
        named = one["kwargs"].get(key, [])
        for name in [named] if isinstance(named, str) else named:
            if name not in columns:
                raise TableError(f"{one['type']}: no column {name!r}", where=where, remedy=suggest(str(name), columns))


def _require_known(kind: str, place: str) -> None:
    if kind in RULES:
        return
    from lakemill.validation.by_great_expectations import list_expectations  # its import takes seconds

    known = list_expectations()
    if kind not in known:
        raise ConfigError(f"unknown expectation {kind!r}", where=place, remedy=suggest(kind, sorted(known)))
