"""What ``lakemill report`` writes, and what it says where there is nothing to write."""

from pathlib import Path

import pytest
from typer.testing import CliRunner
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.cli.main import app
from lakemill.exceptions import ConfigError, LakeError
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.monitoring.profiles import profile_partition

FIRST, SECOND = "2020-01-01", "2020-01-02"


def told(*words: str) -> str:
    result = CliRunner().invoke(app, ["report", *words])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def lake(project: Path) -> Lake:
    workflow, lake = make_workflow(), Lake(str(project / "state" / "lake"), "small")
    for key in (FIRST, SECOND):
        publish(workflow, lake, key, make_rows(workflow, key))
        profile_partition(workflow, key, lake)
        verdict = Verdict("monitoring", key, end_of(workflow, key), "nothing", ("nothing found",), {"champion": None})
        record_verdict(lake, verdict)
    return lake


def test_the_last_judged_partition_is_written_unless_one_is_named(lake: Lake, tmp_path: Path) -> None:
    for words, key in (((), SECOND), ((FIRST,), FIRST)):
        file = tmp_path / f"{key}.html"
        assert told("small", *words, "--out", str(file)).strip() == f"written: {file}"
        assert f"<h1>small {key}</h1>" in file.read_text(encoding="utf-8")


def test_the_file_is_named_after_the_partition(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert told("small").strip() == f"written: small-{SECOND}.html"
    assert (tmp_path / f"small-{SECOND}.html").exists()


def test_what_cannot_be_written_is_said(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no partition '2020-1'"):
        told("small", "2020-1")
    with pytest.raises(LakeError, match="not judged the partition 2020-01-03"):
        told("small", "2020-01-03")
    with pytest.raises(ConfigError, match="no folder"):
        told("small", "--out", str(tmp_path / "none" / "a.html"))
