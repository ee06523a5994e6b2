"""The ledger of times: what was measured first stays, unless the work is another."""

from dataclasses import replace

import pytest

from lakemill.lake import Lake
from lakemill.lake.times import EVALUATION, FIT, SCORING, TABLE, TRIAL, Time, read_times, record_times

SCORED = Time("2020-01-01", SCORING, 100, 0.5, 0.6, 1000, snapshot="s", version="1")
TRIED = Time(
    "2020-01-01", TRIAL, 70, 1.5, 1.6, 2000, snapshot="s", candidate="plain", trial=0,
    parameters={"C": 0.1, "weights": None, "sizes": [1, 2]}, metric="roc_auc", score=0.7, standard_error=0.02,
    fit_cpu_seconds=1.2,
)  # fmt: skip


def test_what_was_kept_is_read_again(lake: Lake) -> None:
    for one in (SCORED, TRIED):
        assert record_times(lake, [one], of="step")

    assert read_times(lake) == [TRIED, SCORED]
    assert read_times(lake, SCORING) == [SCORED]
    assert read_times(lake, snapshot="other") == []


def test_a_retry_that_took_another_time_changes_nothing(lake: Lake) -> None:
    record_times(lake, [SCORED], of="1")
    before = lake.version(TABLE)

    assert not record_times(lake, [replace(SCORED, cpu_seconds=9.0)], of="1")
    assert read_times(lake) == [SCORED]
    assert lake.version(TABLE) == before


def test_other_work_takes_the_place_of_the_old(lake: Lake) -> None:
    record_times(lake, [SCORED], of="1")

    assert record_times(lake, [replace(SCORED, rows=101)], of="1", is_anew=True)
    assert not record_times(lake, [replace(SCORED, rows=101)], of="1", is_anew=True)  # the same once more
    assert [one.rows for one in read_times(lake)] == [101]


def test_steps_stand_beside_each_other(lake: Lake) -> None:
    record_times(lake, [SCORED], of="1")
    record_times(lake, [replace(SCORED, version="2")], of="2")
    record_times(lake, [replace(SCORED, partition="2020-01-02")], of="1")

    assert [(one.partition, one.version) for one in read_times(lake)] == [
        ("2020-01-01", "1"),
        ("2020-01-01", "2"),
        ("2020-01-02", "1"),
    ]


def test_they_come_by_partition_kind_candidate_and_trial(lake: Lake) -> None:
    trials = [replace(TRIED, trial=number) for number in (10, 2)]
    record_times(lake, trials, of="s-plain")
    record_times(lake, [replace(TRIED, candidate="other")], of="s-other")
    for what in (SCORING, EVALUATION, FIT):
        record_times(lake, [replace(SCORED, what=what)], of="s")

    assert [(one.what, one.candidate, one.trial) for one in read_times(lake)] == [
        (TRIAL, "other", 0),
        (TRIAL, "plain", 2),
        (TRIAL, "plain", 10),
        (FIT, None, None),
        (EVALUATION, None, None),
        (SCORING, None, None),
    ]


@pytest.mark.parametrize("what", [None, FIT])
def test_a_lake_without_times_has_none(lake: Lake, what: str | None) -> None:
    assert read_times(lake, what) == []
    assert not record_times(lake, [], of="s")
