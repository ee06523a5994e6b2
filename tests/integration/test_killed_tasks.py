"""Task processes are killed in the middle of each step: the lake is the same as without."""

import random
import subprocess
import sys
import time

import psutil
import pyarrow as pa
import pytest
from house import House

from lakemill.lake.verdicts import read_verdicts

pytestmark = pytest.mark.integration

STEPS = ("collect", "validate", "clean", "publish", "profile")


def find_task_process(house: House, task: dict) -> psutil.Process | None:
    for process in psutil.process_iter(["cmdline"]):
        if process.info["cmdline"] and " ".join(process.info["cmdline"]).strip() == f"airflow worker -- {task['id']}":
            return process
    return None


def kill_each_step(house: House, running: subprocess.Popen, pauses: random.Random) -> set[str]:
    """Kill the process of each step's first try, some moments after it was begun."""
    killed: set[str] = set()
    while running.poll() is None:
        for found in house.api.runs("killed.ingestion"):
            path = f"/dags/killed.ingestion/dagRuns/{found.run_id}/taskInstances"
            for task in house.api._get(path)["task_instances"]:
                if task["state"] == "running" and task["try_number"] == 1 and task["task_id"] not in killed:
                    process = find_task_process(house, task)
                    if process is not None:
                        time.sleep(pauses.uniform(0, 0.3))
                        killed |= {task["task_id"]} if is_killed(process) else set()
        time.sleep(0.02)
    return killed


def is_killed(process: psutil.Process) -> bool:
    try:
        process.kill()
        return True
    except psutil.NoSuchProcess:  # it was quicker
        return False


def without(table: pa.Table, *names: str) -> pa.Table:
    kept = table.drop_columns([name for name in names if name in table.column_names])
    return kept.sort_by([(field.name, "ascending") for field in kept.schema if not pa.types.is_nested(field.type)])


# psutil reads /proc while processes are killed: what it leaves open then is not ours to close
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_lake_whose_tasks_were_killed_is_the_same_as_without(house: House):
    house.run("calm")
    (house.project / "include/data/killed_2024-01-01.csv").write_bytes(
        (house.project / "include/data/calm_2024-01-01.csv").read_bytes()
    )
    command = [sys.executable, "-m", "lakemill.cli.main", "run", "killed"]
    running = subprocess.Popen(
        command, env=house.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    killed = kill_each_step(house, running, random.Random(0))
    assert running.wait() == 0, (house.settings.state / "killed.log").read_text()
    assert {"collect", "validate"} <= killed, "the long steps were not hit"
    print(f"killed: {', '.join(step for step in STEPS if step in killed)}")
    calm, hit = house.lake("calm"), house.lake("killed")
    for table in ("raw_rows", "clean", "quarantine", "profiles", "predictions"):
        expected, found = (
            without(lake.read(table), "ingested_at", "source_file", "delivery", "reasons") for lake in (calm, hit)
        )
        assert found.equals(expected), table
    expected, found = (read_verdicts(lake, "ingestion")["2024-01-01"].evidence for lake in (calm, hit))
    files = {"made_by"}  # of two workflow files
    assert {name: value for name, value in found.items() if name not in files} == {
        name: value for name, value in expected.items() if name not in files
    }
