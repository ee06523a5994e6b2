"""The command: what it says, and with which exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from lakemill.cli.main import _keys, run
from lakemill.config import Partition, load_settings
from lakemill.exceptions import ConfigError

COMMANDS = ("check", "schema", "status", "up", "down", "run", "collect", "publish", "lake", "plan", "deploy", "init")
PLUGINS = str(Path(__file__).parents[3] / "plugins")


def call(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": PLUGINS, "COLUMNS": "200", "NO_COLOR": "1", **variables}
    return subprocess.run(
        [sys.executable, "-m", "lakemill.cli.main", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_all_commands() -> None:
    told = call("--help")

    assert told.returncode == 0
    assert all(f" {command} " in told.stdout for command in COMMANDS)


HEAVY = ("pandas", "numpy", "pyarrow", "sklearn", "mlflow", "airflow", "great_expectations")


def test_the_command_is_light_until_it_has_something_to_do() -> None:
    script = f"import sys, lakemill.cli.main; print([name for name in {HEAVY} if name in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": PLUGINS},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == "[]"


def test_the_schema_describes_every_key() -> None:
    schema = json.loads(call("schema").stdout)
    assert set(schema["required"]) <= set(schema["properties"])
    undescribed = [
        f"{name}.{key}"
        for name, part in schema["$defs"].items()
        for key, value in part.get("properties", {}).items()
        if "description" not in value and "$ref" not in value
    ]

    assert "workflow" in schema["properties"]
    assert [key for key in undescribed if key.split(".")[0] in ("FilesSource", "Label", "Table", "Candidate")] == []


@pytest.mark.thorough
def test_check_tells_of_good_workflows(project: Path) -> None:
    told = call("check")

    assert (told.returncode, told.stdout.strip()) == (0, "ok small: Is this big?")


@pytest.mark.thorough
def test_check_tells_of_all_faults_and_of_the_good_ones(project: Path) -> None:
    folder = project / "include" / "workflows"
    text = (folder / "small.yaml").read_text()
    (folder / "one.yaml").write_text(text.replace("small", "one") + "mointor: {}\n")
    (folder / "two.yaml").write_text(text.replace("small", "two").replace("LogisticRegression", "Ridge"))

    told = call("check")

    assert told.returncode == 1
    assert "ok small" in told.stdout
    assert "include/workflows/one.yaml: unknown key 'mointor'\n  -> did you mean 'monitor'?" in told.stderr
    assert "include/workflows/two.yaml: train.candidates.plain: sklearn.linear_model.Ridge is not for" in told.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["check", "smal"], 1, "no workflow 'smal'\n  -> did you mean 'small'?"),
        (["run", "nothing"], 1, "no workflow 'nothing'"),
        (["run", "small", "--from", "2020-13"], 1, "--from, --to: the key of a partition by day looks like 2013-01-31"),
        (
            ["run", "small", "--from", "2020-01-03", "--to", "2020-01-01"],
            1,
            "no partition from 2020-01-03 to 2020-01-01",
        ),
        (
            ["run", "small", "--from", "2020-01-03"],
            1,
            "--from: 2020-01-01 to 2020-01-02 come first: 2020-01-03 would wait",
        ),
        (["collect", "small"], 1, "small.yaml: collect: no source of kind mqtt"),
        (["publish", "small", "items"], 1, "small.yaml: collect: no source of kind mqtt"),
        (["frobnicate"], 2, "lakemill --help"),
        (["check", "--no-such-option"], 2, "lakemill --help"),
    ],
)
def test_a_mistake_is_one_message_without_a_traceback(project: Path, words: list[str], status: int, said: str) -> None:
    told = call(*words)

    assert told.returncode == status
    assert told.stderr.startswith("error: ")
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_an_empty_project_is_told_how_to_begin(project: Path) -> None:
    (project / "include" / "workflows" / "small.yaml").unlink()

    told = call("check")

    assert (told.returncode, "no workflow files" in told.stderr) == (1, True)


def test_status_without_an_installation_shows_the_lake(project: Path) -> None:
    told = call("status")

    assert told.returncode == 0
    assert "Airflow does not run (make up starts it)" in told.stdout
    assert "small: Is this big?" in told.stdout


def test_down_without_an_installation_says_so(project: Path) -> None:
    told = call("down")

    assert (told.returncode, told.stdout.strip()) == (0, "nothing was running")


def of_days(**partition: Any) -> Any:
    from workflows_for_tests import make_workflow

    return make_workflow(partition={"every": "day", "start": "2020-01-01", **partition})


@pytest.mark.parametrize(
    ("partition", "first", "last", "keys"),
    [
        ({"end": "2020-01-03"}, None, None, ["2020-01-01", "2020-01-02", "2020-01-03"]),
        ({"end": "2020-01-03"}, "2020-01-02", None, ["2020-01-02", "2020-01-03"]),
        ({"end": "2020-01-03"}, None, "2020-01-01", ["2020-01-01"]),
        ({}, "2020-01-02", "2020-01-02", ["2020-01-02"]),
    ],
)
def test_a_run_is_over_the_partitions_asked_for(
    partition: dict[str, str], first: str | None, last: str | None, keys: list[str]
) -> None:
    assert _keys(of_days(**partition), first, last) == keys


def test_without_an_end_a_run_goes_up_to_the_last_partition_that_has_ended() -> None:
    keys = _keys(of_days(), None, None)

    assert keys[0] == "2020-01-01"
    assert len(keys) > 365
    assert keys == Partition(every="day", start="2020-01-01").keys(keys[0], keys[-1])


def test_a_history_that_has_not_begun_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no partition from 2999-01-01"):
        _keys(of_days(start="2999-01-01"), None, None)


@pytest.fixture
def followed(project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A lake whose history has been followed to its end on an Airflow that runs already."""
    from lakemill.cli import embedded, following
    from lakemill.lake import Lake

    running = SimpleNamespace(airflow_url="http://127.0.0.1:1")
    monkeypatch.setattr(embedded, "find_running", lambda settings: running)
    monkeypatch.setattr(following, "run_history", lambda *asked, **how: True)
    return Lake(load_settings().lake, "small")


def test_blocked_partitions_are_named_with_their_reasons_below_the_table(
    followed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from workflows_for_tests import block

    block(of_days(), followed, "2020-01-02")

    with pytest.raises(typer.Exit) as ended:
        run("small")

    said = capsys.readouterr()
    assert ended.value.exit_code == 1
    assert "2020-01-02  blocked: broken" in said.out
    assert "2 partitions through all four DAGs" in said.out
    assert said.err.endswith(
        "blocked: 2020-01-02\n    broken\n"
        "mend the data or the suite and run again: a blocked partition is collected anew\n"
    )


def test_a_run_without_blocked_partitions_ends_well(followed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run("small")

    assert "3 partitions through all four DAGs" in capsys.readouterr().out


def test_a_first_partition_that_would_wait_is_refused_before_airflow_is_started(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakemill.cli import embedded

    started: list[Any] = []
    monkeypatch.setattr(embedded, "find_running", lambda settings: None)
    monkeypatch.setattr(embedded, "start", lambda *asked, **how: started.append(asked))
    monkeypatch.setattr(embedded, "stop", lambda *asked, **how: None)

    with pytest.raises(ConfigError, match="2020-01-01 comes first"):
        run("small", first="2020-01-02")

    assert started == []
