"""A candidate through a real scheduler that a person rejects, one that is approved, and a rollback by its DAG."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from house import House

from lakemill.cli.embedded import find_running
from lakemill.lake.verdicts import read_verdicts
from lakemill.registry.ledger import Entry, find_champion, read_entries, record_entry

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

FIRST, SECOND, THIRD = (f"2024-03-0{day}" for day in range(1, 4))
TRAINING, ROLLBACK = "/dags/approved.training", "/dags/approved.rollback"
SECONDS_TO_READ = 12  # see test_reviewing_labels


def wait_for(find: Callable[[], Any], seconds: float = 240) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(1)  # each answer costs the server a tenth of a second
    return found


@pytest.fixture(scope="module")
def airflow(house: House) -> Iterator[httpx.Client]:
    running = find_running(house.settings)
    assert running is not None
    with httpx.Client(base_url=f"{running.airflow_url}/api/v2", timeout=60) as client:
        yield client


def find_question(airflow: httpx.Client, answered: int) -> Any:
    """The form that waits after so many have been answered."""
    found = airflow.get(f"{TRAINING}/dagRuns/~/hitlDetails").raise_for_status().json()["hitl_details"]
    waiting = [one for one in found if not one["response_received"]]
    is_next = len(found) - len(waiting) == answered
    return waiting[0] if waiting and is_next and waiting[0]["task_instance"]["state"] == "awaiting_input" else None


def answer(airflow: httpx.Client, form: dict[str, Any], option: str, reason: str) -> None:
    time.sleep(SECONDS_TO_READ)
    path = f"{TRAINING}/dagRuns/{form['task_instance']['dag_run_id']}/taskInstances/approve/-1/hitlDetails"
    body = {"chosen_options": [option], "params_input": {"reason": reason}}
    airflow.patch(path, json=body).raise_for_status()


@pytest.fixture(scope="module")
def forms(house: House, airflow: httpx.Client) -> list[dict[str, Any]]:
    """The whole history: the first candidate is rejected, the second approved."""
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(house.lakemill, "run", "approved")
        asked = []
        for option, reason in (("Reject", "too early"), ("Approve", "")):
            asked.append(wait_for(lambda: find_question(airflow, len(asked))))  # called at once
            answer(airflow, asked[-1], option, reason)
        ended = run.result(timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return asked


def test_a_person_is_shown_the_evidence_and_the_answers_are_in_the_ledger(
    house: House, forms: list[dict[str, Any]]
) -> None:
    lake = house.lake("approved")
    gates = read_verdicts(lake, "gate")

    assert [list(gates), [one.verdict for one in gates.values()]] == [[FIRST, SECOND], ["pass", "pass"]]
    for form, gate in zip(forms, gates.values(), strict=True):
        assert "approve: always" in form["body"]
        for finding in gate.evidence["findings"]:
            assert finding["text"] in form["body"]
    entries = read_entries(lake)
    assert [(one.action, one.version) for one in entries if one.action != "promotion"] == [
        ("rejection", "1"),
        ("approval", "2"),
    ]
    assert (entries[0].reason, bool(entries[0].who)) == ("too early", True)
    assert abs(datetime.now(UTC) - entries[0].recorded_at) < timedelta(minutes=10)


def test_what_was_rejected_scores_nothing_and_later_partitions_went_on(
    house: House, forms: list[dict[str, Any]]
) -> None:
    lake = house.lake("approved")
    scored = {key: set(lake.read("predictions", [key]).column("model_version").to_pylist()) for key in (SECOND, THIRD)}

    assert scored == {SECOND: {None}, THIRD: {"2"}}
    assert list(read_verdicts(lake, "monitoring")) == [FIRST, SECOND, THIRD]


def test_the_rollback_dag_puts_the_model_before_in_charge_and_scores_again(
    house: House, airflow: httpx.Client, forms: list[dict[str, Any]]
) -> None:
    lake = house.lake("approved")
    evidence = read_verdicts(lake, "gate")[FIRST].evidence
    second = next(one for one in read_entries(lake) if one.version == "2")
    before = Entry("1", second.as_of - timedelta(days=1), evidence["snapshot"], "as if it had been let in")
    record_entry(lake, before, recorded_at=second.recorded_at - timedelta(days=1))
    airflow.patch(ROLLBACK, json={"is_paused": False}).raise_for_status()

    conf = {"reason": "it was bad", "rescore": True}
    started = airflow.post(f"{ROLLBACK}/dagRuns", json={"logical_date": None, "conf": conf}).raise_for_status().json()
    path = f"{ROLLBACK}/dagRuns/{started['dag_run_id']}"
    state = wait_for(lambda: {airflow.get(path).json()["state"]} & {"success", "failed"})

    assert state == {"success"}
    (entry,) = read_entries(lake, "rollback")
    assert (entry.version, entry.instead_of, entry.as_of, entry.reason) == ("1", "2", second.as_of, "it was bad")
    assert find_champion(lake, as_of=second.as_of).version == "1"
    assert set(lake.read("predictions", [THIRD]).column("model_version").to_pylist()) == {"1"}
