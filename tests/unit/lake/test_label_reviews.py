"""The queue of reviews: the latest training's, without what was answered."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakemill.lake import Lake
from lakemill.lake.label_corrections import Correction, record_corrections
from lakemill.lake.label_reviews import TABLE, Review, read_queue, record_reviews

MOMENT = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


def suspect(rank: int, given: str = "a") -> Review:
    return Review(rank, "2020-01-01", f'["{rank}", null]', MOMENT, given, "b", None, 0.5, True, "odd", "abc")


def test_the_latest_queue_is_read_by_rank(lake: Lake) -> None:
    record_reviews(lake, "2020-01-02", [suspect(2), suspect(1)])
    record_reviews(lake, "2020-01-01", [suspect(7)])

    partition, queue = read_queue(lake)

    assert (partition, queue) == ("2020-01-02", [suspect(1), suspect(2)])
    assert queue[0].key_values == ["1", None]


def test_what_was_answered_is_not_asked_again(lake: Lake) -> None:
    record_reviews(lake, "2020-01-02", [suspect(1), suspect(2), suspect(3, "z")])
    for rank in (1, 3):
        one = Correction("2020-01-01", f'["{rank}", null]', "a", "unsure", None, "ann", "", MOMENT)
        record_corrections(lake, [one])

    assert [one.rank for one in read_queue(lake)[1]] == [2, 3]  # of 3 another label was asked about


def test_an_empty_queue_takes_the_place_of_an_earlier_one(lake: Lake) -> None:
    assert not record_reviews(lake, "2020-01-02", [])
    assert read_queue(lake) == (None, [])
    record_reviews(lake, "2020-01-02", [suspect(1)])

    assert record_reviews(lake, "2020-01-02", [])
    assert read_queue(lake)[1] == []


def test_the_same_queue_again_changes_nothing(lake: Lake) -> None:
    record_reviews(lake, "2020-01-02", [suspect(1)])
    version = lake.version(TABLE)

    assert not record_reviews(lake, "2020-01-02", [suspect(1)])
    assert lake.version(TABLE) == version
