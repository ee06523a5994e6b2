"""The rows of a snapshot split as its workflow says, checked that they can be trained, tuned and judged on.

To add a kind: a model in ``config/dataset.py``, a function in a module of this folder, a line in ``KINDS``.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.config import Workflow
from lakemill.exceptions import TrainingError, suggest
from lakemill.preprocessing.splitting.by_chance import fold_at_random, fold_by_group, split_at_random, split_by_group
from lakemill.preprocessing.splitting.by_time import fold_by_time, split_by_time
from lakemill.preprocessing.splitting.by_value import (
    fold_by_hash,
    name_rows,
    number_values,
    split_as_said,
    split_by_hash,
)
from lakemill.preprocessing.splitting.parts import Fold, Split

FEW_ROWS = 2_000  # training and validation rows: of fewer, the validation rows alone are too few to choose by
FOLDS_OF_FEW = 5
HELD_OF_FEW = 0.5  # in time: no fold's model is fitted on less than half of the rows


def split_rows(
    workflow: Workflow,
    rows: pa.Table,
    y: np.ndarray,
    *,
    besides: np.ndarray | None = None,
    known: list[str] | None = None,
) -> Split:
    """Split rows as ``dataset`` says.

    Parameters
    ----------
    workflow : Workflow
    rows : pyarrow.Table
        By event time and key; of other columns only that which rows are split by.
    y : ndarray of shape (n_rows,)
        Their labels.
    besides : ndarray of int64, optional
        Rows that are kept from fitting; those in the test set stay there.
    known : list of str, optional
        All columns that there are, to tell of in an error.

    Returns
    -------
    Split

    Raises
    ------
    TrainingError
        If the column to split by is not there or says something else, a part or a fold is empty, or holds one class
        only.
    """
    dataset = workflow.dataset
    column = getattr(dataset, "column", None)
    where = f"include/workflows/{workflow.workflow}.yaml: dataset"
    if column is not None and column not in rows.column_names:
        raise TrainingError(
            f"no column {column!r} to split by", where=where, remedy=suggest(column, known or rows.column_names)
        )
    try:
        split = KINDS[dataset.split](workflow, rows, y)
    except ValueError as error:  # scikit-learn's word for too few rows, classes or groups
        raise TrainingError(
            f"{column or dataset.split}: {error}", where=where, remedy=f"mend the rows, or choose {OTHER_WAYS}"
        ) from None
    if dataset.folds is None and dataset.split != "predefined" and len(split.fit) < FEW_ROWS:
        split = replace(split, folds=_fold_few(workflow, rows, y, split))
    if besides is not None:
        split = split.without(besides)
    _require_all_parts(workflow, split, y, where)
    return split


def _fold_few(workflow: Workflow, rows: pa.Table, y: np.ndarray, split: Split) -> tuple[Fold, ...]:
    """Return folds of few rows where each can be fitted and judged, none where not: then validation rows have to do."""
    folded = workflow.model_copy(update={"dataset": workflow.dataset.model_copy(update={"folds": FOLDS_OF_FEW})})
    try:
        if workflow.dataset.split == "time":
            folds = _split_by_time(folded, rows, y, held=HELD_OF_FEW).folds
        else:
            folds = KINDS[workflow.dataset.split](folded, rows, y).folds
    except ValueError:  # too few rows, classes or groups
        return ()
    classes = len(set(y[split.fit])) if workflow.table.label.problem == "classification" else 1
    parts = [part for fold in folds for part in fold]
    return folds if all(len(set(y[part])) >= classes for part in parts) else ()


def _split_by_time(workflow: Workflow, rows: pa.Table, y: np.ndarray, *, held: float | None = None) -> Split:
    dataset: Any = workflow.dataset
    times: pd.Series = rows.column(workflow.table.event_time).to_pandas()
    split = split_by_time(times, validation=dataset.validation, test=dataset.test, gap=dataset.gap)
    if dataset.folds is None:
        return split
    # the rows of a gap before the validation rows are in the midst of what is folded
    rows_to_fold = np.sort(
        np.concatenate([split.fit, split.left_out[split.left_out < split.validation.min(initial=0)]])
    )
    folds = fold_by_time(times, rows_to_fold, folds=dataset.folds, gap=dataset.gap, held=held)
    return replace(split, folds=folds)


def _split_at_random(workflow: Workflow, rows: pa.Table, y: np.ndarray) -> Split:
    dataset, seed = workflow.dataset, workflow.train.seed
    classes = None
    if dataset.split == "stratified":
        classes = y if dataset.column is None else name_rows(rows, (dataset.column,))
        numbers = number_values(classes)
        if np.bincount(numbers).min(initial=FREQUENT) >= FREQUENT:  # else scikit-learn tells of rare ones by name
            classes = numbers
    shares: Any = {"validation": dataset.validation, "test": dataset.test}  # type: ignore[union-attr]  # not predefined
    split = split_at_random(len(y), **shares, seed=seed, classes=classes)
    if dataset.folds is None:
        return split
    return replace(split, folds=fold_at_random(split.fit, folds=dataset.folds, seed=seed, classes=classes))


def _split_by_group(workflow: Workflow, rows: pa.Table, y: np.ndarray) -> Split:
    dataset: Any = workflow.dataset
    seed, groups = workflow.train.seed, number_values(name_rows(rows, (dataset.column,)))
    split = split_by_group(groups, validation=dataset.validation, test=dataset.test, seed=seed)
    if dataset.folds is None:
        return split
    return replace(split, folds=fold_by_group(split.fit, groups, folds=dataset.folds, seed=seed))


def _split_by_hash(workflow: Workflow, rows: pa.Table, y: np.ndarray) -> Split:
    dataset: Any = workflow.dataset
    columns = workflow.table.key if dataset.column is None else (dataset.column,)
    split = split_by_hash(rows, columns, validation=dataset.validation, test=dataset.test)
    if dataset.folds is None:
        return split
    return replace(split, folds=fold_by_hash(rows, columns, split.fit, folds=dataset.folds))


def _split_as_said(workflow: Workflow, rows: pa.Table, y: np.ndarray) -> Split:
    dataset: Any = workflow.dataset
    return split_as_said(rows.column(dataset.column))


KINDS: dict[str, Callable[[Workflow, pa.Table, np.ndarray], Split]] = {
    "time": _split_by_time,
    "random": _split_at_random,
    "stratified": _split_at_random,
    "group": _split_by_group,
    "hash": _split_by_hash,
    "predefined": _split_as_said,
}
FREQUENT = 100
OTHER_WAYS = f"another dataset.split ({', '.join(KINDS)})"


def _require_all_parts(workflow: Workflow, split: Split, y: np.ndarray, where: str) -> None:
    is_classification = workflow.table.label.problem == "classification"
    more = "raise retrain.first_after so that there is more history"
    for name, part in split.parts.items():
        if len(part) == 0:
            raise TrainingError(
                f"there are no {name} rows", where=where,
                remedy=f"{more}, or change its share, dataset.gap or dataset.split",
            )  # fmt: skip
        if is_classification and len(set(y[part])) < 2:
            raise TrainingError(
                f"the {len(part)} {name} rows hold {len(set(y[part]))} class(es), 2 are needed",
                where=where,
                remedy=f"{more}, or check the label column",
            )
    for number, (train, held) in enumerate(split.folds, start=1):
        if len(held) == 0 or len(train) == 0 or (is_classification and len(set(y[train])) < 2):
            raise TrainingError(
                f"fold {number} of {len(split.folds)} has {len(train)} training rows of {len(set(y[train]))} class(es) "
                f"and {len(held)} validation rows" if is_classification else
                f"fold {number} of {len(split.folds)} has {len(train)} training and {len(held)} validation rows",
                where=where,
                remedy=f"take fewer dataset.folds, or {more}",
            )  # fmt: skip
