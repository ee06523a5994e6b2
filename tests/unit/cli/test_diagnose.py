"""The command ``lakemill diagnose``: what is shown and written, and what is said where there is nothing to diagnose."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner
from workflows_for_tests import end_of, make_rows, publish

from lakemill.cli.main import app
from lakemill.config import Workflow, find_workflow, load_settings
from lakemill.exceptions import LakemillError
from lakemill.lake import Lake
from lakemill.registry import releases
from lakemill.registry.models import Registry
from lakemill.training.snapshots import take_snapshot

KEY = "2020-01-01"
PNG = b"\x89PNG\r\n"


def told(*words: str) -> str:
    result = CliRunner().invoke(app, ["diagnose", *words])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def workflow(project: Path, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    monkeypatch.setenv("LAKEMILL_REGISTRY", f"sqlite:///{project / 'mlflow.db'}")
    return find_workflow("small", load_settings())


@pytest.fixture
def model(project: Path, workflow: Workflow) -> str:
    """A model of 300 rows."""
    settings = load_settings()
    lake = Lake(settings.lake, "small")
    registry = Registry(workflow, address=settings.registry, artifacts=settings.artifacts)
    publish(workflow, lake, KEY, make_rows(workflow, KEY, 300))
    as_of = end_of(workflow, KEY)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    studies = f"sqlite:///{project / 'studies.db'}"
    releases.tune(workflow, lake, snapshot, studies=studies)
    tuned = [releases.take_best(workflow, lake, snapshot, "plain", studies=studies)]
    return releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)


@pytest.mark.filterwarnings("ignore")  # notes of MLflow's database migration
def test_a_model_is_shown_and_written_in_all_forms(model: str, tmp_path: Path) -> None:
    figures, page, plots = tmp_path / "figures.json", tmp_path / "page.html", tmp_path / "plots"

    text = told("small", "--json", str(figures), "--html", str(page), "--plots", str(plots))

    assert "small v1: LogisticRegression" in text
    for part in ("roc_auc", "learning curve", "permutation importance", "slices", "no test row was read"):
        assert part in text
    content = json.loads(figures.read_text())
    assert content["version"] == "1"
    assert content["importances"][0]["feature"] == "size"
    names = sorted(path.name for path in plots.iterdir())
    assert [name for name in names if name != "slices.png"] == [
        "calibration.png",
        "importance.png",
        "learning_curve.png",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in plots.iterdir())
    html = page.read_text()
    assert html.count("data:image/png;base64,") == len(names)
    assert "What to change next" in html

    with pytest.raises(LakemillError, match=r"model small: no version '2'\n  -> known: 1"):
        told("small", "2")
    with pytest.raises(LakemillError, match="cannot be written: Not a directory"):
        told("small", "--json", str(figures / "below.json"))


@pytest.mark.filterwarnings("ignore")  # notes of MLflow's database migration
def test_before_the_first_training_there_is_no_model(workflow: Workflow) -> None:
    with pytest.raises(LakemillError, match=r"small: no model yet\n  -> train one first: lakemill run small"):
        told("small")


def test_while_the_embedded_database_does_not_run_it_is_told(project: Path) -> None:
    with pytest.raises(LakemillError, match=r"does not run\n  -> start it: lakemill up"):
        told("small")
