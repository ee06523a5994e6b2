"""Tasks of ``<workflow>.training``. Stays out: their order, which is the DAG file's."""

import logging
import os
from datetime import datetime
from typing import Any

from airflow.sdk import get_current_context, task, timezone
from airflow.sdk.exceptions import AirflowSkipException

from lakemill.config import Workflow, load_settings
from lakemill.exceptions import ConfigError, RunError
from lakemill.orchestration.approval import read_answer
from lakemill.orchestration.running import open_registry, open_workflow, say_plainly


@task
@say_plainly
def snapshot(workflow: str) -> Any:
    """Pin the dataset as of the end of the run's partition: its key's, the form's, or the last one published."""
    from lakemill.lake.verdicts import read_verdicts
    from lakemill.registry.releases import check_rows
    from lakemill.training.found_features import read_found
    from lakemill.training.snapshots import take_snapshot

    declared, lake, _ = open_workflow(workflow)
    context = get_current_context()
    published = [at for at, one in read_verdicts(lake, "ingestion").items() if one.verdict != "blocked"]
    if not published:
        raise RunError("nothing is published yet", where=f"{workflow}.training", remedy="run ingestion first")
    key = context["dag_run"].partition_key or context["params"].get("partition") or published[-1]
    if key not in published:
        known = f"published are {published[0]} to {published[-1]}"
        raise ConfigError(f"no partition {key!r} is published", where="partition", remedy=known)
    as_of = declared.partition.interval(key).end
    taken = take_snapshot(declared, lake, as_of=as_of)
    lacking = check_rows(declared, lake, taken["id"], partition=key, as_of=as_of)
    for name, why in (found.left_out if (found := read_found(lake, taken["id"])) else {}).items():
        logging.getLogger(__name__).info("no feature: %s %s", name, why)
    if lacking is not None:
        raise AirflowSkipException(f"no training yet: {lacking}")
    return {"id": taken["id"], "partition": key, "as_of": as_of.isoformat()}


@task
@say_plainly
def audit_labels(workflow: str, taken: dict[str, str]) -> Any:
    """Estimate the noise of the snapshot's labels, and queue the suspicious ones for review."""
    from lakemill.registry.label_audit import audit_snapshot

    declared, lake, _ = open_workflow(workflow)
    as_of = datetime.fromisoformat(taken["as_of"])
    return audit_snapshot(declared, lake, taken["id"], partition=taken["partition"], as_of=as_of)


def number_slots(workflow: Workflow) -> list[int]:
    """Return the numbers of the tasks that a training's trials are spread over: no more than can find a trial.

    Parameters
    ----------
    workflow : Workflow

    Returns
    -------
    list of int
    """
    budget = workflow.train.budget
    abreast = [min(budget.at_once, budget.trials) if one.space else 1 for one in workflow.train.candidates.values()]
    return list(range(min(load_settings().tuning_tasks, sum(abreast))))


@task
@say_plainly
def tune(workflow: str, slot: int, taken: dict[str, str]) -> Any:
    """Run trials of all candidates, beside the tasks of the other slots, until none is left."""
    from lakemill.registry import releases

    declared, lake, settings = open_workflow(workflow)
    threads = _share_cores(len(number_slots(declared)))
    worker = f"slot {slot}"
    return releases.tune(declared, lake, taken["id"], studies=settings.studies, worker=worker, threads=threads)


@task
@say_plainly
def take_best(workflow: str, candidate: str, taken: dict[str, str]) -> Any:
    """Take what one candidate's trials have found."""
    from lakemill.registry import releases

    declared, lake, settings = open_workflow(workflow)
    threads = _share_cores(len(declared.train.candidates))
    return releases.take_best(declared, lake, taken["id"], candidate, studies=settings.studies, threads=threads)


def _share_cores(tasks: int) -> int:
    """Return the threads that each of some tasks may have: more threads than there are cores slow all of them down."""
    return max(1, (os.cpu_count() or 1) // tasks)


@task
@say_plainly
def fit(workflow: str, taken: dict[str, str], tuned: Any) -> str:
    """Fit the best candidate and keep it in the registry."""
    from lakemill.registry import releases

    declared, lake, settings = open_workflow(workflow)
    as_of = datetime.fromisoformat(taken["as_of"])
    return releases.fit(declared, lake, open_registry(declared, settings), taken["id"], list(tuned), as_of=as_of)


@task
@say_plainly
def evaluate(workflow: str, taken: dict[str, str], version: str) -> Any:
    """Score candidate, naive model and champion on the untouched test rows."""
    from lakemill.registry.evaluating import evaluate

    declared, lake, settings = open_workflow(workflow)
    return evaluate(declared, lake, open_registry(declared, settings), taken["id"], version)


@task
@say_plainly
def gate(workflow: str, taken: dict[str, str], version: str, evaluated: dict[str, Any]) -> str:
    """Let the candidate through or not, and record why."""
    from lakemill.registry import promoting

    declared, lake, settings = open_workflow(workflow)
    return promoting.decide(
        declared,
        lake,
        open_registry(declared, settings),
        partition=taken["partition"],
        as_of=datetime.fromisoformat(taken["as_of"]),
        version=version,
        evaluated=evaluated,
    )


@task
@say_plainly
def promote(
    workflow: str, taken: dict[str, str], version: str, verdict: str, answered: dict[str, Any] | None = None
) -> Any:
    """Put a candidate that was let through in charge from the snapshot's moment on; else skip."""
    from lakemill.registry import promoting

    if verdict != "pass":
        raise AirflowSkipException("the gate did not let it through")
    declared, lake, settings = open_workflow(workflow)
    answer = read_answer(answered)
    promoted = promoting.promote(
        lake,
        open_registry(declared, settings),
        version=version,
        as_of=datetime.fromisoformat(taken["as_of"]),
        recorded_at=timezone.utcnow(),
        answer=answer,
    )
    if answer is not None and not answer.is_yes:
        raise AirflowSkipException(f"rejected by {answer.who}: {answer.reason}")
    return promoted
