"""``<workflow>.ingestion``: collect -> validate -> clean -> publish -> profile, one run a partition.

Where a suite or a cleaning rule learns from history, its task waits for the partitions before.
"""

from airflow.sdk import DAG, CronPartitionTimetable, Param

from lakemill.config import load_settings, load_workflows
from lakemill.config.suites import learns_from_history
from lakemill.orchestration import ingestion as tasks
from lakemill.orchestration.assets import MOST_WAITING_RUNS, dag_options, name_asset
from lakemill.orchestration.waiting import WaitForHistory

FORM = {
    "validation": Param(
        "full",
        type="string",
        enum=["full", "warn", "off"],
        title="Validation",
        description="full: expectations block, quarantine or warn; warn: all of them only warn; off: none is run.",
    )
}
settings = load_settings()

for name, workflow in load_workflows(settings)[0].items():
    partition = workflow.partition
    timetable = CronPartitionTimetable(
        partition.cron, timezone=partition.timezone, run_offset=-1, key_format=partition.key_format
    )
    last = partition.interval(partition.end).end if partition.end else None
    learns = learns_from_history(workflow, settings)
    cleans_by_past = any(rule.learns_from_past for rule in workflow.clean)
    active = MOST_WAITING_RUNS if learns or cleans_by_past else 4
    options = {"end_date": last, "max_active_runs": active, "params": FORM, **dag_options(workflow, "ingestion")}
    with DAG(f"{name}.ingestion", schedule=timetable, **options):
        collected = tasks.collect.partial(workflow=name).expand(source=list(workflow.collect))
        validated = tasks.validate(name)
        cleaned = tasks.clean(name)
        published = tasks.publish.override(outlets=[name_asset(workflow, "clean")])(name, validated, cleaned)
        # a partition that is as it was skips its publication, and is tidied up all the same
        profiled = tasks.profile.override(trigger_rule="none_failed")(name)
        collected >> validated >> cleaned >> published >> profiled
        if learns:
            collected >> WaitForHistory(task_id="wait_for_history", workflow=name, stage="ingestion") >> validated
        if cleans_by_past:
            validated >> WaitForHistory(task_id="wait_for_past", workflow=name, stage="cleaning") >> cleaned
