"""Tasks of ``<workflow>.monitoring``. Stays out: their order, which is the DAG file's."""

from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowSkipException

from lakemill.orchestration.running import current_partition, open_registry, open_workflow, say_plainly


@task
@say_plainly
def judge(workflow: str) -> Any:
    """Find drift and decay, and decide what follows."""
    from lakemill.monitoring.step import judge_partition

    declared, lake, settings = open_workflow(workflow)
    return judge_partition(declared, current_partition(declared), lake, open_registry(declared, settings))


@task
def request_training(judged: dict[str, Any]) -> str:
    """Update the ``retrain`` asset where the verdict says so; else skip."""
    if judged["verdict"] != "retrain":
        raise AirflowSkipException(f"{judged['verdict']}: {judged['reason']}")
    return str(judged["reason"])
