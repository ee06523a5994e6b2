"""The order of knowledge: what each partition waits for."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from workflows_for_tests import block, end_of, make_rows, make_workflow, publish

from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.monitoring.order import Missing, find_missing, find_missing_to_clean
from lakemill.monitoring.profiles import profile_partition
from lakemill.registry.ledger import Entry, record_entry

WORKFLOW = make_workflow()
FIRST, SECOND, THIRD = "2020-01-01", "2020-01-02", "2020-01-03"
Do = Callable[[Lake], Any]


def ingest(key: str) -> Do:
    def do(lake: Lake) -> None:
        publish(WORKFLOW, lake, key, make_rows(WORKFLOW, key, 5))

    return do


def profile(key: str) -> Do:
    return lambda lake: profile_partition(WORKFLOW, key, lake)


def judge(key: str, verdict: str = "nothing") -> Do:
    return lambda lake: record_verdict(lake, Verdict("monitoring", key, end_of(WORKFLOW, key), verdict, ("because",)))


def gate(key: str, verdict: str) -> Do:
    evidence = {"version": "1"}
    return lambda lake: record_verdict(
        lake, Verdict("gate", key, end_of(WORKFLOW, key), verdict, ("because",), evidence)
    )


def promote(key: str) -> Do:
    entry = Entry("1", end_of(WORKFLOW, key), "abc", "let through")
    return lambda lake: record_entry(lake, entry, recorded_at=datetime(2030, 1, 1, tzinfo=UTC))


def refuse(key: str) -> Do:
    return lambda lake: block(WORKFLOW, lake, key)


def text_of(missing: Missing | None) -> str | None:
    return missing.text if missing else None


@pytest.mark.parametrize(
    ("key", "done", "missing"),
    [
        (FIRST, [], None),
        (SECOND, [], f"{FIRST} has not been ingested"),
        (SECOND, [ingest(SECOND)], f"{FIRST} has not been ingested"),
        (SECOND, [ingest(FIRST)], f"{FIRST} has not been judged by monitoring"),
        (SECOND, [ingest(FIRST), judge(FIRST)], None),
        (SECOND, [ingest(FIRST), judge(FIRST, "alert")], None),
        (SECOND, [ingest(FIRST), judge(FIRST, "retrain")], f"the training that {FIRST} asked for has not ended"),
        (SECOND, [ingest(FIRST), judge(FIRST, "retrain"), gate(FIRST, "fail")], None),
        (
            SECOND,
            [ingest(FIRST), judge(FIRST, "retrain"), gate(FIRST, "pass")],
            f"the model that {FIRST} asked for has not been promoted",
        ),
        (SECOND, [ingest(FIRST), judge(FIRST, "retrain"), gate(FIRST, "pass"), promote(FIRST)], None),
        (SECOND, [refuse(FIRST)], None),
        (THIRD, [refuse(FIRST)], f"{SECOND} has not been ingested"),
        (THIRD, [refuse(FIRST), ingest(SECOND), judge(SECOND)], None),
        (THIRD, [ingest(FIRST), ingest(SECOND), judge(SECOND)], f"{FIRST} has not been judged by monitoring"),
        (THIRD, [ingest(FIRST), judge(FIRST), refuse(SECOND)], None),
    ],
)
def test_what_scoring_waits_for(lake: Lake, key: str, done: list[Do], missing: str | None) -> None:
    for do in done:
        do(lake)

    assert text_of(find_missing(WORKFLOW, key, lake, stage="scoring")) == missing


@pytest.mark.parametrize(
    ("key", "done", "missing"),
    [
        (FIRST, [ingest(FIRST)], f"{FIRST} has no profile"),
        (FIRST, [ingest(FIRST), profile(FIRST)], None),
        (SECOND, [ingest(SECOND), profile(SECOND)], f"{FIRST} has not been ingested"),
        (SECOND, [ingest(FIRST), judge(FIRST), ingest(SECOND)], f"{SECOND} has no profile"),
        (SECOND, [refuse(FIRST), ingest(SECOND), profile(SECOND)], None),
    ],
)
def test_monitoring_waits_for_the_partitions_profile_too(
    lake: Lake, key: str, done: list[Do], missing: str | None
) -> None:
    for do in done:
        do(lake)

    assert text_of(find_missing(WORKFLOW, key, lake, stage="monitoring")) == missing


@pytest.mark.parametrize(
    ("key", "done", "partition", "distance"),
    [
        (SECOND, [], FIRST, 0),
        (THIRD, [], FIRST, 1),
        (THIRD, [judge(FIRST)], SECOND, 0),
        ("2020-03-01", [judge(FIRST)], SECOND, 58),
        (FIRST, [], FIRST, 0),
    ],
)
def test_what_is_missing_is_told_with_how_far_away_it_is(
    lake: Lake, key: str, done: list[Do], partition: str, distance: int
) -> None:
    for do in done:
        do(lake)

    missing = find_missing(WORKFLOW, key, lake, stage="monitoring")

    assert missing is not None
    assert (missing.partition, missing.distance) == (partition, distance)


def test_a_long_history_is_read_in_one_pass(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (FIRST, SECOND, THIRD):
        judge(key, "retrain")(lake)
        gate(key, "pass")(lake)
    promote(FIRST)(lake)
    reads: list[str] = []
    read = Lake.read

    def count(self: Lake, table: str, *args: Any, **kwargs: Any) -> Any:
        reads.append(table)
        return read(self, table, *args, **kwargs)

    monkeypatch.setattr(Lake, "read", count)

    assert find_missing(WORKFLOW, "2020-01-04", lake, stage="scoring") is None
    assert reads == ["verdicts", "ledger"]


@pytest.mark.parametrize(
    ("done", "missing"),
    [
        ([], f"{FIRST} has not been ingested"),
        ([ingest(FIRST)], f"{SECOND} has not been ingested"),
        ([ingest(FIRST), ingest(SECOND)], None),
        ([ingest(FIRST), lambda lake: block(WORKFLOW, lake, SECOND)], None),
    ],
    ids=["nothing", "the first", "both, though not judged", "one published, one blocked"],
)
def test_ingestion_that_learns_waits_for_the_ingestion_of_those_before(
    lake: Lake, done: list[Do], missing: str | None
) -> None:
    for do in done:
        do(lake)
    assert text_of(find_missing(WORKFLOW, THIRD, lake, stage="ingestion")) == missing


LEARNS = {"rule": "outliers", "columns": ["size"], "partitions": 1}


@pytest.mark.parametrize(
    ("clean", "done", "key", "missing"),
    [
        ([{"rule": "duplicates"}], [], THIRD, None),
        ([{**LEARNS, "learn_from": "partition"}], [], THIRD, None),
        ([LEARNS], [], FIRST, None),
        ([LEARNS], [], SECOND, Missing(FIRST, "2020-01-01 has not been ingested", 0)),
        ([LEARNS], [ingest(FIRST)], SECOND, None),
        ([LEARNS], [lambda lake: block(WORKFLOW, lake, FIRST)], SECOND, None),
        ([LEARNS], [ingest(SECOND)], THIRD, None),
        ([{**LEARNS, "partitions": 9}], [ingest(SECOND)], THIRD, Missing(FIRST, "2020-01-01 has not been ingested", 1)),
    ],
)
def test_cleaning_waits_for_the_partitions_that_its_rules_learn_from(lake, clean, done, key, missing):
    for do in done:
        do(lake)
    assert find_missing_to_clean(make_workflow(clean=clean), key, lake) == missing
