"""What suites found is kept: in the evidence, in bounded documents, and as pages; and the modes of validation."""

import json
from datetime import datetime, timezone

import pytest

from lakemill.collection import collect_source
from lakemill.exceptions import BlockedPartitionError, LakeError
from lakemill.validation import validate_partition
from lakemill.validation.data_docs import build_data_docs

KEY, NEXT = "2024-03-01", "2024-03-02"
NOW = datetime(2024, 3, 4, tzinfo=timezone.utc)
SUITE = "include/expectations/parcels.json"
HEADER = "id,sent_at,weight,depot,late\n"
FILE = f"include/data/parcels_{KEY}.csv"
MANY = "".join(f"p{n},{KEY} 01:00:00,{500 + n},N,true\n" for n in range(300)) + f"ok,{KEY} 01:00:00,5,N,true\n"


def expect(kind: str, action: str, **kwargs) -> dict:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"action": action}}


HEAVY = expect("column_values_to_be_between", "quarantine", column="weight", max_value=100)
SIZE = expect("table_row_count_to_be_between", "block", max_value=10)
DEPOTS = expect("column_distinct_values_to_be_in_set", "warn", column="depot", value_set=["S"])


@pytest.fixture
def validate(make_project, lake):
    """Function that collects and validates a partition with these expectations."""

    def run(*expectations: dict, key: str = KEY, lines: str = MANY, **options):
        suite = json.dumps({"name": "parcels", "expectations": expectations})
        settings, parcels = make_project(files={SUITE: suite, FILE: HEADER + lines})
        collect_source(parcels, "parcels", key, lake, project=settings.project, ingested_at=NOW, connections=None)
        return validate_partition(parcels, key, lake, project=settings.project, **options)

    return run


def test_the_evidence_names_what_failed_with_what_was_observed(validate):
    found = validate(HEAVY, DEPOTS)["expectations"]["table"]
    assert (found["evaluated"], found["successful"]) == (2, 0)
    assert [(one["action"], one["success"], one["rows"]) for one in found["found"]] == [
        ("quarantine", False, 300),
        ("warn", False, 0),
    ]
    assert found["found"][0]["observed"] == "300 of 301 rows fail"


def test_the_document_is_great_expectations_own_and_bounded(validate, lake):
    validate(HEAVY, DEPOTS)
    document = lake.read_document(f"validations/{KEY}/table")
    assert document["statistics"]["unsuccessful_expectations"] == 2
    heavy = document["results"][0]["result"]
    assert (heavy["unexpected_count"], heavy["element_count"]) == (300, 301)
    assert len(heavy["unexpected_index_list"]) == 20
    assert len(json.dumps(document)) < 8_000
    assert document["meta"] == {
        "suite": SUITE,
        "mode": "full",
        "run_id": {"run_name": KEY, "run_time": "2024-03-02T00:00:00+00:00"},
    }


def test_evidence_of_many_failures_is_bounded(validate):
    many = [expect("column_values_to_be_between", "warn", column="weight", max_value=n) for n in range(60)]
    found = validate(*many)["expectations"]["table"]
    assert (found["evaluated"], len(found["found"])) == (60, 20)


def test_a_blocked_partition_leaves_its_results(validate, lake):
    with pytest.raises(BlockedPartitionError):
        validate(SIZE)
    assert lake.read_document(f"validations/{KEY}/table")["success"] is False


def test_in_the_mode_warn_nothing_is_blocked_or_refused_by_expectations(validate, lake):
    found = validate(SIZE, HEAVY, DEPOTS, lines=MANY + ",2024-03-01,5,N,true\n", mode="warn")
    assert (found["rows"], found["quarantined"], found["validation"]) == (302, 1, "warn")
    assert len(found["warnings"]) == 3
    assert lake.read("quarantine").column("reasons").to_pylist() == [
        ["id: missing, but part of the key or the event time"]
    ]


def test_in_the_mode_off_no_suite_is_run(validate, lake):
    found = validate(SIZE, HEAVY, lines=MANY + "late,2024-03-09,5,N,true\n", mode="off")
    assert (found["quarantined"], found["warnings"], found["expectations"]) == (1, [], {})
    assert found["validation"] == "off"
    assert lake.read_document(f"validations/{KEY}/table") is None


@pytest.mark.parametrize(
    ("kind", "kwargs", "success"),
    [
        ("column_mean_to_be_between", {"min_value": 1, "max_value": 5}, True),
        ("column_mean_to_be_between", {"min_value": 50}, False),
        ("column_stdev_to_be_between", {"max_value": 10}, True),
        (
            "column_quantile_values_to_be_between",
            {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 6]]}},
            True,
        ),
        (
            "column_quantile_values_to_be_between",
            {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[9, 20]]}},
            False,
        ),
        (
            "column_kl_divergence_to_be_less_than",
            {"column": "depot", "partition_object": {"values": ["N", "S"], "weights": [0.5, 0.5]}, "threshold": 0.01},
            True,
        ),
        (
            "column_kl_divergence_to_be_less_than",
            {"column": "depot", "partition_object": {"values": ["N", "S"], "weights": [0.9, 0.1]}, "threshold": 0.01},
            False,
        ),
        (
            "column_kl_divergence_to_be_less_than",
            {"partition_object": {"bins": [0, 4, 8], "weights": [0.5, 0.5]}, "threshold": 0.1},
            True,
        ),
    ],
)
def test_distributions_are_judged_and_their_results_kept(validate, lake, kind, kwargs, success):
    found = validate(expect(kind, "warn", **{"column": "weight", **kwargs}), key=NEXT)
    assert (found["warnings"] == []) is success
    assert lake.read_document(f"validations/{NEXT}/table")["success"] is success


def test_pages_are_built_of_the_last_partitions(validate, lake, tmp_path):
    kinds = (
        HEAVY,
        SIZE,
        DEPOTS,
        {
            "type": "unexpected_rows_expectation",
            "kwargs": {"unexpected_rows_query": "SELECT * FROM {batch} WHERE weight > 3"},
            "meta": {"action": "warn"},
        },
    )
    for key in (KEY, NEXT):
        validate(*kinds, key=key, mode="warn")
    folder = tmp_path / "docs"
    (folder / "old").mkdir(parents=True)

    index, count = build_data_docs(lake, folder, last=1)

    assert (count, index) == (1, folder / "index.html")
    assert not (folder / "old").exists()
    pages = [path.read_text() for path in (folder / "validations").rglob("*.html")]
    assert len(pages) == 1
    assert f"table {NEXT}: failed" in index.read_text()  # also where the network brings no script
    assert KEY not in index.read_text()
    assert "must be less than or equal to" in pages[0]
    assert build_data_docs(lake, folder, last=30)[1] == 2


def test_without_results_there_are_no_pages(lake, tmp_path):
    with pytest.raises(LakeError, match="no results of suites are kept"):
        build_data_docs(lake, tmp_path / "docs", last=30)
