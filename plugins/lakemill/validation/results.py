"""Results of suites, kept: a few lines in the verdict's evidence, and in full a small document a partition and table.

The document is Great Expectations' own JSON of a suite's result, bounded. Stays out: evaluating, and building pages.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lakemill.lake import Lake
from lakemill.validation.expectations import Outcome

MOST_EXAMPLES = 20  # failing rows, values, counts of an expectation in its document
LONGEST_TEXT = 1000
MOST_TOLD = 20  # expectations in the evidence
LONGEST_TOLD = 300
WHOLE = ("observed_partition", "expected_partition")  # drawn as they are, and no longer than the suite is


def tell_outcomes(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what the verdict's evidence says of a suite.

    Parameters
    ----------
    outcomes : sequence of Outcome

    Returns
    -------
    dict
        ``evaluated``, ``successful``, and ``found``: the first expectations that fail, or that rows fail, with what was
        observed.
    """
    found = [one for one in outcomes if not one.success or len(one.rows)]
    return {
        "evaluated": len(outcomes),
        "successful": sum(one.success for one in outcomes),
        "found": [
            {
                "expectation": one.expectation[:LONGEST_TOLD],
                "action": one.action,
                "success": one.success,
                "observed": one.observed[:LONGEST_TOLD],
                "rows": len(one.rows),
            }
            for one in sorted(found, key=lambda one: one.success)[:MOST_TOLD]
        ],
    }


def keep_results(
    lake: Lake, key: str, name: str, outcomes: Sequence[Outcome], *, suite: str, mode: str, as_of: datetime
) -> None:
    """Keep the results of a suite as the document ``validations/<partition>/<table>``.

    Parameters
    ----------
    lake : Lake
    key : str
        The partition.
    name : str
        A source, or ``table``.
    outcomes : sequence of Outcome
    suite : str
        Path of the suite.
    mode : str
        How the partition was validated: ``full`` or ``warn``.
    as_of : datetime
    """
    successful = sum(one.success for one in outcomes)
    share = 100 * successful / len(outcomes) if outcomes else None
    content = {
        "success": successful == len(outcomes),
        "results": [{**one.result, "result": _cut(one.result["result"])} for one in outcomes],
        "suite_name": name,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(outcomes),
            "successful_expectations": successful,
            "unsuccessful_expectations": len(outcomes) - successful,
            "success_percent": share,
        },
        "meta": {"suite": suite, "mode": mode, "run_id": {"run_name": key, "run_time": as_of.isoformat()}},
        "id": None,
    }
    lake.write_document(f"validations/{key}/{name}", content)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: one if key in WHOLE else _cut(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_cut(one) for one in value[:MOST_EXAMPLES]]
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[: LONGEST_TEXT - 3]}..."
    return value
