"""``<workflow>.arrivals``: find partitions -> ingest again, when readings came late; by hand when files came again."""

from airflow.sdk import DAG

from lakemill.config import load_settings, load_workflows
from lakemill.orchestration import arrivals as tasks
from lakemill.orchestration.assets import dag_options

for name, workflow in load_workflows(load_settings())[0].items():
    options = dag_options(workflow, "arrivals")
    with DAG(f"{name}.arrivals", schedule=tasks.watch_arrivals(workflow), max_active_runs=1, **options):
        tasks.ingest_again.partial(workflow=name).expand(stale=tasks.find_partitions(name))
