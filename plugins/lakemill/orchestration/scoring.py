"""Tasks of ``<workflow>.scoring``. Stays out: their order, which is the DAG file's."""

from typing import Any

from airflow.sdk import task

from lakemill.orchestration.running import current_partition, open_registry, open_workflow, say_plainly


@task
@say_plainly
def score(workflow: str) -> Any:
    """Score the partition with the champion as of its start."""
    from lakemill.scoring import score_partition

    declared, lake, settings = open_workflow(workflow)
    return score_partition(declared, current_partition(declared), lake, open_registry(declared, settings))
