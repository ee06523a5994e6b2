"""The assets by which a workflow's DAGs start one another, and the options that all its DAGs share.

Stays out: tasks.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset

from lakemill.config import Workflow

# A run that waits for its history is deferred and holds no slot; a low limit could keep out the run it waits for.
# where an answer comes before the scheduler has seen that the task waits, Airflow takes it for lost and asks again
MOST_QUESTIONS = 6
MOST_WAITING_RUNS = 10_000


def name_asset(workflow: Workflow, what: str) -> Asset:
    """Return the asset ``<workflow>.<what>``: clean, predictions, retrain or model.

    Examples
    --------
    >>> from lakemill.config import find_workflow, load_settings
    >>> name_asset(find_workflow("flights", load_settings()), "clean").name
    'flights.clean'
    """
    return Asset(name=f"{workflow.workflow}.{what}", uri=f"lakemill://{workflow.workflow}/{what}", group="lakemill")


def dag_options(workflow: Workflow) -> dict[str, Any]:
    """Return what all DAGs of a workflow are declared with."""
    partition = workflow.partition
    return {
        "description": workflow.description,
        "tags": ["lakemill", workflow.workflow],
        "start_date": partition.interval(partition.start).start,
        "catchup": False,
        "default_args": {"retries": 2, "retry_delay": timedelta(seconds=5)},
    }
