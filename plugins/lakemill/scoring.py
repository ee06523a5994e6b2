"""Scoring: a partition's rows by the model that was in charge at its start.

Stays out: how good the scores were (``monitoring``).
"""

from typing import Any

import pyarrow as pa

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.scored_rows import read_rows, score_rows
from lakemill.lake import Lake
from lakemill.lake.times import SCORING, Time, record_times
from lakemill.registry.ledger import find_champion
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of
from lakemill.training.measuring import Cost, measure

TABLE = "predictions"


def score_partition(workflow: Workflow, key: str, lake: Lake, registry: Registry) -> dict[str, Any]:
    """Score one partition of ``clean`` into ``predictions``.

    The champion is the one as of the partition's start: a later one has seen its labels.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    registry : Registry

    Returns
    -------
    dict
        ``rows``, ``scored``, ``version`` of the champion or None, ``changed`` (whether the table was).
    """
    champion = find_champion(lake, as_of=workflow.partition.interval(key).start)
    features = features_of(workflow, lake, champion.snapshot) if champion else workflow.features
    rows = read_rows(workflow, lake, key, features.windows if champion else ())
    names = dict.fromkeys((*workflow.table.key, workflow.table.event_time))
    columns = {name: rows.column(name) for name in names if name in rows.column_names}
    predictions = pa.table(columns)
    cost = Cost()
    if champion is None:
        reason = f"no champion as of the start of {key}"
        scores = _no_scores(len(rows), reason)
    else:
        with measure() as cost:
            scores = _scores(rows, features, registry, champion.version)
    for name, values in scores.items():
        predictions = predictions.append_column(name, values)
    changed = lake.replace_partition(TABLE, key, predictions)
    version = champion.version if champion else None
    if champion is not None and len(rows):
        told = Time(key, SCORING, snapshot=champion.snapshot, version=champion.version, rows=len(rows), **vars(cost))
        record_times(lake, [told], of=champion.version, is_anew=changed)
    return {"rows": len(rows), "scored": len(rows) if champion else 0, "version": version, "changed": changed}


def _scores(rows: pa.Table, features: Features, registry: Registry, version: str) -> dict[str, pa.Array]:
    if len(rows) == 0:
        return _no_scores(0, None)
    pieces = [_score_piece(made, version) for _, made in score_rows(registry.load(version), rows, features)]
    return {name: pa.chunked_array([piece[name] for piece in pieces]) for name in pieces[0]}


def _score_piece(prediction: Prediction, version: str) -> dict[str, pa.Array]:
    count = len(prediction.predicted)
    scores = _no_scores(count, None)
    scores["score"] = pa.array(prediction.score, pa.float64())
    scores["model_version"] = pa.array([version] * count, pa.string())
    if prediction.probabilities is not None:
        scores["predicted"] = pa.array([str(one) for one in prediction.predicted], pa.string())
        scores["classes"] = pa.array([[str(one) for one in prediction.classes]] * count, pa.list_(pa.string()))
        scores["probabilities"] = pa.array(list(prediction.probabilities), pa.list_(pa.float64()))
    return scores


def _no_scores(count: int, reason: str | None) -> dict[str, pa.Array]:
    nothing = [None] * count
    return {
        "score": pa.array(nothing, pa.float64()),
        "predicted": pa.array(nothing, pa.string()),
        "classes": pa.array(nothing, pa.list_(pa.string())),
        "probabilities": pa.array(nothing, pa.list_(pa.float64())),
        "model_version": pa.array(nothing, pa.string()),
        "reason": pa.array([reason] * count, pa.string()),
    }
