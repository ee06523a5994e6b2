"""The outcomes of a suite as one result in Great Expectations' JSON form, from which its Data Docs can be rendered.

Stays out: rendering and storing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lakemill.validation.expectations import Outcome


def as_suite_result(
    outcomes: Sequence[Outcome], *, suite: str, batch: str, meta: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what Great Expectations' ``ExpectationSuiteValidationResultSchema().load(...)`` makes its result of.

    Parameters
    ----------
    outcomes : sequence of Outcome
    suite : str
        The suite's name.
    batch : str
        What was validated, such as workflow, table and partition.
    meta : mapping, optional
        What else to keep, such as ``run_id``.

    Returns
    -------
    dict
        Plain values only, fit for JSON.
    """
    successful = sum(outcome.success for outcome in outcomes)
    results = [
        {**outcome.result, "expectation_config": _of_batch(outcome.result["expectation_config"], batch)}
        for outcome in outcomes
    ]
    return {
        "success": successful == len(outcomes),
        "suite_name": suite,
        "suite_parameters": {},
        "results": results,
        "statistics": {
            "evaluated_expectations": len(outcomes),
            "successful_expectations": successful,
            "unsuccessful_expectations": len(outcomes) - successful,
            "success_percent": successful / len(outcomes) * 100 if outcomes else None,
        },
        "meta": dict(meta or {}),
    }


def _of_batch(config: Mapping[str, Any], batch: str) -> dict[str, Any]:
    return {**config, "kwargs": {**config["kwargs"], "batch_id": batch}}
