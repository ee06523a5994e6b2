"""A suite's outcomes are a result that Great Expectations reads, and renders its documents from."""

import json

import pyarrow as pa

from lakemill.validation.by_great_expectations import import_quietly
from lakemill.validation.expectations import run_suite
from lakemill.validation.suite_results import as_suite_result

ROWS = pa.table({"weight": [1.0, 50.0, None, 200.0], "depot": ["N", None, "S", "N"]})
SUITE = [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "weight", "max_value": 100}, "meta": {}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "depot", "value_set": ["N", "S"]}, "meta": {}},
    {
        "type": "expect_column_value_z_scores_to_be_less_than",
        "kwargs": {"column": "weight", "threshold": 9, "double_sided": True},
        "meta": {},
    },
]


def test_a_suites_result_counts_what_was_kept():
    found = as_suite_result(run_suite(ROWS, SUITE, where="s"), suite="parcels", batch="b", meta={"run_id": "r"})
    assert (found["success"], found["suite_name"], found["meta"]) == (False, "parcels", {"run_id": "r"})
    assert found["statistics"] == {
        "evaluated_expectations": 3,
        "successful_expectations": 2,
        "unsuccessful_expectations": 1,
        "success_percent": 2 / 3 * 100,
    }


def test_a_suites_result_is_one_for_great_expectations_too():
    import_quietly()
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    found = as_suite_result(run_suite(ROWS, SUITE, where="s"), suite="parcels", batch="b")
    real = ExpectationSuiteValidationResultSchema().load(json.loads(json.dumps(found)))
    assert [one.success for one in real.results] == [False, True, True]
    assert real.get_failed_validation_results().results[0].expectation_config.kwargs["column"] == "weight"
    page = ValidationResultsPageRenderer(run_info_at_end=True).render(real)
    assert "200" in str(page.to_json_dict())
