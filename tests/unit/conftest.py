"""What takes long to make, once for all tests of a process: the year of flights, and MLflow's tables in a database."""

import warnings
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pytest

from lakemill.collection import build_table, collect_source, type_source
from lakemill.config import Workflow, find_workflow, load_settings
from lakemill.lake import Lake


@dataclass(frozen=True)
class Year:
    """The flights of 2013.

    Attributes
    ----------
    workflow : Workflow
    lake : Path
        A folder that holds the lake with both sources of all months; to be copied by whoever writes.
    months : dict of str to pyarrow.Table
        The table of each month, before it is validated.
    project : Path
    """

    workflow: Workflow
    lake: Path
    months: dict[str, pa.Table]
    project: Path


@pytest.fixture(scope="session")
def collected_flights(tmp_path_factory: pytest.TempPathFactory) -> Year:
    settings = load_settings()
    workflow, folder = find_workflow("flights", settings), tmp_path_factory.mktemp("flights")
    lake, months = Lake(str(folder), "flights"), {}
    for key in workflow.partition.keys("2013-01", "2013-12"):
        sources = {}
        for name, source in workflow.collect.items():
            at = datetime(2024, 1, 1, tzinfo=timezone.utc)
            collect_source(workflow, name, key, lake, project=settings.project, ingested_at=at, connections=None)
            typed = type_source(lake.read(f"raw_{name}", [key]), source, where="")
            assert typed.unreadable == {}
            sources[name] = typed.rows
        built = build_table(workflow, sources, project=settings.project)
        assert built.unreadable == {}
        months[key] = built.rows
    return Year(workflow, folder, months, settings.project)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables, to be copied."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notes of the database migration
        MlflowClient(f"sqlite:///{path}").search_experiments(max_results=1)
    return path
