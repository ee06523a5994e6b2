"""Suites as workflows use them: Great Expectations' JSON, and beyond it rules in SQL and limits learnt from history.

Stays out: evaluating expectations one by one, and what follows from a failure.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakemill.validation.expectations import Outcome, load_suite, run_suite
from lakemill.validation.history import History, check_learning, learns
from lakemill.validation.unexpected_rows import TYPE as UNEXPECTED_ROWS
from lakemill.validation.unexpected_rows import check_query, find_unexpected

LONGEST_LIMIT = 200  # of an argument in words: sets and queries can be long


def open_suite(path: Path, *, where: str) -> list[dict[str, Any]]:
    """Read a suite and check all that can be checked without rows.

    Parameters
    ----------
    path : Path
    where : str
        For errors.

    Returns
    -------
    list of dict
        As from `load_suite`.

    Raises
    ------
    ConfigError
        With the first fault found.
    """
    expectations = load_suite(path, where=where)
    for number, one in enumerate(expectations):
        place = f"{where}: expectations.{number}"
        check_learning(one, where=place)
        check_query(one, where=place)
    return expectations


def evaluate_suite(
    name: str,
    rows: pa.Table,
    expectations: list[dict[str, Any]],
    *,
    sources: Mapping[str, pa.Table],
    history: History,
    where: str,
) -> list[Outcome]:
    """Evaluate a suite on the rows of a partition.

    Parameters
    ----------
    name : str
        The source that the rows are of, or ``table``.
    rows : pyarrow.Table
    expectations : list of dict
        As from `open_suite`.
    sources : mapping of str to pyarrow.Table
        What queries may name, beside the rows.
    history : History
    where : str
        For errors.

    Returns
    -------
    list of Outcome
        In the order of the suite.
    """
    outcomes: dict[int, Outcome] = {}
    plain: dict[int, dict[str, Any]] = {}
    learnt: dict[int, str] = {}
    for number, one in enumerate(expectations):
        if one["type"] == UNEXPECTED_ROWS:
            outcomes[number] = find_unexpected(rows, one, sources, words=_in_words(one), where=where)
        elif learns(one):
            filled = history.fill_in(name, one, rows.schema, where=where)
            if filled.expectation is None:
                outcomes[number] = _pass_without_history(one, filled.told)
            else:
                plain[number], learnt[number] = filled.expectation, filled.told
        else:
            plain[number] = one
    if plain:
        outcomes.update(zip(plain, run_suite(rows, list(plain.values()), where=where), strict=True))
    for number, told in learnt.items():
        # in words with its parameter, not its limits: a reason of a row should not change from partition to partition
        outcome = outcomes[number]
        words, observed = _in_words(expectations[number]), f"{outcome.observed}; {told}"
        outcomes[number] = replace(outcome, expectation=words, observed=observed)
    return [outcomes[number] for number in range(len(expectations))]


def _pass_without_history(one: dict[str, Any], told: str) -> Outcome:
    result = {
        "success": True,
        "expectation_config": {key: one[key] for key in ("type", "kwargs", "meta", "description") if key in one},
        "result": {"observed_value": told},
        "meta": {},
        "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
    }
    return Outcome(_in_words(one), one["meta"].get("action", "warn"), True, told, result=result)


def _in_words(one: Mapping[str, Any]) -> str:
    if one["type"] == UNEXPECTED_ROWS and one.get("description"):
        return str(one["description"])  # Great Expectations' own key: says what the query looks for
    limits = ", ".join(f"{name}={_shorten(value)}" for name, value in one["kwargs"].items())
    return f"{one['type'].removeprefix('expect_')}({limits})"


def _shorten(value: Any) -> str:
    text = " ".join(str(value).replace(str({"$PARAMETER": "history"}), "history").split())
    return text if len(text) <= LONGEST_LIMIT else f"{text[: LONGEST_LIMIT - 3]}..."
