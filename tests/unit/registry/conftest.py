"""A registry with a database of its own; MLflow's tables are made once and copied."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.registry.models import Registry


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notes of the database migration
        MlflowClient(f"sqlite:///{path}").search_experiments(max_results=1)
    return path


@pytest.fixture
def open_registry(empty_database: Path, tmp_path: Path) -> Callable[[Workflow], Registry]:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return lambda workflow: Registry(
        workflow, address=f"sqlite:///{tmp_path / 'mlflow.db'}", artifacts=str(tmp_path / "models")
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")
