"""Assets and options that all DAGs of a workflow share."""

from datetime import UTC, datetime

import pytest
from workflows_for_tests import make_workflow

from lakemill.orchestration.assets import MOST_WAITING_RUNS, dag_options, name_asset


@pytest.mark.parametrize("what", ["clean", "predictions", "retrain", "model"])
def test_an_asset_is_named_after_its_workflow(what: str) -> None:
    asset = name_asset(make_workflow(), what)

    assert (asset.name, asset.uri, asset.group) == (f"small.{what}", f"lakemill://small/{what}", "lakemill")


def test_options_start_with_the_history_and_catch_up_with_nothing() -> None:
    options = dag_options(make_workflow(), "scoring")

    assert options["start_date"] == datetime(2020, 1, 1, tzinfo=UTC)
    assert options["catchup"] is False
    assert options["default_args"]["retries"] == 2


def test_as_many_runs_may_wait_as_a_long_backfill_has() -> None:
    assert MOST_WAITING_RUNS >= 24 * 365
