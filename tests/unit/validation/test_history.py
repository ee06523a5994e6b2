"""A partition against its own history: limits from the partitions published before it, and from no other."""

import json
from datetime import datetime, timezone

import pytest

from lakemill.collection import collect_source
from lakemill.exceptions import ConfigError
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.validation import validate_partition
from lakemill.validation.history import Settings, expect_next
from lakemill.validation.suites import open_suite

NOW = datetime(2024, 4, 1, tzinfo=timezone.utc)
SUITE = "include/expectations/parcels.json"
HISTORY = {"$PARAMETER": "history"}
BOTH = {"min_value": HISTORY, "max_value": HISTORY}
DAYS = [f"2024-03-{day:02}" for day in range(1, 10)]


def learn(kind: str, kwargs: dict, **settings) -> dict:
    meta = {"action": "block", **({"history": settings} if settings else {})}
    return {"type": f"expect_{kind}", "kwargs": kwargs, "meta": meta}


def day_of(
    day: str, *, count: int = 20, weight: float = 5.0, depots: str = "NS", empty: int = 0, last: str = "23"
) -> str:
    lines = [
        f"{day}-{n},{day} {min(n, int(last)):02}:00:00,"
        f"{'' if n < empty else weight + n % 3},{depots[n % len(depots)]},true"
        for n in range(count - 1)
    ]
    return "\n".join(
        ["id,sent_at,weight,depot,late", *lines, f"{day}-last,{day} {last}:00:00,{weight},{depots[0]},false", ""]
    )


@pytest.fixture
def judge(make_project, lake):
    """Function that validates days one after the other with one expectation; returns the last one's warnings."""

    def run(expectation: dict, days: dict[str, str], *, blocked: tuple[str, ...] = ()):
        suite = json.dumps({"name": "parcels", "expectations": [expectation]})
        files = {SUITE: suite, **{f"include/data/parcels_{day}.csv": text for day, text in days.items()}}
        settings, parcels = make_project(workflow={"partition": {"every": "day", "start": DAYS[0]}}, files=files)
        told = ""
        for day in days:
            collect_source(parcels, "parcels", day, lake, project=settings.project, ingested_at=NOW, connections=None)
            found = validate_partition(parcels, day, lake, project=settings.project, mode="warn")
            told = "; ".join(found["warnings"])
            verdict = "blocked" if day in blocked else "published"
            record_verdict(lake, Verdict("ingestion", day, parcels.partition.interval(day).end, verdict))
        return told

    return run


USUAL = {day: day_of(day, count=20 + number % 2) for number, day in enumerate(DAYS[:6])}
CASES = {
    "rows": (learn("table_row_count_to_be_between", BOTH), {"count": 60}),
    "nulls": (learn("column_values_to_not_be_null", {"column": "weight", "mostly": HISTORY}), {"empty": 10}),
    "nulls both ways": (
        learn("column_proportion_of_non_null_values_to_be_between", {"column": "weight", **BOTH}),
        {"empty": 9},
    ),
    "mean": (learn("column_mean_to_be_between", {"column": "weight", **BOTH}), {"weight": 9.0}),
    "quantiles": (
        learn(
            "column_quantile_values_to_be_between",
            {"column": "weight", "quantile_ranges": {"quantiles": [0.1, 0.5], "value_ranges": HISTORY}},
        ),
        {"weight": 9.0},
    ),
    "new category": (
        learn("column_distinct_values_to_be_in_set", {"column": "depot", "value_set": HISTORY}),
        {"depots": "NSW"},
    ),
    "vanished category": (
        learn("column_distinct_values_to_contain_set", {"column": "depot", "value_set": HISTORY}),
        {"depots": "N"},
    ),
    "freshness": (learn("column_max_to_be_between", {"column": "sent_at", "min_value": HISTORY}), {"last": "11"}),
    "distribution": (
        learn(
            "column_kl_divergence_to_be_less_than", {"column": "depot", "partition_object": HISTORY, "threshold": 0.1}
        ),
        {"depots": "NNNNNNNNNS"},
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES)
def test_a_day_like_those_before_passes_and_another_fails(judge, case):
    expectation, oddity = CASES[case]
    assert judge(expectation, {**USUAL, DAYS[6]: day_of(DAYS[6])}) == ""
    told = judge(expectation, {**USUAL, DAYS[6]: day_of(DAYS[6], **oddity)})
    assert "history" in told
    assert "6 partitions" in told


def test_too_little_history_passes_and_says_so(judge, lake):
    days = {day: day_of(day, count=count) for day, count in zip(DAYS[:3], (20, 20, 900), strict=True)}
    assert judge(learn("table_row_count_to_be_between", BOTH), days) == ""
    results = lake.read_document(f"validations/{DAYS[2]}/table")["results"]
    assert results[0]["result"]["observed_value"] == "too little history: 2 partition(s), 3 are needed"


def test_a_later_partition_tells_an_earlier_one_nothing(judge, lake):
    later = {day: day_of(day, count=900) for day in DAYS[4:9]}
    expectation = learn("table_row_count_to_be_between", BOTH)
    first = {day: day_of(day) for day in DAYS[:4]}
    judge(expectation, {**later, **first})
    with_later = lake.read_document(f"validations/{DAYS[3]}/table")
    judge(expectation, first)
    assert lake.read_document(f"validations/{DAYS[3]}/table") == with_later
    assert with_later["results"][0]["expectation_config"]["kwargs"]["max_value"] < 30


def test_blocked_partitions_are_no_history(judge):
    odd = {DAYS[6]: day_of(DAYS[6], count=500), DAYS[7]: day_of(DAYS[7], count=500)}
    days = {**USUAL, **odd}
    assert judge(learn("table_row_count_to_be_between", BOTH), days, blocked=(DAYS[6],)) != ""
    assert judge(learn("table_row_count_to_be_between", BOTH, partitions=3), days, blocked=(DAYS[6],)) != ""


def test_only_the_last_partitions_count(judge):
    days = {**{day: day_of(day, count=100) for day in DAYS[:3]}, **{day: day_of(day) for day in DAYS[3:7]}}
    assert judge(learn("table_row_count_to_be_between", BOTH, partitions=3, tolerance=0.1), days) == ""
    days[DAYS[6]] = day_of(DAYS[6], count=100)
    assert judge(learn("table_row_count_to_be_between", BOTH, partitions=3, tolerance=0.1), days) != ""


def test_an_expectation_that_is_new_learns_from_what_was_ingested_before_it(judge, lake):
    judge({"type": "expect_column_to_exist", "kwargs": {"column": "weight"}}, USUAL)
    assert lake.read_document(f"figures/{DAYS[0]}/table") is None
    told = judge(CASES["mean"][0], {DAYS[6]: day_of(DAYS[6], weight=9.0)})
    assert "by 6 partitions" in told
    assert set(lake.read_document(f"figures/{DAYS[0]}/table")) == {"mean(weight)"}


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        (learn("column_values_to_match_regex", {"column": "id", "regex": HISTORY}), "cannot learn from history"),
        (learn("column_mean_to_be_between", {"column": HISTORY, "min_value": 1}), "column cannot be learnt"),
        (learn("column_mean_to_be_between", {"column": "a", "min_value": 1}, partitions=3), "no argument is learnt"),
        (learn("column_mean_to_be_between", {"column": "a", **BOTH}, partitons=3), "meta.history.partitons"),
        (learn("column_mean_to_be_between", {"column": "a", **BOTH}, tolerance=-1), "meta.history.tolerance"),
    ],
)
def test_what_cannot_be_learnt_is_told_with_its_place(tmp_path, expectation, said):
    path = tmp_path / "suite.json"
    path.write_text(json.dumps({"name": "x", "expectations": [expectation]}))
    with pytest.raises(ConfigError, match=r"suite\.json: expectations\.0") as caught:
        open_suite(path, where="suite.json")
    assert said in str(caught.value)


def test_great_expectations_itself_loads_such_a_suite():
    from lakemill.validation.by_great_expectations import import_quietly

    import_quietly()
    from great_expectations import ExpectationSuite

    suite = ExpectationSuite(name="x", expectations=[expectation for expectation, _ in CASES.values()])
    assert len(suite.expectations) == len(CASES)


def test_limits_widen_where_history_is_short_and_never_are_a_point():
    short, long = (expect_next(values, Settings()) for values in ([99, 100, 101], [99, 100, 101] * 5))
    assert short[0] < long[0] < 99
    assert expect_next([100.0, 100.0, 100.0], Settings()) == (99.0, 101.0)
    assert expect_next([0.0, 0.0, 0.0], Settings(), is_absolute=True) == (-0.01, 0.01)
