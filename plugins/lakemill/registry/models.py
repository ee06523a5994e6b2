"""Model versions in MLflow: found by their snapshot, loaded by the library that fitted them if the file is as kept.

With ``serving.py`` the only module that imports MLflow. Stays out: which model is in charge (``ledger.py``), and what
may be in a file (``model_files.py``).
"""

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
import mlflow.pyfunc
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, RunInfo
from mlflow.exceptions import MlflowException
from mlflow.models.model import ModelInfo
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.exceptions import RegistryError
from lakemill.registry.model_files import dump_pipeline, open_kept, tag_file
from lakemill.registry.provenance import describe_code
from lakemill.registry.serving import FOLDER, MODEL, describe_signature, make_example, tag_features, write_folder
from lakemill.training.digest import digest_learnt
from lakemill.training.estimators import find_distributions

CHAMPION, CANDIDATE = "champion", "candidate"
MOST_AT_ONCE = 1000  # metrics that MLflow takes
LEARNT = "learnt_sha256"
REQUIRED = ("scikit-learn", "numpy", "pandas")  # to load a model, beside what its estimator comes from


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline with what is told of it.

    Attributes
    ----------
    pipeline : Pipeline
    snapshot : str
        Id of the snapshot that it was fitted on.
    as_of : datetime
    parameters : dict
    metrics : dict of str to float
    details : dict
        Kept as a JSON file beside the model.
    steps : sequence of (int, dict of str to float)
        Metrics of single trials: MLflow's step, and the figures.
    files : dict of str to bytes
        Kept beside the model under these names.
    features : Features or None
        That it takes; the workflow file's if left out.
    example : DataFrame or None
        Some rows of them, as they may be sent to a server.
    """

    pipeline: Pipeline
    snapshot: str
    as_of: datetime
    parameters: dict[str, Any]
    metrics: dict[str, float]
    details: dict[str, Any]
    steps: Sequence[tuple[int, dict[str, float]]] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    features: Features | None = None
    example: pd.DataFrame | None = None


class Registry:
    """The models of one workflow.

    Parameters
    ----------
    workflow : Workflow
    address : str
        MLflow's tracking address.
    artifacts : str
        Folder or ``s3://`` address for model files.
    """

    def __init__(self, workflow: Workflow, *, address: str, artifacts: str) -> None:
        self.workflow = workflow
        self.name = workflow.workflow
        self._artifacts = f"{artifacts.rstrip('/')}/{self.name}"
        mlflow.set_tracking_uri(address)
        self._client = MlflowClient(address)

    def find(self, snapshot: str) -> str | None:
        """Return the version fitted on a snapshot, None where there is none."""
        text = f"name = '{self.name}' and tags.snapshot = '{snapshot}'"
        found = self._client.search_model_versions(text)
        return str(min(found, key=lambda one: int(one.version)).version) if found else None

    def add(self, fitted: Fitted) -> str:
        """Keep a fitted pipeline as a new version, unless its snapshot has one.

        Parameters
        ----------
        fitted : Fitted

        Returns
        -------
        str
            The version.
        """
        held = self.find(fitted.snapshot)
        if held is not None:
            return held
        run_name = f"as of {fitted.as_of:%Y-%m-%d %H:%M}"
        tags = {"snapshot": fitted.snapshot, "as_of": fitted.as_of.isoformat(), "workflow": self.name}
        data, types = dump_pipeline(fitted.pipeline, self.workflow)
        self._drop_unfinished(fitted.snapshot)
        with mlflow.start_run(experiment_id=self._experiment(), run_name=run_name, tags=tags) as run:
            mlflow.log_params({name: str(value) for name, value in fitted.parameters.items()})
            mlflow.log_metrics({name: value for name, value in fitted.metrics.items() if value == value})
            mlflow.log_dict(fitted.details, "details.json")
            self._log_steps(run.info, fitted.steps)
            self._log_files(run.info.run_id, fitted.files)
            logged = self._log_model(fitted, data)
        self._register_name()
        tags |= {"training": self.workflow.training_hash(), LEARNT: digest_learnt(fitted.pipeline)}
        tags |= tag_file(data, types) | tag_features(fitted.features or self.workflow.features)
        tags |= describe_code()
        made = self._client.create_model_version(
            self.name, logged.model_uri, run.info.run_id, tags=tags, model_id=logged.model_id
        )
        return str(made.version)

    def load(self, version: str) -> Pipeline:
        """Load a version's pipeline.

        Parameters
        ----------
        version : str

        Returns
        -------
        Pipeline

        Raises
        ------
        ForeignLibraryError
            If another scikit-learn has fitted it.
        RegistryError
            If there is no such version, its file is not there or not the one that was kept, or it holds types that it
            did not hold then.
        """
        where = f"model {self.name} version {version}"
        try:
            tags = self.tags(version)
            data = _read_model(f"models:/{self.name}/{version}")
        except (MlflowException, OSError) as error:
            raise RegistryError(f"cannot be loaded: {error}", where=where, remedy="look it up in MLflow") from None
        return open_kept(data, tags, where=where)

    def tags(self, version: str) -> dict[str, str]:
        """Return what a version is tagged with.

        Returns
        -------
        dict of str to str
            ``snapshot``, ``as_of``, ``training``, ``model_sha256`` (of its file), ``learnt_sha256`` (of what it has
            learnt: two files of one model differ in ids and times), ``trusted_types``, ``sklearn_version``,
            ``package`` (the code) and, where there is one, ``commit``.
        """
        return dict(self._client.get_model_version(self.name, version).tags)

    def details(self, version: str) -> dict[str, Any]:
        """Return what was kept beside a version's model."""
        run = self._client.get_model_version(self.name, version).run_id
        content: dict[str, Any] = mlflow.artifacts.load_dict(f"runs:/{run}/details.json")
        return content

    def record_gate(self, version: str, *, verdict: str, metrics: dict[str, float], evidence: dict[str, Any]) -> None:
        """Keep the gate's verdict and figures with a version and its run."""
        run = self._client.get_model_version(self.name, version).run_id
        for name, value in metrics.items():
            if value == value and value is not None:
                self._client.log_metric(run, name, value)
        self._client.log_text(run, json.dumps(evidence, indent=1, sort_keys=True), "gate.json")
        self._client.set_model_version_tag(self.name, version, "gate", verdict)

    def keep_files(self, version: str, files: dict[str, bytes]) -> None:
        """Keep files beside a version's model, in place of earlier ones of their names."""
        self._log_files(str(self._client.get_model_version(self.name, version).run_id), files)

    def point(self, alias: str, version: str | None) -> bool:
        """Let an alias stand on a version, or on none; return whether it had to be moved.

        Raises
        ------
        RegistryError
            If there is no such version.
        """
        held = self.find_alias(alias)
        if held == version:
            return False
        if version is None:
            self._client.delete_registered_model_alias(self.name, alias)
            return True
        try:
            self._client.set_registered_model_alias(self.name, alias, version)
        except MlflowException as error:
            raise RegistryError(
                f"version {version} of the ledger is not in MLflow: {error}",
                where=f"model {self.name}",
                remedy="put it back, or roll back to another: lakemill rollback",
            ) from None
        return True

    def find_alias(self, alias: str) -> str | None:
        """Return the version that an alias stands on."""
        try:
            return str(self._client.get_model_version_by_alias(self.name, alias).version)
        except MlflowException:  # MLflow's word for: no such model or alias
            return None

    def champion(self) -> str | None:
        """Return the version that the live alias stands on."""
        return self.find_alias(CHAMPION)

    def tag(self, told: dict[str, str], *, name: str) -> None:
        """Give versions a tag, where they have another or none; those that are not there any more are passed over."""
        for one in self._client.search_model_versions(f"name = '{self.name}'"):
            said = told.get(str(one.version))
            if said is not None and one.tags.get(name) != said:
                self._client.set_model_version_tag(self.name, str(one.version), name, said)

    def versions(self) -> list[str]:
        """Return all versions, the oldest first."""
        found = self._client.search_model_versions(f"name = '{self.name}'")
        return sorted((str(one.version) for one in found), key=int)

    def figures(self, version: str) -> dict[str, float]:
        """Return what was measured of a version: times, rows, scores, the gate's among them."""
        run = self._client.get_model_version(self.name, version).run_id
        return dict(self._client.get_run(run).data.metrics)

    def parameters(self, version: str) -> dict[str, str]:
        """Return what was fitted: the candidate, and the parameters that were found for it."""
        run = self._client.get_model_version(self.name, version).run_id
        return dict(self._client.get_run(run).data.params)

    def count_versions(self) -> int:
        """Return the number of versions."""
        return len(self._client.search_model_versions(f"name = '{self.name}'"))

    def _experiment(self) -> str:
        held = self._client.get_experiment_by_name(self.name)
        if held is not None:
            return str(held.experiment_id)
        try:
            return str(self._client.create_experiment(self.name, artifact_location=self._artifacts))
        except MlflowException:  # another task made it in between
            return str(self._client.get_experiment_by_name(self.name).experiment_id)

    def _log_steps(self, run: RunInfo, steps: Sequence[tuple[int, dict[str, float]]]) -> None:
        # MLflow wants a moment for each; the run's own says enough
        figures = [Metric(name, value, run.start_time, step) for step, known in steps for name, value in known.items()]
        for first in range(0, len(figures), MOST_AT_ONCE):
            self._client.log_batch(run.run_id, metrics=figures[first : first + MOST_AT_ONCE])

    def _log_files(self, run: str, files: dict[str, bytes]) -> None:
        with tempfile.TemporaryDirectory(prefix="lakemill-files-") as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            self._client.log_artifacts(run, folder)

    def _log_model(self, fitted: Fitted, data: bytes) -> ModelInfo:
        """Keep the model's file as what MLflow serves."""
        features = fitted.features or self.workflow.features
        with tempfile.TemporaryDirectory(prefix="lakemill-model-") as folder:
            write_folder(Path(folder) / FOLDER, data, features)
            with _quiet():
                return mlflow.pyfunc.log_model(
                    name="model",
                    loader_module="lakemill.registry.serving",
                    data_path=str(Path(folder) / FOLDER),
                    signature=describe_signature(features),
                    input_example=make_example(features, fitted.example),
                    pip_requirements=self._requirements(),
                )

    def _register_name(self) -> None:
        try:
            self._client.create_registered_model(self.name, description=self.workflow.description)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _drop_unfinished(self, snapshot: str) -> None:
        """Delete runs of this snapshot that never became a version: their task was killed."""
        for run in self._client.search_runs([self._experiment()], f"tags.snapshot = '{snapshot}'"):
            self._client.delete_run(run.info.run_id)

    def _requirements(self) -> list[str]:
        names = dict.fromkeys((*REQUIRED, *find_distributions(self.workflow)))
        return [f"{name}=={installed_version(name)}" for name in names]


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what pandas 3 says of MLflow's own code, and that MLflow could not serve what is no version yet."""
    log = logging.getLogger("mlflow.models.model")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _read_model(address: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="lakemill-model-") as folder:  # a remote model is downloaded
        found = Path(mlflow.artifacts.download_artifacts(address, dst_path=folder))
        return (found / "data" / FOLDER / MODEL).read_bytes()
