"""The pass: expectations made ready, slices measured side by side and added up in order, verdicts made results.

Stays out: what is left to Great Expectations, which is told as None.
"""

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lakemill.validation.one_pass.arguments import Arguments
from lakemill.validation.one_pass.conditions import read_condition
from lakemill.validation.one_pass.folds import SHOWN, Count, Fold, Folds
from lakemill.validation.one_pass.kinds import Kind, LeftToGreatExpectationsError, kind_of
from lakemill.validation.one_pass.results import result_of_rows
from lakemill.validation.one_pass.rule import Check, RowsVerdict, Verdict
from lakemill.validation.one_pass.rules import RULES
from lakemill.validation.one_pass.slices import NOWHERE, Positions, Slice
from lakemill.validation.one_pass.sources import Source, read_rows

# Arrow says so where it has no way to compute something, or no room for a value; Great Expectations then shall
LEFT = (LeftToGreatExpectationsError, pa.ArrowInvalid, pa.ArrowNotImplementedError)


@dataclass(frozen=True, eq=False)
class Found:
    """What the pass says of an expectation.

    Attributes
    ----------
    success : bool
    result : dict
        As Great Expectations has it.
    rows : ndarray of int64
        Positions of all rows that fail.
    """

    success: bool
    result: dict[str, Any]
    rows: Positions


def run_pass(source: Source, expectations: Sequence[Mapping[str, Any]]) -> list[Found | None]:
    """Evaluate expectations in one pass over rows.

    Parameters
    ----------
    source : Source
    expectations : sequence of dict
        ``type`` and ``kwargs`` of each.

    Returns
    -------
    list of Found or None
        None for what must be left to Great Expectations.
    """
    folds = Folds()
    checks = [_prepare(one, source.schema, folds) for one in expectations]
    needed = list(dict.fromkeys(fold for check in checks if check for fold in check.folds))
    missing = {name: Count(name) for check in checks if check for fold in check.folds for name in fold.columns}
    left = _stream(source, [*needed, *missing.values()])
    with_missing = {name: count.missing > 0 for name, count in missing.items()}
    return [
        None if check is None or left.intersection(check.folds) else _judge(check, source, with_missing)
        for check in checks
    ]


def _prepare(one: Mapping[str, Any], schema: pa.Schema, folds: Folds) -> Check | None:
    rule = RULES.get(one["type"])
    if rule is None or len(set(schema.names)) < len(schema.names):
        return None
    arguments = Arguments(one["kwargs"], schema)
    try:
        condition = read_condition(*arguments.condition(), schema)
        check = rule(arguments, folds, condition)
        arguments.end()
    except LEFT:
        return None
    return check


def _stream(source: Source, folds: list[Fold]) -> set[Fold]:
    """Bring all slices to all folds; return the folds that cannot be kept."""
    left: set[Fold] = set()
    columns = list(dict.fromkeys(name for fold in folds for name in fold.columns))
    kinds = {column.name: kind_of(column.type) for column in source.schema}
    for measured in _measure_ahead(_slices(source, columns or source.schema.names[:1], kinds), folds):
        for fold, measure in zip(folds, measured, strict=True):
            if fold in left:
                continue
            try:
                if isinstance(measure, Exception):
                    raise measure
                fold.add(measure)
            except LEFT:
                left.add(fold)
    return left


def _slices(source: Source, columns: list[str], kinds: Mapping[str, Kind]) -> Iterator[Slice]:
    first = 0
    for batch in source.batches(columns):
        yield Slice(batch, kinds, first)
        first += batch.num_rows


def _measure_ahead(slices: Iterator[Slice], folds: list[Fold]) -> Iterator[list[Any]]:
    """Measure slices in threads, of which each has one in hand and one in wait."""
    workers = os.cpu_count() or 1
    waiting: deque[Future[list[Any]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for rows in slices:
            waiting.append(pool.submit(_measure, rows, folds))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _measure(rows: Slice, folds: list[Fold]) -> list[Any]:
    return [_try(fold, rows) for fold in folds]


def _try(fold: Fold, rows: Slice) -> Any:
    try:
        return fold.measure(rows)
    except LEFT as error:
        return error


def _judge(check: Check, source: Source, with_missing: Mapping[str, bool]) -> Found | None:
    try:
        return _found(check.judge(), source, with_missing)
    except LEFT:
        return None


def _found(verdict: Verdict, source: Source, with_missing: Mapping[str, bool]) -> Found:
    if not isinstance(verdict, RowsVerdict):
        return Found(verdict.success, verdict.result, NOWHERE)
    shown = verdict.shown if verdict.shown is not None else read_rows(source, verdict.failing[:SHOWN], verdict.columns)
    success, result = result_of_rows(verdict, shown.slice(0, SHOWN), with_missing)
    return Found(success, result, verdict.failing)
