"""An empty lake, and a folder for branches with MLflow's tables, which are made once and copied."""

import shutil
from pathlib import Path

import pytest

from lakemill.lake import Lake
from lakemill.replay.branches import EMPTY


@pytest.fixture
def root(tmp_path: Path, empty_database: Path) -> Path:
    """Where branches lie; that of the live registry is beside it as ``live.db``."""
    folder = tmp_path / "replays"
    (folder / "small").mkdir(parents=True)
    shutil.copy(empty_database, folder / "small" / EMPTY)
    shutil.copy(empty_database, tmp_path / "live.db")
    return folder


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")
