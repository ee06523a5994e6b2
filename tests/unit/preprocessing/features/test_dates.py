"""Moments as parts, in the zone of the partitions."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lakemill.config.features import Features, Transform
from lakemill.preprocessing.features import make_frame, make_transformer
from lakemill.preprocessing.features.dates import DateParts


def parts_of(*moments: str | None, parts: list[str], cycles: bool = False, timezone: str = "UTC") -> list[list[float]]:
    frame = pd.DataFrame({"at": pd.to_datetime(pd.Series(moments, dtype=object))})
    return DateParts(parts=parts, cycles=cycles, timezone=timezone).fit_transform(frame)[:, :-1].tolist()


@pytest.mark.parametrize(
    ("timezone", "moment", "parts"),
    [
        ("UTC", "2024-02-29 23:30", [2024, 2, 29, 3, 23, 30, 60]),
        ("Europe/Berlin", "2024-02-29 23:30", [2024, 3, 1, 4, 0, 30, 61]),
        ("America/New_York", "2024-01-01 02:15", [2023, 12, 31, 6, 21, 15, 365]),
        ("Asia/Kolkata", "2024-01-01 02:15", [2024, 1, 1, 0, 7, 45, 1]),
    ],
)
def test_parts_are_those_of_the_zone(timezone, moment, parts):
    names = ["year", "month", "day", "weekday", "hour", "minute", "day_of_year"]
    assert parts_of(moment, parts=names, timezone=timezone) == [parts]


def test_the_hour_that_comes_twice_is_the_same_hour_and_no_hour_is_lost():
    hours = parts_of(
        "2024-10-27 00:30", "2024-10-27 01:30", "2024-10-27 02:30", parts=["hour"], timezone="Europe/Berlin"
    )
    assert hours == [[2], [2], [3]]


def test_a_cycle_brings_its_ends_together():
    ends = parts_of("2024-12-31 23:00", "2024-01-01 00:00", "2024-06-01 12:00", parts=["hour"], cycles=True)
    circle = np.array(ends)[:, 1:]

    assert np.linalg.norm(circle[0] - circle[1]) < 0.3 < np.linalg.norm(circle[1] - circle[2])
    np.testing.assert_allclose(np.linalg.norm(circle, axis=1), 1)


def test_names_and_columns_agree():
    frame = pd.DataFrame({"a": pd.to_datetime(["2024-01-01"]), "b": pd.to_datetime(["2024-01-01"])})
    parts = DateParts(parts=["year", "hour"]).fit(frame)

    assert parts.get_feature_names_out().tolist()[:5] == ["a_year", "a_hour", "a_hour_sin", "a_hour_cos", "a_missing"]
    assert len(parts.get_feature_names_out()) == parts.transform(frame).shape[1]


@pytest.mark.parametrize("moments", [[None, None], [0, None]], ids=["none at all", "one of two"])
def test_missing_moments_are_told_and_leave_no_gap(moments):
    features = Features(dates=("at",), transform=Transform(parts=("hour",), cycles=False))
    frame = make_frame(pa.table({"at": pa.array(moments, pa.timestamp("us", "UTC"))}), features)

    found = make_transformer(features, encode="one_hot", sparse=False, seed=0).fit_transform(frame)

    assert found.shape == (2, 2)
    assert np.isfinite(found).all()
    assert len(set(found[:, 1])) == len(set(moments))


def test_frames_hold_moments_in_utc_whatever_their_zone_and_unit():
    moments = pa.array([0, None], pa.timestamp("s", "Asia/Tokyo"))

    frame = make_frame(pa.table({"at": moments}), Features(dates=("at",)))

    assert str(frame["at"].dtype) == "datetime64[us]"
    assert frame["at"].tolist() == [pd.Timestamp("1970-01-01"), pd.NaT]


def test_a_row_does_not_depend_on_the_rows_beside_it_and_no_rows_are_taken():
    features = Features(dates=("at",), timezone="Europe/Berlin")
    frame = pd.DataFrame({"at": pd.to_datetime(["2024-01-01 03:00", "2024-05-07 09:30", None])})
    transformer = make_transformer(features, encode="one_hot", sparse=False, seed=0).fit(frame)

    whole = transformer.transform(frame)

    for at in range(3):
        np.testing.assert_array_equal(transformer.transform(frame.iloc[[at]])[0], whole[at])
    with pytest.raises(
        ValueError, match="0 sample"
    ):  # scikit-learn's own limit: a partition without rows is not scored
        transformer.transform(frame.iloc[:0])
