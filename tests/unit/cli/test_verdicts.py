"""What ``lakemill verdicts`` says of verdicts in the lake, and where there is none."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from workflows_for_tests import end_of, make_workflow

from lakemill.cli.main import app
from lakemill.exceptions import LakeError
from lakemill.lake import Lake
from lakemill.lake.notifications import Notification, keep_notification
from lakemill.lake.verdicts import Verdict, record_verdict

FIRST, SECOND = "2020-01-01", "2020-01-02"


def find(name: str, holds: bool | None, follows: str = "nothing") -> dict[str, Any]:
    return {"finding": name, "holds": holds, "follows": follows, "text": f"of {name}", "evidence": {}}


def told(*words: str) -> str:
    result = CliRunner().invoke(app, ["verdicts", "small", *words])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def lake(project: Path) -> Lake:
    lake = Lake(str(project / "state" / "lake"), "small")
    helped = {"version": "2", "against": "1", "helped": True, "gain": 0.02, "low": 0.01, "high": 0.03}
    evidence = {
        "findings": [find("data_quality", False), find("data_drift", True, "note"), find("label_shift", None)],
        "last_training": {**helped, "rows": 1200, "partitions": 2},
    }
    for key, kept in ((FIRST, {}), (SECOND, evidence)):
        record_verdict(lake, Verdict("monitoring", key, end_of(make_workflow(), key), "note", ("because",), kept))
    return lake


def test_each_partition_is_a_line_of_what_followed_from_each_finding(lake: Lake) -> None:
    lines = [line.split() for line in told().splitlines()]

    assert [FIRST, "note", *["?"] * 9] in lines
    assert [SECOND, "note", "-", "note", *["?"] * 7] in lines


def test_whether_a_training_helped_is_told(lake: Lake) -> None:
    assert "training of v2: helped, +0.0200 against v1 on the same 1,200 rows of 2 partition(s)" in told()


def test_one_partition_is_told_with_all_texts(lake: Lake) -> None:
    lines = [line.split() for line in told("--partition", SECOND).splitlines()]

    assert ["data", "drift", "yes", "note", "of", "data_drift"] in lines
    assert ["label", "shift", "?", "of", "label_shift"] in lines


def test_who_could_not_be_told_is_said(lake: Lake) -> None:
    keep_notification(lake, FIRST, Notification({}, ["0: log"], {"1: email": "connection refused"}))
    keep_notification(lake, SECOND, Notification({}, ["0: log"], {}))

    assert [line for line in told().splitlines() if line.startswith("nobody")] == [
        f"nobody was told of {FIRST} by email: connection refused"
    ]
    assert "nobody" not in told("--partition", SECOND)


@pytest.mark.parametrize(("words", "message"), [(("--partition", "2020-01-03"), "no verdict on partition")])
def test_what_was_not_judged_is_said(lake: Lake, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(LakeError, match=message):
        told(*words)


def test_a_workflow_without_verdicts_says_so(project: Path) -> None:
    with pytest.raises(LakeError, match="nothing has been judged yet"):
        told()
