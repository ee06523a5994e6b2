"""The table of partitions, from verdicts alone."""

from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console
from workflows_for_tests import end_of, make_workflow

from lakemill.cli.summary import Verdicts, show_partitions
from lakemill.lake import Lake
from lakemill.lake.landing import land
from lakemill.lake.verdicts import Verdict, record_verdict

WORKFLOW = make_workflow()
FIRST, SECOND, THIRD = "2020-01-01", "2020-01-02", "2020-01-03"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


def record(lake: Lake, kind: str, key: str, verdict: str, reason: str = "because", **evidence: Any) -> None:
    record_verdict(lake, Verdict(kind, key, end_of(WORKFLOW, key), verdict, (reason,) if reason else (), evidence))


def ingest(lake: Lake, key: str, **evidence: Any) -> None:
    usual = {"rows": 1200, "clean": 1100, "quarantined": 90, "duplicates": 10, "refused": {}}
    record(lake, "ingestion", key, "published", "", **{**usual, **evidence})


def judge(lake: Lake, key: str, verdict: str = "nothing", reason: str = "nothing found", **evidence: Any) -> None:
    usual = {"champion": None, "score": None, "drifted": [], "columns": 0}
    record(lake, "monitoring", key, verdict, reason, **{**usual, **evidence})


def gate(lake: Lake, key: str, verdict: str, *, is_met: bool) -> None:
    finding = {"rule": "floor", "is_met": is_met, "text": "roc_auc 0.6123 against the floor 0.65"}
    record(
        lake,
        "gate",
        key,
        verdict,
        version="4",
        score=0.6123,
        champion=None,
        champion_score=None,
        findings=[finding],
    )


def show(lake: Lake) -> list[str]:
    said = StringIO()
    Console(file=said, width=160).print(show_partitions(WORKFLOW, lake))
    return [line.rstrip() for line in said.getvalue().splitlines()]


def test_readings_that_no_run_has_taken_are_told_of(lake: Lake) -> None:
    meters = {"kind": "mqtt", "topic": "plant/{id}", "event_time": "at", "key": ["id"]}
    said = StringIO()
    for key in (FIRST, THIRD):
        land(lake, "items", f"batch-{key}", {key: pa.table({"id": ["a", "b"]})}, {})

    Console(file=said, width=160).print(show_partitions(make_workflow(collect={"items": meters}), lake))

    assert "items: 4 readings of 2020-01-01 to 2020-01-03 have landed and are not ingested" in said.getvalue()


def test_an_empty_lake_has_a_table_without_rows(lake: Lake) -> None:
    assert not any("2020" in line for line in show(lake))


def test_rows_are_counted_and_summed(lake: Lake) -> None:
    for key in (FIRST, SECOND):
        ingest(lake, key)

    lines = show(lake)

    assert any(line.split()[:5] == [FIRST, "1,200", "1,100", "90", "10"] for line in lines)
    assert any(line.split()[:5] == ["sum", "2,400", "2,200", "180", "20"] for line in lines)


def test_a_partition_is_told_in_one_line_and_what_needs_words_below(lake: Lake) -> None:
    ingest(lake, FIRST, refused={"items": 3})
    judge(lake, FIRST, "retrain", "drift", champion="3", score=0.71234, drifted=["size"], columns=4)
    gate(lake, FIRST, "fail", is_met=False)

    lines = show(lake)

    (line,) = [line for line in lines if line.split()[:2] == [FIRST, "1,200"]]
    assert line.split()[5:] == ["v3", "0.7123", "1/4", "retrain", "fail", "v4", "0.6123"]
    notes = [line for line in lines if line.startswith(f"{FIRST}  ")]
    assert f"{FIRST}  quarantine: 3 row(s) of items" in notes
    assert f"{FIRST}  retrain: drift; drifted: size" in notes
    assert any("gate" in note and "roc_auc 0.6123 against the floor 0.65" in note for note in notes)


def test_a_blocked_partition_is_shown_and_not_summed(lake: Lake) -> None:
    ingest(lake, FIRST)
    record(lake, "ingestion", SECOND, "blocked", "table: no rows")

    lines = show(lake)

    assert any(line.split() == [SECOND, "blocked"] for line in lines)
    assert any(line.split()[:2] == ["sum", "1,200"] for line in lines)
    assert f"{SECOND}  blocked: table: no rows" in lines


@pytest.mark.parametrize(
    ("judged", "gated", "is_done"),
    [
        (None, None, False),
        ("nothing", None, True),
        ("alert", None, True),
        ("retrain", None, False),
        ("retrain", "fail", True),
    ],
)
def test_a_partition_is_done_when_all_dags_are_through(
    lake: Lake, judged: str | None, gated: str | None, is_done: bool
) -> None:
    ingest(lake, FIRST)
    if judged:
        judge(lake, FIRST, judged)
    if gated:
        gate(lake, FIRST, gated, is_met=False)

    assert Verdicts.read(lake).is_done(FIRST) is is_done


def test_a_blocked_partition_is_done(lake: Lake) -> None:
    record(lake, "ingestion", FIRST, "blocked")

    assert Verdicts.read(lake).is_done(FIRST)
    assert not Verdicts.read(lake).is_done(SECOND)


def test_a_training_that_could_not_be_done_is_shown_with_its_reason(lake: Lake) -> None:
    ingest(lake, FIRST)
    record(lake, "gate", FIRST, "fail", "the 70 train rows hold 1 class(es), 2 are needed", snapshot="abc")

    lines = show(lake)

    assert any(line.endswith("gate fail: the 70 train rows hold 1 class(es), 2 are needed") for line in lines)
    assert any(line.split()[:2] == [FIRST, "1,200"] and line.split()[-1] == "fail" for line in lines)


def test_a_training_that_could_not_be_done_may_leave_its_figures_empty(lake: Lake) -> None:
    record(lake, "gate", FIRST, "fail", "only 7 rows", version=None, score=None, findings=None, champion=None)

    lines = show(lake)

    assert any(line.split() == [FIRST, "fail"] for line in lines)
    assert f"{FIRST}  gate fail: only 7 rows" in lines


def test_verdicts_of_all_kinds_are_read_in_one_pass(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    monkeypatch.setattr(lake, "read", lambda table, **how: reads.append(table))

    Verdicts.read(lake)

    assert reads == ["verdicts"]


def test_a_score_that_is_not_defined_is_shown_as_such(lake: Lake) -> None:
    finding = {"rule": "floor", "is_met": False, "text": "roc_auc is not defined on the test rows"}
    record(lake, "gate", FIRST, "fail", version="4", score=None, findings=[finding])

    assert any("fail v4 undefined" in line for line in show(lake))
