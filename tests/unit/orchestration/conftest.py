"""A project whose settings point into a temporary folder, and a run's context."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from workflows_for_tests import make_workflow

from lakemill.config import Workflow, load_settings
from lakemill.lake import Lake

STARTED = datetime(2020, 2, 1, tzinfo=UTC)


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    """The workflow ``small``, which the settings find."""
    declared = make_workflow(known_after="12 hours")
    folder = tmp_path / "include" / "workflows"
    folder.mkdir(parents=True)
    content = declared.model_dump(mode="json", exclude_unset=True)
    content["table"]["label"]["known_after"] = "12 hours"
    (folder / "small.yaml").write_text(yaml.safe_dump(content))
    for name, value in {
        "PROJECT": tmp_path,
        "STATE": tmp_path / "state",
        "LAKE": tmp_path / "lake",
        "REGISTRY": f"sqlite:///{tmp_path / 'mlflow.db'}",
        "ARTIFACTS": tmp_path / "models",
        "STUDIES": f"sqlite:///{tmp_path / 'studies.db'}",
    }.items():
        monkeypatch.setenv(f"LAKEMILL_{name}", str(value))
    return declared


@pytest.fixture
def lake(workflow: Workflow) -> Lake:
    """The lake that the settings name."""
    return Lake(load_settings().lake, workflow.workflow)


@pytest.fixture
def run_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Function that makes the following code run in a DAG run of a partition, with a form's values."""

    def run_of(key: str | None, **params: Any) -> None:
        run = SimpleNamespace(partition_key=key, start_date=STARTED, run_id=f"manual__{key}")
        events: dict[Any, Any] = defaultdict(SimpleNamespace)
        context = {"dag_run": run, "params": params, "outlet_events": events}
        for module in ("running", "training", "monitoring"):
            monkeypatch.setattr(f"lakemill.orchestration.{module}.get_current_context", lambda: context)

    return run_of
