"""What ``lakemill times`` says of the ledger of times, and what it draws."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakemill.cli.main import app
from lakemill.exceptions import ConfigError, LakemillError
from lakemill.lake import Lake
from lakemill.lake.times import EVALUATION, FIT, SCORING, TRIAL, Time, record_times
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.registry.ledger import Entry, record_entry

FIRST, SECOND = "2020-01-01", "2020-01-02"


def told(*words: str) -> str:
    result = CliRunner().invoke(app, ["times", *words])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def lines_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


@pytest.fixture
def lake(project: Path) -> Lake:
    """Two trainings; the second took four times as long on as many rows."""
    lake = Lake(str(project / "state" / "lake"), "small")
    for number, (key, seconds) in enumerate(((FIRST, 5.0), (SECOND, 20.0)), start=1):
        known = {"snapshot": f"s{number}", "metric": "roc_auc", "standard_error": 0.01}
        trial = Time(
            key, TRIAL, 700, seconds + 1, seconds, 200_000_000, candidate="plain", trial=0, parameters={"C": 0.123456},
            score=0.7, fit_cpu_seconds=seconds, **known,
        )  # fmt: skip
        better = replace(trial, trial=1, score=0.8, parameters={"C": 1})
        fit = replace(better, what=FIT, rows=800, version=str(number), note="the best score", parameters={"C": 1})
        evaluation = Time(key, EVALUATION, 100, 1.0, 1.0, 10, version=str(number), score=0.75, **known)
        record_times(lake, [trial, better], of=f"s{number}-plain")
        record_times(lake, [fit], of=f"s{number}")
        record_times(lake, [evaluation], of=f"s{number}")
        moment = datetime(2020, 1, 1 + number, tzinfo=UTC)
        record_verdict(lake, Verdict("gate", key, moment, "pass", (), {"version": str(number)}))
        record_entry(lake, Entry(str(number), moment, f"s{number}", "good"), recorded_at=moment)
    record_times(lake, [Time(SECOND, SCORING, 1500, 0.25, 0.5, 100_000_000, version="1")], of="1")
    return lake


def test_what_each_partition_took_is_summed(lake: Lake) -> None:
    lines = lines_of(told("small"))

    assert [FIRST, "trial", "2", "1,400", "12.00", "10.00", "200"] in lines
    assert [SECOND, "scoring", "1", "1,500", "0.25", "0.50", "100"] in lines
    assert any(line[:2] == ["sum", "9"] for line in lines)


def test_trials_of_a_version_are_shown_with_the_front_and_the_fitted_one(lake: Lake) -> None:
    lines = lines_of(told("small", "--trials", "1"))

    assert ["plain", "0", "0.7000", "0.0100", "700", "5.00", "6.00", "5.00", "200", "C=0.1235"] in lines
    assert ["plain", "1", "0.8000", "0.0100", "700", "5.00", "6.00", "5.00", "200", "front", "fitted", "C=1"] in lines
    assert ["fitted:", "the", "best", "score"] in lines
    assert told("small", "--trials", "v1") == told("small", "--trials", "1")


def test_releases_are_shown_with_what_their_training_took(lake: Lake) -> None:
    lines = lines_of(told("small", "--releases"))

    assert [FIRST, "v1", "plain", "0.7500", "0.0100", "800", "12.0", "6.0", "1.0", "pass"] in lines
    assert [
        SECOND, "v2", "plain", "0.7500", "0.0100", "800", "42.0", "21.0", "1.0", "pass", "in", "charge,", "slower",
    ] in lines  # fmt: skip


@pytest.mark.parametrize("words", [(), ("--releases",), ("--trials", "2")])
def test_what_got_slower_is_said(lake: Lake, words: tuple[str, ...]) -> None:
    text = " ".join(told("small", *words).split())

    assert f"{SECOND} v2 slower: trials of plain took 40.0 CPU s to fit 1,400 rows, 4.0 times the usual 10.0 s" in text
    assert "v1 slower" not in text


@pytest.mark.parametrize("words", [(), ("--releases",), ("--trials", "2")])
def test_a_picture_is_drawn(lake: Lake, tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "drawn.png"

    assert f"drawn: {path}" in told("small", *words, "--plot", str(path))
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--trials", "3"), "no fit of version '3' was measured"),
        (("--trials", "1", "--releases"), "only one of them"),
        (("--plot", "drawn.pdf"), r"must end with \.png; got drawn\.pdf"),
        (("--plot", "no/such/folder/drawn.png"), "no folder no/such/folder"),
    ],
)
def test_what_cannot_be_shown_is_told(lake: Lake, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(LakemillError, match=message):
        told("small", *words)


def test_a_workflow_that_has_not_run_is_told(project: Path) -> None:
    with pytest.raises(LakemillError, match="no times are known yet\n  -> run it first: lakemill run small"):
        told("small")


def test_an_unknown_workflow_is_told(project: Path) -> None:
    with pytest.raises(ConfigError, match="no workflow 'smal'\n  -> did you mean 'small'"):
        told("smal")
