"""Tasks of ``<workflow>.rollback``. Stays out: their order, which is the DAG file's."""

from datetime import datetime
from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from lakemill.orchestration.running import (
    open_registry,
    open_workflow,
    run_id,
    run_parameter,
    run_started,
    say_plainly,
)


@task
@say_plainly
def roll_back(workflow: str) -> Any:
    """Put the version of the form, or the one before the champion, in charge again; skip where it is."""
    from lakemill.registry.rolling_back import roll_back as put_back

    declared, lake, settings = open_workflow(workflow)
    entry = put_back(
        declared,
        lake,
        open_registry(declared, settings),
        who=_find_who(),
        reason=run_parameter("reason", "") or "by hand",
        recorded_at=run_started(),
        to=run_parameter("version", None),
        is_retroactive=run_parameter("rescore", False),
        request=run_id(),
    )
    if entry is None:
        raise AirflowSkipException("that version is in charge already")
    return {"version": entry.version, "instead_of": entry.instead_of, "as_of": entry.as_of.isoformat()}


@task
@say_plainly
def find_outdated(workflow: str, rolled_back: dict[str, str]) -> list[str]:
    """Return the partitions that were scored by the version that was taken back; skip where that is left so."""
    from lakemill.scoring import find_outdated as find

    if not run_parameter("rescore", False):
        raise AirflowSkipException("nothing is to be scored again")
    declared, lake, _ = open_workflow(workflow)
    return find(declared, lake, since=datetime.fromisoformat(rolled_back["as_of"]))


@task
@say_plainly
def score_again(workflow: str, partition: str) -> Any:
    """Score a partition by the version that is in charge of it now."""
    from lakemill.scoring import score_partition

    declared, lake, settings = open_workflow(workflow)
    return score_partition(declared, partition, lake, open_registry(declared, settings))


def _find_who() -> str:
    """Return who started the run."""
    return str(getattr(get_current_context()["dag_run"], "triggering_user_name", None) or "Airflow")
