"""Several policies at once, in processes of their own."""

from dataclasses import replace
from pathlib import Path

import pytest
from workflows_for_tests import make_rows, make_workflow, publish

from lakemill.config.deciding import FINDINGS
from lakemill.exceptions import LakemillError
from lakemill.lake import Lake
from lakemill.monitoring.profiles import profile_partition
from lakemill.replay.branches import Place, count_kept
from lakemill.replay.policies import choose_policies
from lakemill.replay.preparing import make_places
from lakemill.replay.side_by_side import replay_all

KEY = "2020-01-01"
pytestmark = pytest.mark.filterwarnings("ignore")  # notes of MLflow's database migration


@pytest.fixture
def places(lake: Lake, root: Path) -> dict[str, Place]:
    """Three policies, of which two are the same, and a day on which none trains."""
    decide = dict.fromkeys(FINDINGS, "note") | {"data_drift": "retrain"}
    workflow = make_workflow(retrain={"first_after": 2}, decide=decide)
    publish(workflow, lake, KEY, make_rows(workflow, KEY, 50))
    profile_partition(workflow, KEY, lake)
    policies = choose_policies(workflow, None, ["every", "drift", "workflow"])
    return make_places(policies, lake, [KEY], root)


@pytest.mark.thorough
def test_each_branch_is_replayed_once_and_what_fails_is_told(places: dict[str, Place]) -> None:
    told: dict[str, list[int]] = {}
    assert places["drift"].folder == places["workflow"].folder

    replay_all(places, workers=2, report=lambda name, done, text: told.setdefault(name, []).append(done))

    assert {name: (min(done), max(done)) for name, done in told.items()} == dict.fromkeys(places, (0, 1))
    assert [count_kept(place) for place in places.values()] == [1, 1, 1]

    broken = {**places, "every": replace(places["every"], inputs={"2020-13": "unknown"})}
    with pytest.raises((LakemillError, ValueError), match="2020-13"):
        replay_all(broken, workers=2, report=lambda name, done, text: None)
