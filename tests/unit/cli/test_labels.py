"""The commands under ``lakemill labels``: the queue out, answers in, the figures on the screen."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner
from workflows_for_tests import end_of, make_rows, publish

from lakemill.cli.labels import app
from lakemill.cli.main import app as whole
from lakemill.config import Workflow, find_workflow, load_settings
from lakemill.exceptions import LakemillError
from lakemill.lake import Lake
from lakemill.lake.label_corrections import read_corrections
from lakemill.lake.label_reviews import read_queue
from lakemill.registry.label_audit import audit_snapshot
from lakemill.training.snapshots import take_snapshot

KEY = "2020-01-01"


def told(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def workflow(project: Path) -> Workflow:
    return find_workflow("small", load_settings())


@pytest.fixture
def lake(project: Path, workflow: Workflow) -> Lake:
    """The lake of ``small`` after an audit of 400 rows, of which every twentieth has a wrong label."""
    lake = Lake(load_settings().lake, "small")
    rows = make_rows(workflow, KEY, 400)
    labels = rows.column("label").to_numpy(zero_copy_only=False).copy()
    labels[5::20] = ~labels[5::20]
    publish(workflow, lake, KEY, rows.set_column(5, "label", pa.array(labels)))
    as_of = end_of(workflow, KEY)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    audit_snapshot(workflow, lake, snapshot, partition=KEY, as_of=as_of)
    return lake


def fill_in(path: Path, answers: dict[int, str]) -> None:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, answer in answers.items():
        rows[number]["answer"] = answer
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_a_queue_goes_out_and_its_answers_come_in(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "queue.csv"
    first = read_queue(lake)[1][:3]

    assert f"lakemill labels correct small {path} --by YOUR_NAME" in told("review", "small", "--output", str(path))
    fill_in(path, {0: first[0].suggested, 1: "unsure", 2: "drop"})
    text = told("correct", "small", str(path), "--by", "ann", "--known-at", "2020-01-05 06:00")

    assert text.startswith("3 answer(s) taken, known from 2020-01-05T06:00:00+00:00 on; 0 had been given before")
    held = {one.key: one for one in read_corrections(lake)}
    assert [held[one.key].action for one in first] == ["label", "unsure", "drop"]
    assert held[first[0].key].label == first[0].suggested
    assert {(one.who, one.known_at) for one in held.values()} == {("ann", datetime(2020, 1, 5, 6, tzinfo=UTC))}
    assert not {one.key for one in read_queue(lake)[1]} & {*held}


def test_the_same_file_again_adds_nothing(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "queue.csv"
    told("review", "small", "--output", str(path), "--most", "5")
    fill_in(path, {0: "unsure"})
    told("correct", "small", str(path), "--by", "ann")

    text = told("correct", "small", str(path), "--by", "ann")

    assert text.startswith("0 answer(s) taken")
    assert "1 had been given before, 4 row(s) have none" in " ".join(text.split())


def test_answers_are_known_from_now_on_unless_it_is_said(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "queue.csv"
    told("review", "small", "--output", str(path), "--most", "1")
    fill_in(path, {0: "drop"})
    told("correct", "small", str(path), "--by", "ann")

    (one,) = read_corrections(lake)

    assert timedelta(0) <= datetime.now(UTC) - one.known_at < timedelta(minutes=1)


def test_a_spreadsheets_semicolons_and_mark_are_read(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "queue.csv"
    told("review", "small", "--output", str(path), "--most", "2")
    fill_in(path, {1: "unsure"})
    rows = list(csv.reader(path.read_text().splitlines()))
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";").writerows(rows)

    assert told("correct", "small", str(path), "--by", "ann").startswith("1 answer(s) taken")


def test_the_queue_goes_to_the_screen_without_a_file(lake: Lake) -> None:
    rows = list(csv.DictReader(told("review", "small", "--most", "2").splitlines()))

    assert [row["rank"] for row in rows] == ["1", "2"]
    assert {*rows[0]} >= {"id", "partition", "given", "suggested", "reason", "answer", "comment"}


def test_the_figures_are_shown(lake: Lake) -> None:
    text = told("show", "small")

    (row,) = [line.split() for line in text.splitlines() if line.strip().startswith(KEY) and "400" in line.split()]
    assert row[1] == "400"
    assert 2 < float(row[2].rstrip("%")) < 9
    waiting = len(read_queue(lake)[1])
    assert f"{waiting} label(s) wait for an answer; 0 row(s) were answered" in text
    assert "estimated:" in text


def test_a_slip_in_an_answer_is_told_with_its_line_and_nothing_is_taken(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "queue.csv"
    told("review", "small", "--output", str(path))
    fill_in(path, {0: "unsure", 2: "ture"})

    with pytest.raises(LakemillError, match=rf"{path} line 4: 'ture' is none of the classes: did you mean 'true'"):
        told("correct", "small", str(path), "--by", "ann")
    assert read_corrections(lake) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("id,partition,given\n1,2020-01-01,true\n", "no column 'answer'"),
        ("", "no column 'partition'"),
    ],
)
def test_a_file_that_is_no_queue_is_told(lake: Lake, tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "odd.csv"
    if content is not None:
        path.write_text(content)

    with pytest.raises(LakemillError, match=said):
        told("correct", "small", str(path), "--by", "ann")


def test_before_a_training_there_is_nothing_to_show(workflow: Workflow) -> None:
    with pytest.raises(LakemillError, match=r"no labels were audited yet\n  -> run a training"):
        told("show", "small")
    assert told("review", "small").startswith("nothing to review")


def test_the_commands_belong_to_lakemill() -> None:
    text = CliRunner().invoke(whole, ["labels", "--help"]).stdout

    assert all(name in text for name in ("show", "review", "correct"))
    assert np.all([CliRunner().invoke(whole, ["labels", name, "--help"]).exit_code == 0 for name in ("show", "review")])
