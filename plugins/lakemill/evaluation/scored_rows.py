"""Rows as they are scored: a partition read with what windows make, and a model's predictions piece by piece.

The one way of scoring, that the gate compares with the way of training. Stays out: which model, rows that it refuses
(``scores.py``), and keeping scores.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.config.windows import Window
from lakemill.evaluation.predictions import Prediction, predict
from lakemill.lake import Lake
from lakemill.preprocessing.features import make_frame
from lakemill.preprocessing.windows import read_clean

PIECE_ROWS = 100_000  # scored at once, so that a large partition needs little more memory than its rows


def read_rows(workflow: Workflow, lake: Lake, partition: str, windows: Sequence[Window], **pinned: Any) -> pa.Table:
    """Return the rows of a partition as scoring reads them, with what windows make.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    partition : str
    windows : sequence of Window
        Of the model that is to score them.
    **pinned
        ``version`` and ``published``, as of `read_clean`; as things stand if left out.

    Returns
    -------
    pyarrow.Table
    """
    rows = read_clean(workflow, lake, [partition], windows=windows, **pinned)
    return rows if rows is not None else pa.table({})


def score_pieces(pipeline: Pipeline, rows: pa.Table, features: Features) -> Iterator[tuple[pd.DataFrame, Prediction]]:
    """Yield features and predictions of rows, piece by piece in their order.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    rows : pyarrow.Table
        As from `read_rows`.
    features : Features
        Of the model.

    Yields
    ------
    DataFrame, Prediction
    """
    for start in range(0, len(rows), PIECE_ROWS):
        yield score_piece(pipeline, rows.slice(start, PIECE_ROWS), features)


def score_piece(pipeline: Pipeline, rows: pa.Table, features: Features) -> tuple[pd.DataFrame, Prediction]:
    """Return features and predictions of rows, all at once."""
    X = make_frame(rows, features)
    return X, predict(pipeline, X)
