"""Doubtful labels through a real scheduler: audited by a training, asked about in a form, answered over the API."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from house import House

from lakemill.cli.embedded import find_running
from lakemill.lake.label_corrections import read_corrections
from lakemill.lake.label_reviews import read_queue
from lakemill.lake.verdicts import read_verdicts

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

DAG = "/dags/tumours.labels"
SECONDS_TO_READ = 12


def wait_for(find: Callable[[], Any], seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(1)  # each answer costs the server a tenth of a second
    return found


@pytest.fixture(scope="module")
def airflow(house: House) -> Any:
    running = find_running(house.settings)
    assert running is not None
    ended = house.lakemill("run", "tumours")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    with httpx.Client(base_url=f"{running.airflow_url}/api/v2", timeout=60) as client:
        client.patch(DAG, json={"is_paused": False}).raise_for_status()
        yield client


def ask(airflow: httpx.Client, rows: int) -> tuple[str, dict[str, Any]]:
    """Start a run; return its path, and the form that it waits with."""
    started = airflow.post(f"{DAG}/dagRuns", json={"logical_date": None, "conf": {"rows": rows}}).raise_for_status()
    path = f"{DAG}/dagRuns/{started.json()['dag_run_id']}"
    found = wait_for(lambda: airflow.get(f"{path}/hitlDetails").raise_for_status().json()["hitl_details"])
    return path, found[0]


def answer(airflow: httpx.Client, path: str, option: str, said: dict[str, str]) -> dict[str, str]:
    """Answer as the UI does, after some seconds as a person would; return how the tasks of the run ended.

    An answer that comes while the scheduler has not yet seen the end of the task's first process makes it take the task
    for lost: it tries again, and asks again.
    """
    body = {"chosen_options": [option], "params_input": said}

    def is_over() -> bool:
        asked = airflow.get(f"{path}/hitlDetails").raise_for_status().json()["hitl_details"][0]
        if asked["task_instance"]["state"] == "awaiting_input" and not asked["response_received"]:
            time.sleep(SECONDS_TO_READ)
            airflow.patch(f"{path}/taskInstances/ask/-1/hitlDetails", json=body).raise_for_status()
        return airflow.get(path).json()["state"] in ("success", "failed")

    wait_for(is_over)
    tasks = airflow.get(f"{path}/taskInstances").json()["task_instances"]
    return {task["task_id"]: task["state"] for task in tasks}


def test_each_training_has_a_verdict_on_its_labels_and_the_gate_knows_it(house: House, airflow: httpx.Client) -> None:
    lake = house.lake("tumours")

    audits, gates = read_verdicts(lake, "labels"), read_verdicts(lake, "gate")

    assert list(audits) == list(gates) == ["2024-03-01", "2024-03-03"]
    assert audits["2024-03-03"].evidence["noise_low"] <= 0.1 <= audits["2024-03-03"].evidence["noise_high"]
    for key, gate in gates.items():
        assert gate.evidence["label_noise"]["noise_rate"] == audits[key].evidence["noise_rate"]


def test_a_form_is_answered_and_the_answers_are_corrections(house: House, airflow: httpx.Client) -> None:
    lake = house.lake("tumours")
    queue = read_queue(lake)[1]
    path, form = ask(airflow, 3)

    fields = form["params"]
    assert list(fields) == [f"row {one.rank}" for one in queue[:3]]
    said = {"row 1": queue[0].suggested, "row 2": "drop", "row 3": ""}
    ended = answer(airflow, path, "Save the answers", said)

    assert set(ended.values()) == {"success"}
    held = {one.key: one for one in read_corrections(lake)}
    assert [held[one.key].action for one in queue[:2]] == ["label", "drop"]
    assert held[queue[0].key].label == queue[0].suggested
    assert queue[2].key not in held
    assert all(one.who and abs(datetime.now(UTC) - one.known_at) < timedelta(minutes=5) for one in held.values())
    assert [one.rank for one in read_queue(lake)[1]] == [one.rank for one in queue[2:]]


def test_a_form_that_is_left_changes_nothing(house: House, airflow: httpx.Client) -> None:
    lake = house.lake("tumours")
    before = read_corrections(lake)
    path, form = ask(airflow, 2)

    ended = answer(airflow, path, "Leave everything as it is", dict.fromkeys(form["params"], "drop"))

    assert ended == {"find_suspects": "success", "ask": "success", "keep_answers": "skipped"}
    assert read_corrections(lake) == before
