"""Model versions in MLflow: saved with skops, found by their snapshot, loaded if their file is the one that was kept.

Second to that, its types must come from trusted packages: a list that cannot keep out every harmful file by itself.

The only module that imports MLflow. Stays out: which model is in charge (``ledger.py``).
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import mlflow
import mlflow.sklearn
import skops.io
from mlflow import MlflowClient
from mlflow.entities import Metric, RunInfo
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.exceptions import RegistryError
from lakemill.training.digest import digest_learnt
from lakemill.training.estimators import find_distributions

TRUSTED_PACKAGES = ("sklearn", "numpy", "scipy")
TRUSTED_TYPES = (
    "functools.partial",
    "collections.OrderedDict",
    "collections.defaultdict",
    "lakemill.preprocessing.features.dates.DateParts",
    "lakemill.preprocessing.features.levels.HashedLevels",
    "lakemill.preprocessing.features.levels.RareLevels",
    "lakemill.training.numbered_classes.NumberedClasses",
)
CHAMPION = "champion"
HASH = "model_sha256"
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
    """

    pipeline: Pipeline
    snapshot: str
    as_of: datetime
    parameters: dict[str, Any]
    metrics: dict[str, float]
    details: dict[str, Any]
    steps: Sequence[tuple[int, dict[str, float]]] = ()
    files: dict[str, bytes] = field(default_factory=dict)


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
        self._drop_unfinished(fitted.snapshot)
        with mlflow.start_run(experiment_id=self._experiment(), run_name=run_name, tags=tags) as run:
            mlflow.log_params({name: str(value) for name, value in fitted.parameters.items()})
            mlflow.log_metrics({name: value for name, value in fitted.metrics.items() if value == value})
            mlflow.log_dict(fitted.details, "details.json")
            self._log_steps(run.info, fitted.steps)
            with tempfile.TemporaryDirectory(prefix="lakemill-files-") as folder:
                for name, content in fitted.files.items():
                    (Path(folder) / name).write_bytes(content)
                mlflow.log_artifacts(folder)
            info = mlflow.sklearn.log_model(
                fitted.pipeline,
                name="model",
                serialization_format="skops",
                skops_trusted_types=self._trusted(skops.io.get_untrusted_types(data=skops.io.dumps(fitted.pipeline))),
                pip_requirements=self._requirements(),
            )
        self._register_name()
        # kept in MLflow's database: whoever may write model files may not thereby run code where they are loaded
        tags |= {"training": self.workflow.training_hash(), HASH: _hash(_read_model(info.model_uri))}
        tags |= {LEARNT: digest_learnt(fitted.pipeline)}
        made = self._client.create_model_version(self.name, info.model_uri, run.info.run_id, tags=tags)
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
        RegistryError
            If there is no such version, its file is not there or not the one that was kept, or it holds types that
            are not trusted.
        """
        where = f"model {self.name} version {version}"
        try:
            data = _read_model(f"models:/{self.name}/{version}")
            if _hash(data) != self.tags(version).get(HASH):
                raise RegistryError(
                    "its file is not the one that was kept",
                    where=where,
                    remedy="find out who changed it; then train again, or put the file back",
                )
            types = skops.io.get_untrusted_types(data=data)
        except (MlflowException, OSError, BadZipFile) as error:
            raise RegistryError(f"cannot be loaded: {error}", where=where, remedy="look it up in MLflow") from None
        pipeline: Pipeline = skops.io.loads(data, trusted=self._trusted(types))
        return pipeline

    def tags(self, version: str) -> dict[str, str]:
        """Return what a version is tagged with.

        Returns
        -------
        dict of str to str
            ``snapshot``, ``as_of``, ``training``, ``model_sha256`` (of its file), ``learnt_sha256`` (of what it has
            learnt: two files of one model differ in ids and times).
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

    def set_champion(self, version: str, *, as_of: datetime) -> bool:
        """Move the live alias to a version, unless it stands on one from a later moment.

        Returns
        -------
        bool
            Whether the alias stands on this version now.
        """
        held = self.champion()
        if held is not None and datetime.fromisoformat(held.tags["as_of"]) > as_of:
            return False
        self._client.set_registered_model_alias(self.name, CHAMPION, version)
        return True

    def champion(self) -> ModelVersion | None:
        """Return the version that the live alias stands on."""
        try:
            return self._client.get_model_version_by_alias(self.name, CHAMPION)
        except MlflowException:  # MLflow's word for: no such model or alias
            return None

    def versions(self) -> list[str]:
        """Return all versions, the oldest first."""
        found = self._client.search_model_versions(f"name = '{self.name}'")
        return sorted((str(one.version) for one in found), key=int)

    def figures(self, version: str) -> dict[str, float]:
        """Return what was measured of a version: times, rows, scores, the gate's among them."""
        run = self._client.get_model_version(self.name, version).run_id
        return dict(self._client.get_run(run).data.metrics)

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

    def _trusted(self, types: list[str]) -> list[str]:
        packages = TRUSTED_PACKAGES + tuple(
            candidate.estimator.split(".")[0] for candidate in self.workflow.train.candidates.values()
        )
        strange = [one for one in types if one.split(".")[0] not in packages and one not in TRUSTED_TYPES]
        if strange:
            raise RegistryError(
                f"the model file holds types that are not trusted: {', '.join(strange)}",
                where=f"model {self.name}",
                remedy=f"trusted are those of {', '.join(dict.fromkeys(packages))}",
            )
        return types


def _read_model(address: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="lakemill-model-") as folder:  # a remote model is downloaded
        found = Path(mlflow.artifacts.download_artifacts(address, dst_path=folder))
        return (found / "model.skops").read_bytes()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
