"""``<workflow>.rollback``: roll back -> find outdated -> score again, by hand: an earlier model in charge again."""

from airflow.sdk import DAG, Param

from lakemill.config import load_settings, load_workflows
from lakemill.orchestration import rollback as tasks
from lakemill.orchestration.assets import dag_options

FORM = {
    "version": Param(
        None,
        type=["null", "string"],
        title="Version",
        description="The one to be in charge again; empty for the one before the champion.",
    ),
    "reason": Param("", type="string", title="Reason", description="Kept in the ledger."),
    "rescore": Param(
        False,
        type="boolean",
        title="Score again",
        description="Take the champion back from the moment it took charge on, and score again what it has scored.",
    ),
}

for name, workflow in load_workflows(load_settings())[0].items():
    options = dag_options(workflow, "rollback")
    with DAG(f"{name}.rollback", schedule=None, params=FORM, max_active_runs=1, **options):
        outdated = tasks.find_outdated(name, tasks.roll_back(name))
        tasks.score_again.partial(workflow=name).expand(partition=outdated)
