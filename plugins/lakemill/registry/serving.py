"""A model as MLflow serves it: raw features in, the same scores out as our own scoring gives.

MLflow calls `_load_pyfunc` in a process of its own, which needs this package.
Stays out: keeping models (``models.py``).

What is served are the features: columns of the table as cleaning leaves them, and numbers that windows make. Whoever
asks gives these; a server looks back on no earlier rows. Moments go in without a zone, in UTC.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from mlflow.models import ModelSignature
from mlflow.types.schema import Array, ColSpec, DataType, Schema
from sklearn.pipeline import Pipeline

from lakemill.config.features import Features
from lakemill.evaluation.scores import score_rows
from lakemill.registry.model_files import load_pipeline

FOLDER, MODEL, ABOUT = "lakemill", "model.skops", "about.json"
_TYPES = {
    "numeric": (DataType.double, pa.float64()),
    "categorical": (DataType.string, pa.string()),
    "dates": (DataType.datetime, pa.timestamp("us", "UTC")),
    "text": (DataType.string, pa.string()),
}


def write_folder(folder: Path, data: bytes, features: Features, types: list[str]) -> None:
    """Write what a server needs: the model's file, the features' names by kind, and the types to trust."""
    folder.mkdir()
    (folder / MODEL).write_bytes(data)
    kinds = {kind: list(getattr(_flatten(features), kind)) for kind in _TYPES}
    (folder / ABOUT).write_text(json.dumps({"features": kinds, "types": types}, indent=1))


def describe_signature(features: Features) -> ModelSignature:
    """Return what goes in and what comes out; every feature may be missing."""
    flat = _flatten(features)
    inputs = [ColSpec(_TYPES[kind][0], name, required=False) for kind in _TYPES for name in getattr(flat, kind)]
    outputs: list[Any] = [ColSpec(DataType.double, "score", required=False)]
    outputs += [ColSpec(DataType.string, name, required=False) for name in ("predicted", "reason")]
    outputs.append(ColSpec(Array(DataType.string), "classes", required=False))
    outputs.append(ColSpec(Array(DataType.double), "probabilities", required=False))
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def make_example(features: Features, rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return some rows as they may be sent; where none are given, one of which nothing is known."""
    names = [name for kind in _TYPES for name in getattr(_flatten(features), kind)]
    return pd.DataFrame([dict.fromkeys(names)]) if rows is None else rows[names]


class ServedModel:
    """What MLflow asks for predictions.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    features : Features
    """

    def __init__(self, pipeline: Pipeline, features: Features) -> None:
        self._pipeline = pipeline
        self._features = features

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Score rows.

        Parameters
        ----------
        model_input : DataFrame of shape (n, n_features)
        params : dict, optional
            Of MLflow's interface; there are none.

        Returns
        -------
        DataFrame of n rows
            ``score``, ``predicted``, ``classes``, ``probabilities``, ``reason``.
        """
        columns = {
            name: pa.array(model_input[name], kind[1], from_pandas=True)
            for part, kind in _TYPES.items()
            for name in getattr(self._features, part)
            if name in model_input
        }
        scores = score_rows(self._pipeline, pa.table(columns), self._features)
        return pd.DataFrame(scores.to_pydict(), index=model_input.index)


def _load_pyfunc(path: str) -> ServedModel:
    folder = Path(path)
    about = json.loads((folder / ABOUT).read_text())
    pipeline = load_pipeline((folder / MODEL).read_bytes(), trusted=about["types"], where=f"model in {folder}")
    return ServedModel(pipeline, Features.model_validate(about["features"]))


def _flatten(features: Features) -> Features:
    """Return the features as columns only: what windows make is given as numbers."""
    kinds = {"categorical": features.categorical, "dates": features.dates, "text": features.text}
    return Features.model_validate({"numeric": features.numbers, **kinds})
