"""``<workflow>.labels``: find suspects -> ask -> keep answers, by hand: the labels that a person should look at."""

from datetime import timedelta

from airflow.sdk import DAG, Param

from lakemill.config import load_settings, load_workflows
from lakemill.orchestration import labels as tasks
from lakemill.orchestration.assets import MOST_QUESTIONS, dag_options

FORM = {"rows": Param(10, type="integer", minimum=1, maximum=50, title="How many labels to ask about")}

for name, workflow in load_workflows(load_settings())[0].items():
    options = dag_options(workflow, "labels")
    with DAG(f"{name}.labels", schedule=None, params=FORM, max_active_runs=1, **options):
        form = tasks.find_suspects(name)
        asked = tasks.ReviewForm(
            task_id="ask",
            form=form,
            subject=f"Which {workflow.table.label.column} is right?",
            body="Choose the right label, unsure or drop; an empty field says nothing.",
            response_timeout=timedelta(days=7),
            retries=MOST_QUESTIONS - 1,
        )
        tasks.keep_answers(name, form, asked.output)
