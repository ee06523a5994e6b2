"""The command ``lakemill replay``: what is shown and written, what is used again, and what is said of mistakes."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner
from workflows_for_tests import make_rows, make_workflow, publish

from lakemill.cli.main import app
from lakemill.config import find_workflow, load_settings
from lakemill.exceptions import LakemillError
from lakemill.lake import Lake
from lakemill.monitoring.profiles import profile_partition

KEYS = [f"2020-01-0{day}" for day in range(1, 4)]
PNG = b"\x89PNG\r\n"
pytestmark = pytest.mark.filterwarnings("ignore")  # notes of MLflow's database migration
EXTRA = """
approve: always
retrain: {first_after: 1}
gate: {better_than_naive: 1 %}
"""


def told(*words: str) -> str:
    result = CliRunner().invoke(app, ["replay", "small", *words])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def history(project: Path) -> Lake:
    """Three days that are ingested."""
    path = project / "include" / "workflows" / "small.yaml"
    path.write_text(path.read_text() + EXTRA)
    workflow = find_workflow("small", load_settings())
    lake = Lake(load_settings().lake, "small")
    for key in KEYS:
        publish(workflow, lake, key, make_rows(make_workflow(), key, 200))
        profile_partition(workflow, key, lake)
    return lake


def test_policies_are_shown_and_written_and_used_again(history: Lake, project: Path, tmp_path: Path) -> None:
    policies = ("--policy", "never", "--policy", "every", "--workers", "1")
    before = {name: history.version(name) for name in ("clean", "verdicts", "profiles")}

    said = told(*policies, "--output", str(tmp_path / "out"))

    for part in (
        "small: roc_auc of each partition",
        "never",
        "every",
        "+v1",
        "mean roc_auc",
        "CPU s",
        "nobody is asked",
    ):
        assert part in said
    assert (tmp_path / "out" / "replay.png").read_bytes().startswith(PNG)
    page = (tmp_path / "out" / "replay.html").read_text()
    assert page.count("data:image/png;base64,") == 1
    assert "what other policies would have done" in page
    kept = json.loads((tmp_path / "out" / "replay.json").read_text())
    trainings = {one["policy"]: one["trainings"] for one in kept["policies"]}
    assert trainings == {"never": 1, "every": 3}
    assert kept["compared"] == KEYS[1:]
    assert {name: history.version(name) for name in before} == before
    assert history.version("predictions") == -1

    shutil.rmtree(history.local_folder / "clean")  # whatever is run again would not find its rows
    again = json.loads(told(*policies, "--json"))
    assert again == kept


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "monitor.efect=0.1"], "unknown key 'monitor.efect'\n  -> did you mean 'effect'?"),
        (["--set", "monitor.effect=0.05"], "--set: these are the values of the file already"),
        (["--set", "table.key=[at]"], "would change table, and so the partitions that are published"),
        (["--policy", "evry"], "--policy: no policy 'evry'\n  -> did you mean 'every'?"),
        (["--to", "2020-01-09"], "--to: 2020-01-09 is not there\n  -> published are 2020-01-01 to 2020-01-03"),
        (["--output", "{project}/include/workflows/small.yaml/below"], "cannot be made: Not a directory"),
    ],
)
def test_a_mistake_is_told_before_anything_is_run(history: Lake, project: Path, words: list[str], said: str) -> None:
    with pytest.raises(LakemillError) as error:
        told(*(word.format(project=project) for word in words))
    assert said in str(error.value)
    assert not list((project / "state").glob("replays/small/*/mlflow.db"))


def test_without_a_published_partition_it_is_told(project: Path) -> None:
    with pytest.raises(LakemillError, match=r"small: no partition is published\n  -> ingest some first: lakemill run"):
        told()
