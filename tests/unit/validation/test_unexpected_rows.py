"""Rules in SQL over the rows that are judged and all sources, sources without partitions included."""

import json
from datetime import datetime, timezone

import pyarrow as pa
import pytest

from lakemill.collection import collect_source
from lakemill.exceptions import ConfigError, TableError
from lakemill.validation import validate_partition
from lakemill.validation.suites import open_suite
from lakemill.validation.unexpected_rows import find_unexpected

KEY = "2024-03-01"
NOW = datetime(2024, 3, 4, tzinfo=timezone.utc)
SUITE = "include/expectations/parcels.json"
ROWS = pa.table({"id": ["a", "b", "c", "d"], "sent": [1, 5, 3, 4], "received": [2, 4, 9, None]})


def rule(query: str, action: str = "quarantine", **more) -> dict:
    meta = {"action": action, **more}
    return {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": query}, "meta": meta}


def find(query: str, action: str = "quarantine", sources=None, **more):
    return find_unexpected(ROWS, rule(query, action, **more), sources or {}, words="rule", where="suite")


def test_rows_that_a_query_returns_fail_by_their_position():
    outcome = find("SELECT * FROM {batch} WHERE received < sent ORDER BY id DESC;")
    assert (outcome.rows.tolist(), outcome.success, outcome.observed) == ([1], False, "1 of 4 rows fail")
    assert outcome.result["result"]["observed_value"] == 1
    assert outcome.result["result"]["details"]["unexpected_rows"][0]["id"] == "b"


def test_a_row_returned_twice_fails_once():
    twice = find("SELECT b.* FROM {batch} AS b, generate_series(1, 3)")
    assert (twice.rows.tolist(), twice.observed) == ([0, 1, 2, 3], "4 of 4 rows fail")


@pytest.mark.parametrize(("mostly", "success"), [(1.0, False), (0.75, True), (0.76, False)])
def test_mostly_forgives_some_rows_and_still_tells_them(mostly, success):
    outcome = find("SELECT * FROM {batch} WHERE received < sent", mostly=mostly)
    assert (outcome.success, outcome.rows.tolist()) == (success, [1])


def test_a_query_that_sums_up_warns_and_cannot_refuse():
    outcome = find("SELECT count(*) AS n FROM {batch} HAVING n < 10", "warn")
    assert (outcome.success, outcome.observed, len(outcome.rows)) == (False, "1 rows returned", 0)
    with pytest.raises(
        TableError, match=r"suite: unexpected_rows_query does not tell which rows it finds\n  -> select"
    ):
        find("SELECT count(*) AS n FROM {batch} HAVING n < 10")


def test_a_query_sees_nothing_but_the_tables():
    with pytest.raises(TableError):
        find("SELECT * FROM {batch}, '/etc/passwd'")


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (rule("SELECT * FROM parcels"), "must select from {batch}"),
        (rule("SELECT {x} FROM {batch}"), "must select from {batch}"),
        (rule("SELECT * FROM {batch"), "must select from {batch}"),
        (rule("DELETE FROM {batch}"), "must be exactly one SELECT"),
        (rule("SELEC * FROM {batch}"), "syntax error"),
        (rule("SELECT * FROM {batch}", mostly=2), "meta.mostly"),
    ],
)
def test_a_wrong_query_is_told_before_it_runs(tmp_path, one, said):
    path = tmp_path / "suite.json"
    path.write_text(json.dumps({"name": "x", "expectations": [one]}))
    with pytest.raises(ConfigError) as caught:
        open_suite(path, where="suite.json")
    assert str(caught.value).startswith("suite.json: expectations.0")
    assert said in str(caught.value)


def test_rows_without_their_counterpart_in_a_table_for_all_times_are_refused(make_project, lake):
    query = "SELECT b.* FROM {batch} AS b ANTI JOIN depots USING (depot)"
    suite = {"name": "x", "expectations": [{**rule(query), "description": "every depot exists"}]}
    settings, parcels = make_project(
        workflow={
            "collect": {
                "parcels": {"path": "include/data/parcels_{partition}.csv"},
                "depots": {"path": "include/data/depots.csv"},
            }
        },
        files={SUITE: json.dumps(suite), "include/data/depots.csv": "depot,town\nN,Northam\n"},
    )
    for key in (KEY, "2024-03-02"):
        for source in parcels.collect:
            collect_source(parcels, source, key, lake, project=settings.project, ingested_at=NOW, connections=None)
        found = validate_partition(parcels, key, lake, project=settings.project)
        assert (found["rows"], found["quarantined"]) == (6, 3)
        assert set(lake.staged("validate", key).column("depot").to_pylist()) == {"N"}
    reasons = lake.read("quarantine", [KEY]).column("reasons").to_pylist()
    assert reasons == [["every depot exists"]] * 3
    assert found["expectations"]["table"]["found"] == [
        {
            "expectation": "every depot exists",
            "action": "quarantine",
            "success": False,
            "observed": "3 of 6 rows fail",
            "rows": 3,
        }
    ]
