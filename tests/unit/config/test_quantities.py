"""Quantities as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakemill.config.quantities import read_duration, read_share


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("1 day", timedelta(days=1)),
        ("2days", timedelta(days=2)),
        (" 90 minutes ", timedelta(hours=1, minutes=30)),
        ("0.5 hours", timedelta(minutes=30)),
        ("0 weeks", timedelta(0)),
        (timedelta(seconds=3), timedelta(seconds=3)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, duration):
    assert read_duration(text) == duration


@pytest.mark.parametrize("text", ["1", 1, "day", "1 month", "-1 day", "1 day ago", "", None, "1e3 days", "s"])
def test_a_duration_without_a_number_or_a_known_unit_is_refused(text):
    with pytest.raises(
        ValueError, match=r"must be a number and one of millisecond, second, minute, hour, day, week, like .1 day.; got"
    ):
        read_duration(text)


@pytest.mark.parametrize("text", ["99999999999 days", "9" * 400 + " minutes"])
def test_a_duration_that_is_too_long_is_refused(text):
    with pytest.raises(ValueError, match="must be less than a billion days"):
        read_duration(text)


@pytest.mark.parametrize(
    ("text", "share"), [("15 %", 0.15), ("15%", 0.15), ("0.15", 0.15), (0.15, 0.15), (0, 0.0), (1, 1.0), ("100 %", 1.0)]
)
def test_a_share_is_a_percentage_or_a_number(text, share):
    assert read_share(text) == share


@pytest.mark.parametrize("text", ["101 %", 1.5, 15, "-1 %", -0.1, "many", "", None, "15 percent", True])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ValueError, match=r"must be a share like '15 %' or 0\.15; got"):
        read_share(text)


@given(st.integers(0, 100))
def test_a_percentage_means_its_hundredth(percent):
    assert read_share(f"{percent} %") == percent / 100
