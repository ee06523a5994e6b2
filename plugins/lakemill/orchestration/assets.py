"""The assets by which a workflow's DAGs start one another, and the options that all its DAGs share.

Stays out: tasks.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset

from lakemill.config import Workflow

# A run that waits for its history is deferred and holds no slot; a low limit could keep out the run it waits for.
MOST_WAITING_RUNS = 10_000
# Where an answer comes before the scheduler has seen that the task waits, Airflow takes it for lost and asks again.
MOST_QUESTIONS = 6
# Where slots are few, what others wait for goes first: partitions are carried through before new ones are begun. Steps
# are of ten, since a task's weight is the sum of its own and those of all tasks before it.
URGENCIES = {
    "ingestion": 1,
    "arrivals": 10,
    "scoring": 10,
    "monitoring": 100,
    "training": 1000,
    "labels": 1000,
    "rollback": 10_000,
}


def name_asset(workflow: Workflow, what: str) -> Asset:
    """Return the asset ``<workflow>.<what>``: clean, predictions, retrain or model.

    Examples
    --------
    >>> from lakemill.config import find_workflow, load_settings
    >>> name_asset(find_workflow("flights", load_settings()), "clean").name
    'flights.clean'
    """
    return Asset(name=f"{workflow.workflow}.{what}", uri=f"lakemill://{workflow.workflow}/{what}", group="lakemill")


def dag_options(workflow: Workflow, kind: str) -> dict[str, Any]:
    """Return what a workflow's DAG of one kind is declared with.

    Parameters
    ----------
    workflow : Workflow
    kind : str
        What follows the workflow's name in the DAG's id, as in ``URGENCIES``.

    Returns
    -------
    dict
    """
    partition = workflow.partition
    urgency = {"priority_weight": URGENCIES[kind], "weight_rule": "upstream"}
    return {
        "description": workflow.description,
        "tags": ["lakemill", workflow.workflow],
        "start_date": partition.interval(partition.start).start,
        "catchup": False,
        "default_args": {"retries": 2, "retry_delay": timedelta(seconds=5), **urgency},
    }
