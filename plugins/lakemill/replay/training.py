"""A whole training in one call: the steps of ``<workflow>.training`` in their order, without asking anybody.

Stays out: what a step does (``registry``, ``training``).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.registry import promoting, releases
from lakemill.registry.evaluating import evaluate
from lakemill.registry.label_audit import audit_snapshot
from lakemill.registry.models import Registry
from lakemill.training.measuring import Cost, measure
from lakemill.training.snapshots import take_snapshot

# as the tasks of the DAG are named; without the form, which a replay does not ask
STEPS = ("snapshot", "audit_labels", "tune", "take_best", "fit", "evaluate", "gate", "promote")


def train(
    workflow: Workflow,
    key: str,
    lake: Lake,
    registry: Registry,
    *,
    studies: str,
    worker: str,
    threads: int | None = None,
    tell: Callable[[str], None] = lambda step: None,
) -> Cost:
    """Train as of the end of a partition, and put the model in charge if the gate lets it through.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The last partition that is learnt from.
    lake : Lake
    registry : Registry
    studies : str
        SQLAlchemy URL of the database of studies; who trains on the same snapshot may share it: trials are run once.
    worker : str
        A name that no other living worker has.
    threads : int or None
        Of a trial; None leaves it to the estimators.
    tell : callable
        Told of each of ``STEPS`` before it is done.

    Returns
    -------
    Cost
        Of the audit of labels, which the ledger of times does not hold.
    """
    as_of: datetime = workflow.partition.interval(key).end
    tell("snapshot")
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    if releases.check_rows(workflow, lake, snapshot, partition=key, as_of=as_of) is not None:
        return Cost()
    tell("audit_labels")
    with measure() as auditing:
        audit_snapshot(workflow, lake, snapshot, partition=key, as_of=as_of)
    tell("tune")
    releases.tune(workflow, lake, snapshot, studies=studies, worker=worker, threads=threads)
    tell("take_best")
    tuned: list[dict[str, Any]] = [
        releases.take_best(workflow, lake, snapshot, name, studies=studies, threads=threads)
        for name in workflow.train.candidates
    ]
    tell("fit")
    version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)
    tell("evaluate")
    evaluated = evaluate(workflow, lake, registry, snapshot, version)
    tell("gate")
    verdict = promoting.decide(
        workflow, lake, registry, partition=key, as_of=as_of, version=version, evaluated=evaluated
    )
    if verdict == "pass":  # recorded as of its own moment: a replay reads no clock
        tell("promote")
        promoting.promote(lake, registry, version=version, as_of=as_of, recorded_at=as_of)
    return auditing
