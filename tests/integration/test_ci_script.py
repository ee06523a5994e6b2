"""The shell script that any CI can run, in a git repository of its own with a small problem."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from problems import REPOSITORY, write_tumours

from lakemill.cli.init import Provider, ci

pytestmark = pytest.mark.integration


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit, and a command ``lakemill`` on the path."""
    folder = tmp_path / "repository"
    for name in ("workflows", "sql", "expectations", "data"):
        (folder / "include" / name).mkdir(parents=True)
    write_tumours(folder)
    ci(Provider.shell, folder)
    (folder / ".gitignore").write_text("plan.md\n.lakemill/\n")
    command = tmp_path / "bin" / "lakemill"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lakemill.cli.main "$@"\n')
    command.chmod(0o755)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "The problem")
    return folder


def git(folder: Path, *words: str) -> str:
    names = {f"GIT_{who}_{what}": "ci@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    told = subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, env={**os.environ, **names}
    )
    return told.stdout


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAKEMILL_")}
    environment |= {
        "PATH": f"{folder.parent / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY / "plugins"),
        "LAKEMILL_BASE": "HEAD~1",
        "LAKEMILL_STATE": str(folder / ".lakemill"),
        "LAKEMILL_TEST": "test -f include/workflows/tumours.yaml",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        ["bash", "ci/lakemill.sh", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def change(folder: Path, before: str, after: str) -> None:
    path = folder / "include/workflows/tumours.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_change_is_checked_planned_and_would_be_deployed(repository: Path) -> None:
    change(repository, "  - extent\n", "")
    commit(repository, "A feature less")

    steps = [call(repository, *words) for words in (["setup"], ["check"], ["test"], ["plan"], ["deploy", "--dry-run"])]

    assert [step.returncode for step in steps] == [0] * 5, [step.stderr for step in steps]
    plan = (repository / "plan.md").read_text()
    assert plan == steps[3].stdout
    assert plan.startswith("<!-- lakemill plan -->\n")
    assert "numeric: - extent" in plan
    assert "| features | another model is trained |" in plan
    assert "rows 154, clean 143, quarantined 7, duplicates 4" in plan
    assert "the gate says pass" in plan
    assert "partitions to ingest: 2024-03-01, 2024-03-02, 2024-03-03" in steps[4].stdout
    assert git(repository, "status", "--porcelain") == ""
    assert not (repository / ".lakemill").exists()


def test_a_fault_stops_the_check_and_the_plan_with_the_same_words(repository: Path) -> None:
    change(repository, "floor: 0.8", "flor: 0.8")
    commit(repository, "A fault")

    checked, planned = call(repository, "check"), call(repository, "plan")

    assert (checked.returncode, planned.returncode) == (1, 1)
    assert "unknown key 'gate.flor'\n  -> did you mean 'floor'?" in checked.stderr
    assert planned.stderr == checked.stderr
    assert not (repository / "plan.md").exists()


def test_an_unknown_step_is_told_with_those_that_there_are(repository: Path) -> None:
    told = call(repository, "depoly")

    assert told.returncode == 2
    assert "ci/lakemill.sh deploy " in told.stderr
