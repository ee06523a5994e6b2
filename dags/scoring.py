"""``<workflow>.scoring``: wait for history -> score, when a partition of ``clean`` is published."""

from airflow.sdk import DAG, PartitionedAssetTimetable

from lakemill.config import load_settings, load_workflows
from lakemill.orchestration import scoring as tasks
from lakemill.orchestration.assets import MOST_WAITING_RUNS, dag_options, name_asset
from lakemill.orchestration.waiting import WaitForHistory

for name, workflow in load_workflows(load_settings())[0].items():
    timetable = PartitionedAssetTimetable(assets=name_asset(workflow, "clean"))
    options = dag_options(workflow, "scoring")
    with DAG(f"{name}.scoring", schedule=timetable, max_active_runs=MOST_WAITING_RUNS, **options):
        waited = WaitForHistory(task_id="wait_for_history", workflow=name, stage="scoring")
        waited >> tasks.score.override(outlets=[name_asset(workflow, "predictions")])(name)
