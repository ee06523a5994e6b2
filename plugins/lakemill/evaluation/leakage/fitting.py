"""The transformers saw training rows only: fitted again with the test rows replaced, they learn the same.

Stays out: the estimator behind them.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.base import clone

from lakemill.config import Workflow
from lakemill.evaluation.leakage.case import Case, Proof
from lakemill.evaluation.leakage.learnt import digest_learnt
from lakemill.preprocessing.features import make_frame, make_target

NAME = "test rows do not reach the transformers"


def check_transformers(case: Case) -> Proof:
    """Compare what the candidate's transformers learnt with what they learn where the test rows are other ones.

    The test rows are put into another order, their features replaced and their labels exchanged, before features are
    made of rows: so whatever looks across rows on the way shows too. Only training and validation rows are fitted on.
    """
    rows = replace_rows(case.workflow, case.rows, case.split.test, seed=case.seed)
    fit = case.split.fit
    X = make_frame(rows, case.workflow.features).iloc[fit]
    y = make_target(rows, case.workflow.table.label)[fit]
    learnt = digest_learnt(case.pipeline[:-1])
    again = digest_learnt(clone(case.pipeline[:-1]).fit(X, y))
    figures = {"learnt": learnt, "learnt_again": again}
    if learnt == again:
        return Proof(NAME, True, "the transformers learn the same with the test rows replaced", figures)
    text = (
        "the transformers learn something else once the test rows are replaced: one of them is fitted on more than "
        "training rows, or not the same way twice; fit it on what it is given, with a fixed random_state"
    )
    return Proof(NAME, False, text, figures)


def replace_rows(workflow: Workflow, rows: pa.Table, positions: np.ndarray, *, seed: int) -> pa.Table:
    """Return rows of which some are put into another order, with other values.

    Parameters
    ----------
    workflow : Workflow
        Key, event time and the column to split by stay.
    rows : pyarrow.Table
    positions : ndarray of int64
    seed : int

    Returns
    -------
    pyarrow.Table
        With the same types; a number becomes another one, a text another text, a label one of another row.
    """
    table = workflow.table
    kept = {*table.key, table.event_time, getattr(workflow.dataset, "column", None)} - set(workflow.features.columns)
    order = np.arange(len(rows))
    order[positions] = np.random.default_rng(seed).permutation(positions)
    is_replaced = np.zeros(len(rows), dtype=bool)
    is_replaced[positions] = True
    columns = {}
    for name in rows.column_names:
        column = rows.column(name)
        if name not in kept:
            column = column.take(pa.array(order))
            other = column if name == table.label.column else _change(column)
            column = pc.if_else(pa.array(is_replaced), other, column)
        columns[name] = column
    return pa.table(columns)


def _change(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_floating(kind):
        return pc.add(pc.multiply(column, -3.0), 1000.0).cast(kind)
    if pa.types.is_integer(kind):
        return pc.bit_wise_xor(column, pa.scalar(1, kind))
    if pa.types.is_string(kind):
        return pc.binary_join_element_wise(column, pa.scalar("other"), " ")
    return column
