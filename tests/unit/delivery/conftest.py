"""A lake, and a project with the data and the query of the small workflow."""

from pathlib import Path

import pyarrow.csv
import pytest
from workflows_for_tests import make_rows, make_workflow

from lakemill.config import Workflow
from lakemill.lake import Lake

KEYS = ("2020-01-01", "2020-01-02", "2020-01-03")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


@pytest.fixture
def workflow() -> Workflow:
    table = {
        "sql": "table.sql",
        "key": ["id"],
        "event_time": "at",
        "label": {"column": "label", "problem": "classification"},
    }
    return make_workflow(table=table)


@pytest.fixture
def project(tmp_path: Path, workflow: Workflow) -> Path:
    """The project's folder, with the files of three days."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "table.sql").write_text("SELECT * FROM items\n")
    for key in KEYS:
        pyarrow.csv.write_csv(make_rows(workflow, key), folder / f"items_{key}.csv")
    return folder
