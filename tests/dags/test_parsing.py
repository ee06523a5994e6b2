"""Parsing is light, and Airflow's plugin loading leaves the package alone: both in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = (
    "pandas",
    "numpy",
    "pyarrow",
    "sklearn",
    "scipy",
    "duckdb",
    "deltalake",
    "mlflow",
    "optuna",
    "great_expectations",
)
MOST_CPU_SECONDS = 2.0  # generous: it takes a tenth of that

PARSE = """
import importlib.util, json, resource, sys

import airflow.sdk
from airflow.sdk.definitions._internal.contextmanager import DagContext

def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

before, began = set(sys.modules), cpu()
DagContext.current_autoregister_module_name = "__main__"
spec = importlib.util.spec_from_file_location("dag_file", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
seconds = cpu() - began
told = {"dags": [dag.dag_id for dag, _ in DagContext.autoregistered_dags], "seconds": seconds}
print(json.dumps({**told, "modules": sorted(set(sys.modules)), "own": sorted(set(sys.modules) - before)}))
"""
LOAD_PLUGINS = """
import json, sys

from airflow import plugins_manager
from airflow.listeners.listener import get_listener_manager

plugins, errors = plugins_manager._get_plugins()
plugins_manager.integrate_listener_plugins(get_listener_manager())
files = {name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}
print(json.dumps({
    "plugins": [one.name for one in plugins],
    "errors": errors,
    "ours": {name: path for name, path in files.items() if path.startswith(sys.argv[1])},
    "modules": sorted(sys.modules),
}))
"""


def run(script: str, argument: str, tmp_path: Path, **variables: str) -> dict[str, Any]:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONFIG": str(tmp_path / "airflow" / "airflow.cfg"),
        **variables,
    }
    ended = subprocess.run(
        [sys.executable, "-c", script, argument],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def test_there_are_dag_files() -> None:
    assert [path.stem for path in FILES] == [
        "arrivals",
        "faulty_workflows",
        "ingestion",
        "labels",
        "monitoring",
        "rollback",
        "scoring",
        "training",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_imports_nothing_heavy(path: Path, tmp_path: Path, project: Path) -> None:
    told = run(PARSE, str(path), tmp_path, PYTHONPATH=str(ROOT / "plugins"), LAKEMILL_PROJECT=str(project))

    wanted = (
        set() if path.stem == "faulty_workflows" else {f"{name}.{path.stem}" for name in ("meters", "parcels", "rents")}
    )
    assert set(told["dags"]) == wanted
    assert "lakemill.config.loading" in told["own"]
    assert [name for name in told["modules"] if name.split(".")[0] in HEAVY] == []
    assert told["seconds"] < MOST_CPU_SECONDS


def load_plugins(folder: Path, tmp_path: Path) -> dict[str, Any]:
    return run(
        LOAD_PLUGINS,
        str(folder),
        tmp_path,
        PYTHONPATH=str(folder),
        AIRFLOW__CORE__PLUGINS_FOLDER=str(folder),
        AIRFLOW__CORE__LAZY_LOAD_PLUGINS="False",
    )


def test_airflow_is_told_to_leave_the_package_alone() -> None:
    assert (ROOT / "plugins" / ".airflowignore").read_text().split() == ["lakemill/"]


def test_loading_plugins_executes_no_module_of_the_package_under_its_bare_name(tmp_path: Path) -> None:
    told = load_plugins(ROOT / "plugins", tmp_path)

    assert "lakemill" in told["plugins"]
    assert told["errors"] == {}
    assert "lakemill.orchestration.preloading" in told["ours"]
    bare = {name: path for name, path in told["ours"].items() if name.split(".")[0] != "lakemill"}
    assert list(bare) == ["lakemill_plugin"]


def test_loading_plugins_imports_nothing_heavy(tmp_path: Path) -> None:
    told = load_plugins(ROOT / "plugins", tmp_path)

    assert [name for name in told["modules"] if name.split(".")[0] in HEAVY] == []


def test_without_the_file_airflow_would_execute_them(tmp_path: Path) -> None:
    """What the file guards against is real, and seen by the test above."""
    folder = tmp_path / "plugins"
    (folder / "lakemill").mkdir(parents=True)
    (folder / "lakemill" / "__init__.py").write_text("")
    (folder / "lakemill" / "quantities.py").write_text("")

    assert "quantities" in load_plugins(folder, tmp_path)["ours"]

    (folder / ".airflowignore").write_text((ROOT / "plugins" / ".airflowignore").read_text())
    assert "quantities" not in load_plugins(folder, tmp_path)["ours"]
