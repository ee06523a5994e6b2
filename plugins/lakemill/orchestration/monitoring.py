"""Tasks of ``<workflow>.monitoring``. Stays out: their order, which is the DAG file's."""

from typing import Any

from airflow.sdk import get_current_context, task, timezone
from airflow.sdk.exceptions import AirflowSkipException

from lakemill.orchestration.assets import name_asset
from lakemill.orchestration.running import current_partition, open_registry, open_workflow, say_plainly


@task
@say_plainly
def judge(workflow: str) -> Any:
    """Find what may be wrong, and decide what follows; roll back where that does."""
    from lakemill.monitoring.step import judge_partition

    declared, lake, settings = open_workflow(workflow)
    registry = open_registry(declared, settings)
    return judge_partition(declared, current_partition(declared), lake, registry, recorded_at=timezone.utcnow())


@task
@say_plainly
def request_training(workflow: str, judged: dict[str, Any]) -> str:
    """Update the ``retrain`` asset, with the reason, where the verdict says so; else skip."""
    if judged["verdict"] != "retrain":
        raise AirflowSkipException(f"{judged['verdict']}: {judged['reason']}")
    asset = name_asset(open_workflow(workflow)[0], "retrain")
    event = get_current_context()["outlet_events"][asset]
    event.extra = {name: judged[name] for name in ("partition", "reason", "findings")}
    return str(judged["reason"])


@task
@say_plainly
def notify(workflow: str, judged: dict[str, Any]) -> Any:
    """Tell those who asked for it of the verdict; who cannot be reached fails nothing."""
    from lakemill.orchestration.notifying import tell

    declared, lake, _ = open_workflow(workflow)
    return tell(declared, lake, judged, get_current_context(), now=timezone.utcnow())
