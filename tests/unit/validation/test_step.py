"""A partition is accepted, refused in part, or blocked."""

import json
from datetime import datetime, timezone

import pyarrow as pa
import pytest

from lakemill.collection import collect_source
from lakemill.config.versions import OF_INGESTION
from lakemill.exceptions import BlockedPartitionError, ConfigError, LakeError, TableError
from lakemill.lake.verdicts import Verdict, read_verdicts, record_verdict
from lakemill.validation import validate_partition

KEY = "2024-03-01"
FILE = f"include/data/parcels_{KEY}.csv"
HEADER = "id,sent_at,weight,depot,late\n"
NOW = datetime(2024, 3, 4, tzinfo=timezone.utc)
SUITE = "include/expectations/parcels.json"
HEAVY = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "weight", "max_value": 100},
    "meta": {"action": "quarantine"},
}
HEAVY_IN_WORDS = "column_values_to_be_between(column=weight, max_value=100)"
SIZE = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 4}}


def expect(*expectations) -> str:
    return json.dumps({"name": "parcels", "expectations": expectations})


def acts(expectation: dict, action: str) -> dict:
    return {**expectation, "meta": {"action": action}}


@pytest.fixture
def validate(make_project, lake):
    """Function that collects and validates a partition of a project with these files; returns its result."""

    def run(lines: str | None = None, suite: str = expect(HEAVY), workflow=None):
        files = {SUITE: suite, **({FILE: HEADER + lines} if lines is not None else {})}
        settings, parcels = make_project(workflow=workflow, files=files)
        collect_source(parcels, "parcels", KEY, lake, project=settings.project, ingested_at=NOW, connections=None)
        return validate_partition(parcels, KEY, lake, project=settings.project)

    return run


def refused(lake) -> dict[str, list[str]]:
    rows = lake.read("quarantine")
    return {} if rows is None else {json.loads(row["row"])["id"]: row["reasons"] for row in rows.to_pylist()}


def staged(lake) -> list[str]:
    return lake.staged("validate", KEY).column("id").to_pylist()


def test_good_rows_are_all_accepted(validate, lake):
    validated = validate()
    assert set(validated.pop("made_by")) == set(OF_INGESTION)
    assert validated == {
        "rows": 6,
        "quarantined": 0,
        "refused": {"parcels": 0},
        "warnings": [],
        "validation": "full",
        "expectations": {"table": {"evaluated": 1, "successful": 1, "found": []}},
        "released": {},
    }
    assert staged(lake) == [f"{KEY}-{number}" for number in range(6)]
    assert refused(lake) == {}


def test_a_row_that_fails_is_refused_and_the_others_are_accepted(validate, lake):
    found = validate("a,2024-03-01,5,N,true\nb,2024-03-01,500,N,true\nc,2024-03-01,,N,\n")
    assert (found["rows"], found["quarantined"], found["warnings"]) == (3, 1, [])
    assert staged(lake) == ["a", "c"]
    assert refused(lake) == {"b": [HEAVY_IN_WORDS]}


def test_a_refused_row_bears_all_its_reasons(validate, lake):
    light = acts(
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "depot", "value_set": ["N"]}}, "quarantine"
    )
    validate("a,2024-03-09,500,W,true\n", expect(HEAVY, light))
    assert refused(lake) == {
        "a": [
            "sent_at: event time outside of partition 2024-03-01",
            HEAVY_IN_WORDS,
            "column_values_to_be_in_set(column=depot, value_set=['N'])",
        ]
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a,2024-02-29 23:59:59,5,N,true", "sent_at: event time outside of partition 2024-03-01"),
        ("a,2024-03-02 00:00:00,5,N,true", "sent_at: event time outside of partition 2024-03-01"),
        ("a,,5,N,true", "sent_at: missing, but part of the key or the event time"),
        ("a,2024-03-01,heavy,N,true", "weight: cannot be read as its type"),
    ],
)
def test_a_row_that_cannot_be_placed_or_read_is_refused(validate, lake, line, reason):
    validate(f"ok,2024-03-01 00:00:00,5,N,true\n{line}\nok2,2024-03-01 23:59:59,5,N,true\n")
    assert refused(lake) == {"a": [reason]}
    assert staged(lake) == ["ok", "ok2"]


def test_a_row_without_its_key_is_refused(validate, lake):
    validate(",2024-03-01,5,N,true\nb,2024-03-01,5,N,true\n")
    assert refused(lake) == {None: ["id: missing, but part of the key or the event time"]}


def test_an_unreadable_event_time_is_told_as_such_too(validate, lake):
    validate("a,soon,5,N,true\nb,2024-03-01,5,N,true\n")
    assert "sent_at: cannot be read as its type" in refused(lake)["a"]


def test_an_unreadable_value_of_a_declared_type_is_refused_at_its_source(validate, lake):
    collect = {"parcels": {"path": "include/data/parcels_{partition}.csv", "types": {"weight": "number"}}}
    found = validate("a,2024-03-01,heavy,N,true\nb,2024-03-01,5,N,true\n", workflow={"collect": collect})
    assert (found["rows"], found["refused"]) == (1, {"parcels": 1})
    assert refused(lake) == {"a": ["weight: cannot be read as its type"]}


@pytest.mark.parametrize(
    ("expectation", "warning"),
    [
        (acts(HEAVY, "warn"), f"table: {HEAVY_IN_WORDS}: 1 of 1 rows fail"),
        (SIZE, "table: table_row_count_to_be_between(min_value=4): observed 1"),
        (acts(SIZE, "quarantine"), "table: table_row_count_to_be_between(min_value=4): observed 1"),
    ],
    ids=["rows", "a table, without an action", "a table that no row of which can be refused"],
)
def test_a_failure_that_refuses_no_row_is_a_warning(validate, lake, expectation, warning):
    found = validate("a,2024-03-01,500,N,true\n", expect(expectation))
    assert found["warnings"] == [warning]
    assert (staged(lake), refused(lake)) == (["a"], {})


def test_mostly_spares_the_partition_but_not_the_rows(validate, lake):
    forgiving = {**HEAVY, "kwargs": {**HEAVY["kwargs"], "mostly": 0.1}}
    validate("a,2024-03-01,500,N,true\nb,2024-03-01,5,N,true\n", expect(forgiving))
    assert (staged(lake), list(refused(lake))) == (["b"], ["a"])


def test_a_blocked_partition_publishes_nothing_and_says_why(validate, lake):
    blocking = [acts(SIZE, "block"), acts(HEAVY, "block")]
    with pytest.raises(BlockedPartitionError) as caught:
        validate("a,2024-03-01,500,N,true\n", expect(*blocking))
    broken = (
        "table: table_row_count_to_be_between(min_value=4): observed 1",
        f"table: {HEAVY_IN_WORDS}: 1 of 1 rows fail",
    )
    assert str(caught.value).startswith(
        f"parcels 2024-03-01 ({SUITE}): blocked by 2 expectation(s): {broken[0]}; {broken[1]}"
    )
    verdict = read_verdicts(lake, "ingestion")[KEY]
    assert (verdict.verdict, verdict.reasons) == ("blocked", broken)
    assert set(verdict.evidence["made_by"]) == set(OF_INGESTION)
    assert verdict.as_of == datetime(2024, 3, 2, tzinfo=timezone.utc)
    assert lake.read("clean") is None
    with pytest.raises(LakeError, match="nothing staged by validate"):
        lake.staged("validate", KEY)


def test_a_block_that_is_kept_does_not_block(validate, lake):
    validate("a,2024-03-01,5,N,true\n", expect(acts(HEAVY, "block")))
    assert staged(lake) == ["a"]
    assert read_verdicts(lake, "ingestion") == {}


def test_a_source_is_judged_before_the_query_sees_it(validate, lake):
    files = {"parcels": SUITE}
    found = validate("a,2024-03-01,500,N,true\nb,2024-03-01,5,N,true\n", workflow={"expectations": files})
    assert (found["rows"], found["quarantined"], found["refused"]) == (1, 0, {"parcels": 1})
    assert lake.read("quarantine").column("source").to_pylist() == ["parcels"]


def test_validating_again_gives_the_same_and_mended_rows_leave_the_quarantine(validate, lake):
    lines = "a,2024-03-01,500,N,true\nb,2024-03-01,5,N,true\n"
    first = validate(lines)
    version = lake.version("quarantine")
    assert validate(lines) == first
    assert lake.version("quarantine") == version
    validate(lines.replace("500", "50"))
    assert (refused(lake), staged(lake)) == ({}, ["a", "b"])


def test_a_partition_without_rows_is_accepted_empty(validate, lake):
    assert validate("")["rows"] == 0
    assert staged(lake) == []


def test_without_a_suite_only_keys_times_and_types_are_judged(validate, lake):
    found = validate("a,2024-03-01,500,N,true\nb,2024-04-01,5,N,true\n", workflow={"expectations": None})
    assert found["quarantined"] == 1
    assert staged(lake) == ["a"]


@pytest.mark.parametrize(
    ("suite", "error", "said"),
    [
        ("{", ConfigError, f"{SUITE}: not a Great Expectations suite"),
        (expect({**HEAVY, "type": "expect_heavy"}), ConfigError, f"{SUITE}: expectations.0: unknown expectation"),
        (expect({**HEAVY, "kwargs": {"column": "wieght", "max_value": 1}}), TableError, "no column 'wieght'"),
    ],
)
def test_a_wrong_suite_is_told_with_its_file(validate, suite, error, said):
    with pytest.raises(error) as caught:
        validate(suite=suite)
    assert str(caught.value).startswith(SUITE)
    assert said in str(caught.value)


def test_a_partition_that_was_not_collected_is_told(project, lake):
    settings, workflow = project
    with pytest.raises(LakeError, match=r"parcels 2024-03-01: no table raw_parcels\n  -> run collect first"):
        validate_partition(workflow, KEY, lake, project=settings.project)


def test_a_partition_that_was_published_stays_so_when_a_later_delivery_is_blocked(validate, lake):
    lake.replace_partition("clean", KEY, pa.table({"id": ["a"]}))
    record_verdict(lake, Verdict("ingestion", KEY, NOW, "published"))
    with pytest.raises(BlockedPartitionError):
        validate("a,2024-03-01,5,N,true\n", expect(acts(SIZE, "block")))
    assert read_verdicts(lake, "ingestion")[KEY].verdict == "published"


def test_categories_keys_and_classes_are_the_delivered_texts(validate, lake):
    table = {"key": ["id"], "event_time": "sent_at", "label": {"column": "late", "problem": "classification"}}
    validate("1,2024-03-01,5,1.50,True\n2.0,2024-03-01,6,2,Unknown\n", workflow={"table": table})
    found = lake.staged("validate", KEY)
    assert found.select(["id", "depot", "late"]).to_pydict() == {
        "id": ["1", "2.0"],
        "depot": ["1.50", "2"],
        "late": ["True", "Unknown"],
    }
