"""What ``lakemill cleaning`` says of reports in the lake, and where there is none."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakemill.cli.main import app
from lakemill.exceptions import LakeError
from lakemill.lake import Lake
from lakemill.lake.cleaning import Line, keep_report

FIRST, SECOND = "2020-01-01", "2020-01-02"


def told(*words: str) -> str:
    result = CliRunner().invoke(app, ["cleaning", *words])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def lake(project: Path) -> Lake:
    lake = Lake(str(project / "state" / "lake"), "small")
    keep_report(
        lake, FIRST, [Line(1, "numbers", "size", "read as a number", 9, cells=1200, examples=("'[b]1,5' -> 1.5",))]
    )
    keep_report(lake, SECOND, [Line(1, "numbers", rows=9), Line(2, "duplicates", "", "the same id", 9, dropped=3)])
    return lake


def test_all_partitions_are_shown_with_sums_and_without_rules_that_found_nothing(lake: Lake) -> None:
    lines = [line.split() for line in told("small").splitlines()]
    assert [FIRST, "1", "numbers", "size", "1,200", "read", "as", "a", "number"] in lines
    assert [SECOND, "2", "duplicates", "3", "the", "same", "id"] in lines
    assert [SECOND, "1", "numbers", "nothing", "to", "do"] not in lines
    assert ["sum", "1,200", "3", "0", "0"] in lines


def test_one_partition_is_shown_with_examples_and_with_rules_that_found_nothing(lake: Lake) -> None:
    assert "'[b]1,5' -> 1.5" in told("small", "--partition", FIRST)
    shown = told("small", "--partition", SECOND)
    assert "nothing to do" in shown
    assert FIRST not in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [(["small", "--partition", "2020-01-03"], "no cleaning report of partition '2020-01-03'")],
)
def test_a_partition_without_a_report_is_told(lake: Lake, words: list[str], message: str) -> None:
    with pytest.raises(LakeError, match=message):
        told(*words)


def test_a_workflow_that_has_not_run_is_told(project: Path) -> None:
    with pytest.raises(LakeError, match="no cleaning report\n  -> run it first: lakemill run small"):
        told("small")
