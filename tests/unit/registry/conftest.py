"""A registry with a database of its own; MLflow's tables are made once and copied."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.registry.models import Registry


@pytest.fixture
def open_registry(empty_database: Path, tmp_path: Path) -> Callable[[Workflow], Registry]:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return lambda workflow: Registry(
        workflow, address=f"sqlite:///{tmp_path / 'mlflow.db'}", artifacts=str(tmp_path / "models")
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")
