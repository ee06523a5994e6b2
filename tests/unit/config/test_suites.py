"""When what a workflow's DAGs are made of was changed last."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from workflows_for_tests import make_workflow

from lakemill.config.settings import Settings
from lakemill.config.suites import find_changed

NOW = datetime.fromtimestamp(500, UTC)  # a file from later is as if from now


@pytest.mark.parametrize("ending", [".yaml", ".yml"])
@pytest.mark.parametrize(("own", "suite", "newest"), [(100, 50, 100), (100, 200, 200), (100, 900, 500)])
def test_the_newest_of_workflow_file_and_suites_counts(
    tmp_path: Path, ending: str, own: int, suite: int, newest: int
) -> None:
    settings = Settings(tmp_path, tmp_path, "", "", "", "")
    workflow = make_workflow(expectations="suite.json")
    settings.workflows.mkdir(parents=True)
    for path, at in ((settings.workflows / f"small{ending}", own), (tmp_path / "suite.json", suite)):
        path.write_text("{}")
        os.utime(path, (at, at))
    other = settings.workflows / "other.yaml"
    other.write_text("{}")

    assert find_changed(workflow, settings, now=NOW) == datetime.fromtimestamp(newest, UTC)
