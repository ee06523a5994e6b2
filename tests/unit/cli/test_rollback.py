"""The commands ``lakemill rollback``, ``ledger`` and ``predict`` on two models of a small workflow."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result
from workflows_for_tests import end_of, make_rows, publish

from lakemill.cli.main import app
from lakemill.config import find_workflow, load_settings
from lakemill.exceptions import ConfigError, LakeError, RegistryError, TableError
from lakemill.lake import Lake
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.registry.models import Fitted, Registry
from lakemill.registry.promoting import promote
from lakemill.scoring import score_partition
from lakemill.training.estimators import make_pipeline

FIRST, SECOND, THIRD = (f"2020-01-0{day}" for day in range(1, 4))
NOW = datetime(2020, 2, 1, tzinfo=UTC)
pytestmark = pytest.mark.filterwarnings("ignore")  # notes of MLflow's database migration


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    if result.exception is not None:
        raise result.exception
    return result


@pytest.fixture
def lake(project: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Models as of the first and of the second partition, unlike each other; the second has scored the third."""
    monkeypatch.setenv("LAKEMILL_REGISTRY", f"sqlite:///{project / 'mlflow.db'}")
    settings = load_settings()
    workflow, lake = find_workflow("small", settings), Lake(settings.lake, "small")
    registry = Registry(workflow, address=settings.registry, artifacts=settings.artifacts)
    for number, key in enumerate((FIRST, SECOND), start=1):
        rows = make_rows(workflow, key, 60 * number)
        publish(workflow, lake, key, rows)
        X, y = make_frame(rows, workflow.features), make_target(rows, workflow.table.label)
        made = make_pipeline(
            workflow.train.candidates["plain"],
            workflow.features,
            problem="classification",
            parameters={"C": 0.01 * number},
            seed=0,
        )
        version = registry.add(Fitted(made.fit(X, y), f"s{number}", end_of(workflow, key), {}, {}, {}))
        promote(lake, registry, version=version, as_of=end_of(workflow, key), recorded_at=NOW)
    publish(workflow, lake, THIRD, make_rows(workflow, THIRD, 20))
    score_partition(workflow, THIRD, lake, registry)
    return lake


def scores(lake: Lake) -> tuple[set[str], list[float]]:
    rows = lake.read("predictions", [THIRD])
    return set(rows.column("model_version").to_pylist()), rows.column("score").to_pylist()


def test_a_rollback_leaves_what_is_scored_and_says_from_when_it_holds(lake: Lake) -> None:
    before = scores(lake)

    said = run("rollback", "small", "--reason", "bad", "--by", "Ada").stdout

    assert "version 1 in charge instead of 2 as of 2020-01-04 00:00 UTC" in said
    assert scores(lake) == before
    told = [line.split() for line in run("ledger", "small").stdout.splitlines()]
    assert ["2020-01-04", "00:00"] in [line[:2] for line in told]
    assert any(line[4:] == ["rollback", "v1,", "not", "v2", "Ada", "bad"] for line in told)


def test_with_rescore_the_bad_models_scores_are_the_old_models(lake: Lake) -> None:
    _, bad = scores(lake)

    said = run("rollback", "small", "--rescore").stdout

    assert f"{THIRD}: 20 rows scored again by version 1" in said
    versions, good = scores(lake)
    assert versions == {"1"}
    assert not np.allclose(good, bad)
    assert "version 1 is in charge already" in run("rollback", "small", "--to", "1", "--rescore").stdout


@pytest.mark.thorough
def test_where_there_is_nothing_to_roll_back_to_it_is_said(lake: Lake) -> None:
    run("rollback", "small")
    with pytest.raises(RegistryError, match="version 1 is the first that was in charge"):
        run("rollback", "small")


def test_without_a_model_there_is_no_ledger(project: Path) -> None:
    with pytest.raises(LakeError, match=r"no model has been in charge yet\n  -> train one: lakemill run small"):
        run("ledger", "small")


def test_rows_of_a_file_are_scored_by_the_model_in_charge_or_by_another(lake: Lake, tmp_path: Path) -> None:
    rows = lake.read("clean", [THIRD])
    pq.write_table(rows, tmp_path / "rows.parquet")

    written = run("predict", str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "out.parquet"))
    shown = run("predict", str(tmp_path / "rows.parquet"), "--workflow", "small", "--version", "1")

    assert "20 rows by version 2 of small" in written.stderr
    found = pq.read_table(tmp_path / "out.parquet")
    np.testing.assert_allclose(found.column("score"), scores(lake)[1], rtol=1e-12)
    listed = list(csv.DictReader(shown.stdout.splitlines()))
    assert {one["model_version"] for one in listed} == {"1"}
    assert [int(one["id"]) for one in listed] == rows.column("id").to_pylist()


def test_what_is_wrong_with_a_file_is_one_error(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("sise\n1\n")
    with pytest.raises(TableError, match=r"rows.csv: no column 'size'\n  -> did you mean 'sise'"):
        run("predict", str(tmp_path / "rows.csv"))
    with pytest.raises(ConfigError, match="no file"):
        run("predict", str(tmp_path / "none.csv"))
