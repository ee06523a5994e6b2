"""Which partitions are replayed, and what is said where there are none."""

import pytest
from workflows_for_tests import block, make_rows, make_workflow, publish

from lakemill.exceptions import LakemillError
from lakemill.lake import Lake
from lakemill.replay.preparing import choose_partitions

KEYS = [f"2020-01-0{day}" for day in range(1, 6)]


@pytest.fixture
def history(lake: Lake) -> Lake:
    """Days 1, 2, 3 and 5; of day 4 nothing was ingested."""
    workflow = make_workflow()
    for key in (*KEYS[:3], KEYS[4]):
        publish(workflow, lake, key, make_rows(workflow, key, 10))
    return lake


def test_a_range_is_taken_as_it_is(history: Lake) -> None:
    assert choose_partitions(make_workflow(), history, None, KEYS[2]) == (KEYS[:3], [])
    assert choose_partitions(make_workflow(), history, KEYS[1], KEYS[1]) == ([KEYS[1]], [])
    assert choose_partitions(make_workflow(), history, KEYS[4], None) == ([KEYS[4]], [])


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2020-1-1", None, "--from: the key of a partition by day looks like 2013-01-31; got '2020-1-1'"),
        ("2019-12-31", None, "--from: 2019-12-31 is not there\n  -> published are 2020-01-01 to 2020-01-05"),
        (None, "2020-01-06", "--to: 2020-01-06 is not there"),
        (KEYS[2], KEYS[1], "--from, --to: no partition from 2020-01-03 to 2020-01-02"),
        (None, None, "small: 2020-01-04 has not been ingested\n  -> ingest it first: lakemill run small"),
    ],
)
def test_a_range_that_is_not_there_is_told(history: Lake, first: str | None, last: str | None, said: str) -> None:
    with pytest.raises(LakemillError) as error:
        choose_partitions(make_workflow(), history, first, last)
    assert str(error.value).startswith(said)


def test_nothing_published_is_told(lake: Lake) -> None:
    workflow = make_workflow()
    block(workflow, lake, KEYS[0])
    with pytest.raises(LakemillError, match="small: no partition is published\n  -> ingest some first: lakemill run"):
        choose_partitions(workflow, lake, None, None)
