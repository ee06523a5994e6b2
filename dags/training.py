"""``<workflow>.training``: snapshot -> audit -> tune -> fit -> evaluate -> gate -> promote, on request or by hand.

Where the workflow file says so, a person is asked between gate and promote.
"""

from airflow.sdk import DAG, Param, PartitionedAssetTimetable

from lakemill.config import load_settings, load_workflows
from lakemill.orchestration import training as tasks
from lakemill.orchestration.approval import ApprovalForm
from lakemill.orchestration.assets import MOST_QUESTIONS, dag_options, name_asset

FORM = {
    "partition": Param(
        None,
        type=["null", "string"],
        title="As of the end of partition",
        description="Key of the last partition to learn from; empty for the last one published.",
    )
}

for name, workflow in load_workflows(load_settings())[0].items():
    timetable = PartitionedAssetTimetable(assets=name_asset(workflow, "retrain"))
    options = dag_options(workflow, "training")
    with DAG(f"{name}.training", schedule=timetable, params=FORM, max_active_runs=1, **options):
        taken = tasks.snapshot(name)
        trials = tasks.tune.partial(workflow=name, taken=taken).expand(slot=tasks.number_slots(workflow))
        tuned = tasks.take_best.partial(workflow=name, taken=taken).expand(candidate=list(workflow.train.candidates))
        tasks.audit_labels(name, taken) >> trials >> tuned
        version = tasks.fit(name, taken, tuned)
        evaluated = tasks.evaluate(name, taken, version)
        verdict = tasks.gate(name, taken, version, evaluated)
        promote = tasks.promote.override(outlets=[name_asset(workflow, "model")])
        if workflow.approve.when == "never":
            promote(name, taken, version, verdict)
            continue
        asked = ApprovalForm(
            task_id="approve",
            workflow=name,
            taken=taken,
            verdict=verdict,
            subject=f"{name}: may this model take charge?",
            response_timeout=workflow.approve.within,
            retries=MOST_QUESTIONS - 1,
        )
        promote(name, taken, version, verdict, asked.output)
