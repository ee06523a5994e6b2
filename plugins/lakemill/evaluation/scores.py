"""What a model says of rows, as columns; a row that it refuses has no score but the reason, and costs no other row its.

Used by scoring and by whatever serves a model, so that all give the same. Stays out: where rows come from, and who is
in charge.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.pipeline import Pipeline

from lakemill.config.features import Features
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.scored_rows import score_piece

SCHEMA = pa.schema(
    [
        ("score", pa.float64()),
        ("predicted", pa.string()),
        ("classes", pa.list_(pa.string())),
        ("probabilities", pa.list_(pa.float64())),
        ("reason", pa.string()),
    ]
)
MOST_TRIES = 2_000  # of parts of a piece in which some rows are refused
TRIED_ALONE = 8  # of rows that lack the same: where all of these are refused alike, so are the others
LONGEST_REASON = 200
NO_NUMBER = "the model gives no number"


def score_rows(pipeline: Pipeline, rows: pa.Table, features: Features) -> pa.Table:
    """Score rows.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    rows : pyarrow.Table of n rows
        With the features' columns.
    features : Features

    Returns
    -------
    pyarrow.Table of n rows
        ``score``; of classes also ``predicted``, ``classes``, ``probabilities``; ``reason`` where there is no score.

    Notes
    -----
    A model refuses rows together. Where it does, they are tried by what they lack, and then in halves, down to single
    rows. Where that takes more than 2,000 tries, what is left is refused together.
    """
    lacking = [name for name in features.columns if name not in rows.column_names]
    if lacking:
        return without_scores(len(rows), f"no column {', '.join(map(repr, lacking))}, which the model takes")
    if len(rows) == 0:
        return without_scores(0, None)
    try:
        return _score(pipeline, rows, features)
    except Exception as error:  # whatever an estimator raises
        if len(rows) == 1:
            return without_scores(1, _tell(error))
    order, groups = _group_by_missing(rows.select(list(dict.fromkeys(features.columns))))
    tries = iter(range(MOST_TRIES))

    def score(part: pa.Table) -> pa.Table:
        return _score(pipeline, part, features)

    parts = [one for start, count in groups for one in _try(score, rows.take(order[start : start + count]), tries)]
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_tables(parts).take(back)


def without_scores(count: int, reason: str | None) -> pa.Table:
    """Return the columns of rows that have no score, for a reason."""
    columns = {field.name: pa.nulls(count, field.type) for field in SCHEMA}
    columns["reason"] = pa.array([reason] * count, pa.string())
    return pa.table(columns, schema=SCHEMA)


def _score(pipeline: Pipeline, rows: pa.Table, features: Features) -> pa.Table:
    return _as_columns(score_piece(pipeline, rows, features)[1])


def _as_columns(prediction: Prediction) -> pa.Table:
    count = len(prediction.predicted)
    score = np.asarray(prediction.score, dtype="float64")
    is_number = np.isfinite(score)
    columns = {field.name: pa.nulls(count, field.type) for field in SCHEMA}
    columns["score"] = pa.array(score, mask=~is_number)
    columns["reason"] = pc.if_else(pa.array(is_number), pa.scalar(None, pa.string()), NO_NUMBER)
    if prediction.probabilities is not None:
        names, width = pa.array([str(one) for one in prediction.classes], pa.string()), len(prediction.classes)
        offsets = pa.array(np.arange(count + 1) * width, pa.int32())
        columns["predicted"] = pa.array([str(one) for one in prediction.predicted], pa.string(), mask=~is_number)
        columns["classes"] = pa.ListArray.from_arrays(offsets, names.take(np.tile(np.arange(width), count)))
        columns["probabilities"] = pa.ListArray.from_arrays(
            offsets, pa.array(np.ascontiguousarray(prediction.probabilities, dtype="float64").ravel())
        )
        if not is_number.all():
            for name in ("classes", "probabilities"):
                columns[name] = pc.if_else(pa.array(is_number), columns[name], pa.scalar(None, columns[name].type))
    return pa.table(columns, schema=SCHEMA)


def _try(score: Callable[[pa.Table], pa.Table], rows: pa.Table, tries: Iterator[int]) -> list[pa.Table]:
    """Score rows that lack the same, without those that are refused."""
    try:
        return [score(rows)]
    except Exception as error:  # whatever an estimator raises
        if len(rows) > TRIED_ALONE and _are_refused_alike(score, rows):
            return [without_scores(len(rows), _tell(error))]
        return _halve(score, rows, tries, error)


def _halve(
    score: Callable[[pa.Table], pa.Table], rows: pa.Table, tries: Iterator[int], error: Exception
) -> list[pa.Table]:
    """Score refused rows by halves."""
    if len(rows) == 1 or next(tries, None) is None:
        return [without_scores(len(rows), _tell(error))]
    parts = []
    middle = len(rows) // 2
    for part in (rows.slice(0, middle), rows.slice(middle)):
        try:
            parts.append(score(part))
        except Exception as again:  # whatever an estimator raises
            parts += _halve(score, part, tries, again)
    return parts


def _are_refused_alike(score: Callable[[pa.Table], pa.Table], rows: pa.Table) -> bool:
    said = set()
    for place in np.linspace(0, len(rows) - 1, TRIED_ALONE).astype(int):
        try:
            score(rows.slice(int(place), 1))
            return False
        except Exception as error:  # whatever an estimator raises
            said.add(re.sub(r"'[^']*'|\d", "", _tell(error)))  # but for the value that it names
    return len(said) == 1


def _group_by_missing(rows: pa.Table) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return an order that brings rows together which lack the same values; where each group starts, and its rows."""
    is_missing = np.zeros((len(rows), rows.num_columns), dtype=bool)
    for place, column in enumerate(rows.columns):
        is_missing[:, place] = pc.is_null(column, nan_is_null=True).to_numpy()
        if pa.types.is_floating(column.type):
            is_missing[:, place] |= ~pc.fill_null(pc.is_finite(column), True).to_numpy()
    _, group, counts = np.unique(np.packbits(is_missing, axis=1), axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(group.ravel(), kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return order, list(zip(starts.tolist(), counts.tolist(), strict=True))


def _tell(error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return f"the model refuses the row: {said}"[:LONGEST_REASON]
