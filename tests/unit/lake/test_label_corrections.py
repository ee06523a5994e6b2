"""Answers about labels: appended once, known from their moment on, applied to the rows they speak of."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lakemill.lake import Lake
from lakemill.lake.label_corrections import (
    TABLE,
    Correction,
    apply_corrections,
    can_be_read,
    name_settled,
    read_corrections,
    record_corrections,
)

DAY = "2020-01-01"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


def on(day: int) -> datetime:
    return datetime(2020, 1, day, tzinfo=UTC)


def said(key: int = 1, label: str | None = "b", *, day: int = 5, **rest: Any) -> Correction:
    action = rest.pop("action", "label")
    content = {"partition": DAY, "key": f'["{key}"]', "given": "a", "who": "ann", "reason": "", **rest}
    return Correction(action=action, label=label if action == "label" else None, known_at=on(day), **content)


def test_an_answer_comes_back_as_it_was_given(lake: Lake) -> None:
    one = said(reason="it's plain to see", who="Ann O'Hara")

    assert record_corrections(lake, [one]) == 1
    assert read_corrections(lake) == [one]


def test_the_same_answers_again_add_nothing(lake: Lake) -> None:
    answers = [said(1), said(2), said(3, partition="2020-01-02")]
    record_corrections(lake, answers)
    version = lake.version(TABLE)

    assert record_corrections(lake, [*answers, said(4)]) == 1
    assert record_corrections(lake, answers) == 0
    assert lake.version(TABLE) == version + 1
    assert len(read_corrections(lake)) == 4


def test_earlier_answers_stay_when_later_ones_come(lake: Lake) -> None:
    record_corrections(lake, [said(day=5)])
    record_corrections(lake, [said(label="c", day=7)])

    assert lake.read(TABLE).num_rows == 2
    assert [one.label for one in read_corrections(lake)] == ["c"]


@pytest.mark.parametrize(("day", "labels"), [(4, []), (5, []), (6, ["b"]), (7, ["b"]), (8, ["c"])])
def test_an_answer_is_known_from_its_moment_on_and_not_before(lake: Lake, day: int, labels: list[str]) -> None:
    record_corrections(lake, [said(label="c", day=7), said(label="b", day=5)])

    assert [one.label for one in read_corrections(lake, as_of=on(day))] == labels


def test_only_named_answers_and_partitions_are_read(lake: Lake) -> None:
    first, other = said(1), said(2, partition="2020-01-02")
    record_corrections(lake, [first, other])

    assert read_corrections(lake, answers=[first.answer]) == [first]
    assert read_corrections(lake, ["2020-01-02"]) == [other]


def test_a_lake_without_answers_has_none(lake: Lake) -> None:
    assert read_corrections(lake, as_of=on(9)) == []


def rows_of(labels: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    count = len(labels)
    return pa.table(
        {"id": list(range(count)), "label": pa.array(labels, kind), "partition": pa.array([DAY] * count, pa.string())}
    )


def mend(rows: pa.Table, *answers: Correction) -> list[Any]:
    return apply_corrections(rows, list(answers), key=("id",), label="label").column("label").to_pylist()


def test_labels_are_replaced_and_rows_dropped() -> None:
    answers = said(0), said(1, action="drop"), said(2, action="unsure")

    assert mend(rows_of(["a", "a", "a", "a"]), *answers) == ["b", "a", "a"]


@pytest.mark.parametrize(
    "other", [said(1, given="z"), said(1, partition="2020-01-02"), said(9)], ids=["label", "partition", "key"]
)
def test_an_answer_about_another_row_or_another_label_changes_nothing(other: Correction) -> None:
    assert mend(rows_of(["a", "a"]), other) == ["a", "a"]


@pytest.mark.parametrize(
    ("labels", "given", "label", "mended"),
    [
        ([1.5, 2.0], "2", "0.25", [1.5, 0.25]),
        ([True, False], "false", "true", [True, True]),
        ([1, 2], "2", "7", [1, 7]),
    ],
)
def test_values_keep_their_type(labels: list[Any], given: str, label: str, mended: list[Any]) -> None:
    rows = rows_of(labels)

    found = apply_corrections(rows, [said(1, label, given=given)], key=("id",), label="label")

    assert found.column("label").to_pylist() == mended
    assert found.schema.equals(rows.schema)


def test_a_text_that_is_no_value_is_told(lake: Lake) -> None:
    assert can_be_read("1e3", pa.float64())
    assert not can_be_read("many", pa.float64())


def test_what_was_asked_and_what_was_answered_is_settled() -> None:
    settled = name_settled([said(1), said(2, action="unsure")])

    assert settled == {(DAY, '["1"]', "a"), (DAY, '["1"]', "b"), (DAY, '["2"]', "a")}
