"""The ledger: who is in charge as of a moment."""

from datetime import UTC, datetime

import pytest

from lakemill.lake import Lake
from lakemill.registry.ledger import TABLE, Entry, find_champion, record_entry


def on(day: int) -> datetime:
    return datetime(2020, 1, day, tzinfo=UTC)


def promote(lake: Lake, version: str, day: int, *, recorded: int | None = None) -> bool:
    entry = Entry(version, on(day), f"snapshot{version}", "let through by the gate")
    return record_entry(lake, entry, recorded_at=on(recorded or day))


def champion_on(lake: Lake, day: int) -> str | None:
    found = find_champion(lake, as_of=on(day))
    return found.version if found else None


def test_an_empty_lake_has_no_champion(lake: Lake) -> None:
    assert find_champion(lake, as_of=on(5)) is None


@pytest.mark.parametrize("order", [[("1", 5), ("2", 10), ("3", 15)], [("3", 15), ("1", 5), ("2", 10)]])
@pytest.mark.parametrize(
    ("day", "version"),
    [(4, None), (5, "1"), (9, "1"), (10, "2"), (14, "2"), (15, "3"), (28, "3")],
)
def test_the_champion_as_of_a_moment_whatever_the_order_of_recording(
    lake: Lake, order: list[tuple[str, int]], day: int, version: str | None
) -> None:
    for recorded, (name, from_day) in enumerate(order, start=20):
        promote(lake, name, from_day, recorded=recorded)

    assert champion_on(lake, day) == version


def test_of_two_as_of_the_same_moment_the_one_recorded_later_is_in_charge(lake: Lake) -> None:
    promote(lake, "2", 5, recorded=21)
    promote(lake, "1", 5, recorded=20)

    assert champion_on(lake, 6) == "2"


def test_a_promotion_is_recorded_once(lake: Lake) -> None:
    assert promote(lake, "1", 5, recorded=20)
    version = lake.version(TABLE)

    assert not promote(lake, "1", 5, recorded=22)
    assert lake.version(TABLE) == version


def test_an_entry_comes_back_as_it_was_recorded(lake: Lake) -> None:
    promote(lake, "7", 5)

    assert find_champion(lake, as_of=on(5)) == Entry("7", on(5), "snapshot7", "let through by the gate")
