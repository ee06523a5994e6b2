"""Training on flights: Lakemill, Airflow included, against a plain script with as many trials.

    .venv/bin/python benchmarks/flights.py --trials 30 --runs 3

Both learn from January to October and are judged on November and December. Lakemill's CPU seconds are those of all
processes of an embedded installation (Airflow, PostgreSQL, tasks) from the trigger of `flights.training` to its end;
the script's (`flights_script.py`) those of tuning, fitting and testing. Neither counts collection and joining; the
script's whole CPU seconds, reading included, are printed beside.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "plugins"))

from sklearn.metrics import roc_auc_score  # noqa: E402

from lakemill.cli.airflow_api import AirflowApi  # noqa: E402
from lakemill.cli.embedded import Running, start, stop  # noqa: E402
from lakemill.config import Settings, load_workflow  # noqa: E402
from lakemill.evaluation.predictions import predict  # noqa: E402
from lakemill.lake import Lake  # noqa: E402
from lakemill.lake.verdicts import read_verdicts  # noqa: E402
from lakemill.preprocessing.features import make_frame, make_target  # noqa: E402
from lakemill.registry.models import Registry  # noqa: E402
from lakemill.training.snapshot_rows import mature_rows  # noqa: E402

UNTIL, LATER = "2013-10", ("2013-11", "2013-12")
DATA = REPOSITORY / "include" / "data" / "nycflights13"
DAGS = ("ingestion", "training")


def lay_out(project: Path, trials: int) -> None:
    """Make a project of flights alone, with another budget."""
    for name in ("dags", "plugins", "include/sql", "include/expectations", "include/data"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).symlink_to(REPOSITORY / name)
    content = yaml.safe_load((REPOSITORY / "include/workflows/flights.yaml").read_text())
    content["train"]["budget"] |= {"trials": trials, "minutes": 60}
    (project / "include/workflows").mkdir()
    (project / "include/workflows/flights.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def place_settings(folder: Path) -> Settings:
    """The settings of an embedded installation whose state lies in a folder."""
    state = folder / "state"
    database = f"postgresql+psycopg2://postgres:@/{{}}?host={state / 'postgres'}"
    return Settings(
        project=folder / "project",
        state=state,
        lake=str(state / "lake"),
        registry=database.format("mlflow"),
        artifacts=str(state / "models"),
        studies=database.format("studies"),
    )


def run_lakemill(trials: int) -> dict[str, Any]:
    """Ingest the year, train once; return CPU and wall seconds and the scores of the later months."""
    with tempfile.TemporaryDirectory(prefix="lakemill-", ignore_cleanup_errors=True) as folder:
        settings = place_settings(Path(folder))
        lay_out(settings.project, trials)
        try:
            running = start(settings, attached=True, report=lambda phase: None)
            with AirflowApi(running.airflow_url) as api:
                for dag in DAGS:
                    await_that(lambda dag=dag: api.has_dag(f"flights.{dag}"))
                    api.unpause(f"flights.{dag}")
                api.create_backfill("flights.ingestion", first="2013-01-01", last="2013-12-31", max_active_runs=4)
                await_runs(api, "flights.ingestion", 12)
                used, began = cpu_seconds(running), time.perf_counter()
                api.trigger("flights.training", UNTIL)
                await_runs(api, "flights.training", 1)
                seconds = {
                    "cpu_seconds": cpu_seconds(running) - used,
                    "wall_seconds": time.perf_counter() - began,
                }
            return {**seconds, **judge(settings)}
        finally:
            stop(settings, report=lambda phase: None)


def judge(settings: Settings) -> dict[str, Any]:
    """Return the champion's scores on its test rows, and on the months that it has not seen."""
    workflow = load_workflow(settings.project / "include/workflows/flights.yaml", settings)
    lake = Lake(settings.lake, "flights")
    evidence = read_verdicts(lake, "gate")[UNTIL].evidence
    pipeline = Registry(workflow, address=settings.registry, artifacts=settings.artifacts).load("1")
    months = {}
    for month in LATER:
        rows = lake.read("clean", [month])
        assert rows is not None
        rows = mature_rows(workflow, rows, as_of=datetime(2014, 2, 1, tzinfo=UTC))
        scores = predict(pipeline, make_frame(rows, workflow.features)).align(["false", "true"]).probabilities[:, 1]
        months[month] = roc_auc_score(make_target(rows, workflow.table.label).astype(str) == "true", scores)
    return {"test": evidence["score"], "months": months}


def cpu_seconds(running: Running) -> float:
    """CPU seconds of a keeper and all that it has started, what has ended included."""
    keeper = psutil.Process(running.pid)
    return sum(sum(process.cpu_times()[:4]) for process in (keeper, *keeper.children(recursive=True)))


def await_that(condition: Any, *, seconds: float = 1800) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it takes too long"
        time.sleep(1)


def await_runs(api: AirflowApi, dag_id: str, count: int) -> None:
    """Wait until so many runs of a DAG have succeeded."""

    def have_ended() -> bool:
        states = [run.state for run in api.runs(dag_id)]
        assert "failed" not in states, f"{dag_id}: {states}"
        return states.count("success") >= count

    await_that(have_ended)


def run_script(trials: int) -> dict[str, Any]:
    """Run the plain script in a process of its own."""
    script = Path(__file__).with_name("flights_script.py")
    command = [sys.executable, str(script), str(DATA), "--until", str(int(UNTIL[-2:])), "--trials", str(trials)]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "2"}
    )
    return json.loads(ended.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30, help="of each of two candidates")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {"lakemill": [], "script": []}
    for number in range(given.runs):
        for name, run in (("script", run_script), ("lakemill", run_lakemill)):
            found[name].append(run(given.trials))
            print(f"run {number + 1}, {name}: {json.dumps(found[name][-1])}", flush=True)
    middle = {
        name: {key: statistics.median(one[key] for one in runs) for key in ("cpu_seconds", "wall_seconds", "test")}
        | {month: statistics.median(one["months"][month] for one in runs) for month in LATER}
        for name, runs in found.items()
    }
    print(f"medians of {given.runs}: {json.dumps(middle)}")
    print(f"CPU: {middle['lakemill']['cpu_seconds'] / middle['script']['cpu_seconds']:.2f} times the script's")


if __name__ == "__main__":
    main()
