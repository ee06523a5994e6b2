"""A project with three small workflows, and the DAGs that the DAG files make of it.

The root's ``conftest.py`` sets Airflow's home before the first import of Airflow.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DAILY = {
    "workflow": "parcels",
    "description": "Will a parcel be late?",
    "partition": {"every": "day", "start": "2020-03-01", "timezone": "Europe/Paris"},
    "collect": {"parcels": {"path": "parcels_{partition}.csv"}},
    "table": {"key": ["id"], "event_time": "sent", "label": {"column": "late", "problem": "classification"}},
    "features": {"numeric": ["weight"]},
    "train": {"metric": "roc_auc", "candidates": {"plain": {"estimator": "sklearn.linear_model.LogisticRegression"}}},
}
MONTHLY = {
    **DAILY,
    "workflow": "rents",
    "description": "What is the rent?",
    "partition": {"every": "month", "start": "2013-01", "end": "2013-12", "timezone": "America/New_York"},
    "collect": {"flats": {"path": "flats_{partition}.csv"}, "towns": {"path": "towns.csv"}},
    "expectations": {"flats": "include/expectations/rents.json"},
    "table": {
        "sql": "include/sql/rents.sql",
        "key": ["id"],
        "event_time": "let",
        "label": {"column": "rent", "problem": "regression"},
    },
    "train": {
        "metric": "r2",
        "candidates": {
            "tree": {"estimator": "sklearn.tree.DecisionTreeRegressor"},
            "linear": {"estimator": "sklearn.linear_model.Ridge"},
        },
    },
}
LEARNING = {  # the months of rents are validated against those before
    "name": "flats",
    "expectations": [
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": {"$PARAMETER": "history"}}, "meta": {}}
    ],
}

HOURLY = {
    **DAILY,
    "workflow": "meters",
    "description": "How much power?",
    "partition": {"every": "hour", "start": "2020-03-01T00"},
    "collect": {
        "power": {"kind": "mqtt", "topic": "plant/{meter}/power", "event_time": "sent", "key": ["id"]},
        "heat": {"kind": "mqtt", "topic": "plant/{meter}/heat", "event_time": "sent", "key": ["id"]},
    },
    "table": {**MONTHLY["table"], "event_time": "sent"},
    "train": MONTHLY["train"],
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    workflows, sql = tmp_path / "include" / "workflows", tmp_path / "include" / "sql"
    for folder in (workflows, sql):
        folder.mkdir(parents=True)
    (sql / "rents.sql").write_text("SELECT 1")
    (expectations := tmp_path / "include" / "expectations").mkdir()
    (expectations / "rents.json").write_text(json.dumps(LEARNING))
    for content in (DAILY, MONTHLY, HOURLY):
        (workflows / f"{content['workflow']}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return tmp_path


@pytest.fixture
def parse(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Function that parses the DAG files for the project as it is then, and returns Airflow's DagBag."""

    def parse() -> Any:
        from airflow.dag_processing.dagbag import DagBag

        monkeypatch.setenv("LAKEMILL_PROJECT", str(project))
        return DagBag(str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags")

    return parse


@pytest.fixture
def dags(parse: Callable[[], Any]) -> dict[str, Any]:
    """The project's DAGs by id."""
    bag = parse()
    assert bag.import_errors == {}
    assert len(bag.dags) == 21
    return dict(bag.dags)
