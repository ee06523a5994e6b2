"""Tasks of ``<workflow>.ingestion``. Stays out: their order, which is the DAG file's."""

import logging
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowSkipException

from lakemill.orchestration.running import (
    current_partition,
    open_workflow,
    run_id,
    run_parameter,
    run_started,
    say_plainly,
    tell_where_blocked,
)


@task
@say_plainly
@tell_where_blocked
def collect(workflow: str, source: str) -> Any:
    """Bring one source's rows of the partition into its ``raw_`` table; before it, where needed, of the first one."""
    from lakemill.collection import collect_source, needs_first_partition
    from lakemill.orchestration.connections import AirflowConnections

    declared, lake, settings = open_workflow(workflow)

    def bring(key: str) -> Any:
        return collect_source(
            declared,
            source,
            key,
            lake,
            project=settings.project,
            ingested_at=run_started(),
            connections=AirflowConnections(),
            report=logging.getLogger(__name__).info,
        )

    if needs_first_partition(declared, source, lake):
        bring(declared.partition.start)
    return bring(current_partition(declared))


@task
@say_plainly
@tell_where_blocked
def validate(workflow: str) -> Any:
    """Build the partition's table, quarantine rows or block it, as the run's parameter ``validation`` says."""
    from lakemill.collection.freshness import note_run
    from lakemill.validation import validate_partition

    declared, lake, settings = open_workflow(workflow)
    key = current_partition(declared)
    note_run(lake, key, run_id())
    mode = run_parameter("validation", "full")
    return validate_partition(declared, key, lake, project=settings.project, mode=mode)


@task
@say_plainly
@tell_where_blocked
def clean(workflow: str) -> Any:
    """Apply the cleaning rules to the accepted rows."""
    from lakemill.config.versions import name_makers
    from lakemill.preprocessing import clean_partition

    declared, lake, settings = open_workflow(workflow)
    made_by = name_makers(declared, settings.project)
    return clean_partition(declared, current_partition(declared), lake, project=settings.project, made_by=made_by)


@task
@say_plainly
def publish(workflow: str, validated: dict[str, Any], cleaned: dict[str, Any]) -> Any:
    """Make the cleaned rows the partition's content of ``clean``, in one commit; skip what was scored and judged so."""
    from lakemill.preprocessing import publish_partition

    declared, lake, _ = open_workflow(workflow)
    published = publish_partition(declared, current_partition(declared), lake, validated=validated, cleaned=cleaned)
    if published["is_judged"]:  # without an event of the asset nothing runs again that would find the same
        raise AirflowSkipException("the same rows have been scored and judged")
    return published


@task
@say_plainly
def profile(workflow: str) -> Any:
    """Sketch the partition's columns, for drift; then remove what the tasks handed on."""
    from lakemill.monitoring.profiles import profile_partition

    declared, lake, _ = open_workflow(workflow)
    key = current_partition(declared)
    profiled = profile_partition(declared, key, lake)
    lake.unstage(key)
    return profiled
