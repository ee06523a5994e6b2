"""Fixtures of the lower rooms: a small project on disk, and an empty lake.

The project: three days of parcels in CSV files, a query, a suite; will a parcel be late? Stays out: asserting.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings

from lakemill.config import Settings, load_workflow
from lakemill.lake import Lake

# the same examples each time, and no failure for a machine that is busy
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

WORKFLOW = {
    "workflow": "parcels",
    "description": "Will a parcel be late?",
    "partition": {"every": "day", "start": "2024-03-01", "end": "2024-03-03"},
    "collect": {"parcels": {"path": "include/data/parcels_{partition}.csv"}},
    "table": {
        "sql": "include/sql/parcels.sql",
        "key": ["id"],
        "event_time": "sent_at",
        "label": {"column": "late", "problem": "classification", "known_after": "1 day"},
    },
    "expectations": "include/expectations/parcels.json",
    "features": {"numeric": ["weight"], "categorical": ["depot"]},
    "train": {
        "metric": "roc_auc",
        "candidates": {"plain": {"estimator": "sklearn.linear_model.LogisticRegression"}},
    },
}
SQL = "SELECT id, sent_at, weight, depot, late FROM parcels"
SUITE = {
    "name": "parcels",
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "weight", "min_value": 0, "max_value": 100},
            "meta": {"action": "quarantine"},
        }
    ],
}
DAYS = ("2024-03-01", "2024-03-02", "2024-03-03")


def _parcels_of(day: str) -> str:
    lines = [f"{day}-{n},{day} {n:02}:30:00,{1.5 * n},{'NS'[n % 2]},{str(n % 3 == 0).lower()}" for n in range(6)]
    return "\n".join(["id,sent_at,weight,depot,late", *lines, ""])


@pytest.fixture
def make_project(tmp_path):
    """Function that writes a project and returns (Settings, Workflow).

    Its arguments: ``workflow``, sections to put in place of the usual ones (None takes one away); ``files``, further
    files, or others, by their path in the project.
    """

    def make(*, workflow: dict[str, Any] | None = None, files: dict[str, str] | None = None):
        sections = {name: value for name, value in {**WORKFLOW, **(workflow or {})}.items() if value is not None}
        contents = {
            "include/workflows/parcels.yaml": yaml.safe_dump(sections, sort_keys=False),
            "include/sql/parcels.sql": SQL,
            "include/expectations/parcels.json": json.dumps(SUITE),
            **{f"include/data/parcels_{day}.csv": _parcels_of(day) for day in DAYS},
            **(files or {}),
        }
        for path, text in contents.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
        places = _places_in(tmp_path)
        return places, load_workflow(places.workflows / "parcels.yaml", places)

    return make


@pytest.fixture
def project(make_project):
    """The usual project: (Settings, Workflow)."""
    return make_project()


@pytest.fixture
def lake(tmp_path):
    """A lake without tables, of the workflow ``parcels``."""
    return Lake(str(tmp_path / "lake"), "parcels")


def _places_in(folder: Path) -> Settings:
    return Settings(
        project=folder,
        state=folder / "state",
        lake=str(folder / "lake"),
        registry=f"sqlite:///{folder}/mlflow.db",
        artifacts=str(folder / "models"),
        studies=f"sqlite:///{folder}/studies.db",
    )
