"""``<workflow>.monitoring``: wait for history -> judge -> request training, notify, once a partition is scored."""

from airflow.sdk import DAG, PartitionedAssetTimetable

from lakemill.config import load_settings, load_workflows
from lakemill.orchestration import monitoring as tasks
from lakemill.orchestration.assets import MOST_WAITING_RUNS, dag_options, name_asset
from lakemill.orchestration.report_link import link_report
from lakemill.orchestration.waiting import WaitForHistory

for name, workflow in load_workflows(load_settings())[0].items():
    timetable = PartitionedAssetTimetable(assets=name_asset(workflow, "clean") & name_asset(workflow, "predictions"))
    options = dag_options(workflow, "monitoring")
    with DAG(f"{name}.monitoring", schedule=timetable, max_active_runs=MOST_WAITING_RUNS, **options):
        waited = WaitForHistory(task_id="wait_for_history", workflow=name, stage="monitoring")
        judged = link_report(tasks.judge(name))
        waited >> judged >> tasks.notify(name, judged)
        tasks.request_training.override(outlets=[name_asset(workflow, "retrain")])(name, judged)
