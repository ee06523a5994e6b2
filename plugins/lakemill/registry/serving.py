"""A model as MLflow serves it: raw features in, the same scores out as our own scoring gives.

MLflow calls `_load_pyfunc` in a process of its own, which needs this package, with a folder. What lies there is served
only if MLflow's database knows it as a version's, by its SHA-256, as for all who load a model.
Stays out: keeping models (``models.py``).

What is served are the features: columns of the table as cleaning leaves them, and numbers that windows make. Whoever
asks gives these; a server looks back on no earlier rows. Moments go in without a zone, in UTC.
"""

import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow as pa
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types.schema import Array, ColSpec, DataType, Schema
from sklearn.pipeline import Pipeline

from lakemill.config.features import Features
from lakemill.evaluation.scores import score_rows
from lakemill.exceptions import RegistryError
from lakemill.registry.model_files import HASH, hash_file, open_kept

FOLDER, MODEL, ABOUT = "lakemill", "model.skops", "about.json"
FEATURES_HASH = "features_sha256"  # tag of a version
_TYPES = {
    "numeric": (DataType.double, pa.float64()),
    "categorical": (DataType.string, pa.string()),
    "dates": (DataType.datetime, pa.timestamp("us", "UTC")),
    "text": (DataType.string, pa.string()),
}


def write_folder(folder: Path, data: bytes, features: Features) -> None:
    """Write what a server needs: the model's file, and the features' names by kind."""
    folder.mkdir()
    (folder / MODEL).write_bytes(data)
    (folder / ABOUT).write_bytes(_describe(features))


def tag_features(features: Features) -> dict[str, str]:
    """Return the tag by which a server knows again what `write_folder` wrote of the features."""
    return {FEATURES_HASH: hash_file(_describe(features))}


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
    folder, where = Path(path), f"model in {path}"
    data, about = (folder / MODEL).read_bytes(), (folder / ABOUT).read_bytes()
    pipeline = open_kept(data, _find_tags(data, about, where), where=where)
    return ServedModel(pipeline, Features.model_validate(json.loads(about)["features"]))


def _find_tags(data: bytes, about: bytes, where: str) -> dict[str, str]:
    """Return the tags of the version that was kept with these files.

    Raises
    ------
    RegistryError
        If there is none in the MLflow that this process asks.
    """
    address = mlflow.get_tracking_uri()
    try:
        found = MlflowClient(address).search_model_versions(f"tags.{HASH} = '{hash_file(data)}'")
    except MlflowException as error:
        raise RegistryError(f"{address} cannot be asked whether it is as kept: {error}", where=where) from None
    tags = next((dict(one.tags) for one in found if one.tags.get(FEATURES_HASH) == hash_file(about)), None)
    if tags is None:
        raise RegistryError(
            f"no version that {address} knows was kept with these files",
            where=where,
            remedy="let MLFLOW_TRACKING_URI name the registry; if it does, find out who changed them, or train again",
        )
    return tags


def _describe(features: Features) -> bytes:
    kinds = {kind: list(getattr(_flatten(features), kind)) for kind in _TYPES}
    return json.dumps({"features": kinds}, indent=1).encode()


def _flatten(features: Features) -> Features:
    """Return the features as columns only: what windows make is given as numbers."""
    kinds = {"categorical": features.categorical, "dates": features.dates, "text": features.text}
    return Features.model_validate({"numeric": features.numbers, **kinds})
