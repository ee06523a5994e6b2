"""What every task function needs of its run: the partition, the workflow, the lake; and errors said plainly.

Stays out: what a task does.
"""

import functools
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airflow.sdk import get_current_context, timezone
from airflow.sdk.exceptions import AirflowFailException

from lakemill.config import Settings, Workflow, find_workflow, load_settings
from lakemill.exceptions import BlockedPartitionError, LakemillError, RunError

if TYPE_CHECKING:
    from lakemill.lake import Lake
    from lakemill.registry.models import Registry

P = ParamSpec("P")
R = TypeVar("R")


def say_plainly(function: Callable[P, R]) -> Callable[P, R]:
    """Fail a task on an error that the user can mend with its message alone, and without a retry.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
    """

    @functools.wraps(function)
    def plain(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except LakemillError as error:
            logging.getLogger(__name__).error("%s", error)
            raise AirflowFailException(str(error)) from None

    return plain


def tell_where_blocked(function: Callable[..., R]) -> Callable[..., R]:
    """Tell those who asked for it where a task of ingestion blocks its partition: monitoring never hears of that one.

    Parameters
    ----------
    function : callable
        Takes the workflow's name first.

    Returns
    -------
    callable
    """

    @functools.wraps(function)
    def telling(workflow: str, *args: Any, **kwargs: Any) -> R:
        try:
            return function(workflow, *args, **kwargs)
        except BlockedPartitionError as error:
            try:
                _tell_blocked(workflow, error)
            except Exception:  # that nobody could be told must not hide why
                logging.getLogger(__name__).exception("nobody was told")
            raise

    return telling


def _tell_blocked(name: str, error: BlockedPartitionError) -> None:
    from lakemill.orchestration.notifying import tell

    workflow, lake, _ = open_workflow(name)
    key = current_partition(workflow)
    blocked = {"partition": key, "verdict": "blocked", "reason": error.problem, "findings": []}
    tell(workflow, lake, blocked, get_current_context(), now=timezone.utcnow())


def open_workflow(name: str) -> tuple[Workflow, "Lake", Settings]:
    """Return a workflow, its lake and the settings."""
    from lakemill.lake import Lake

    settings = load_settings()
    return find_workflow(name, settings), Lake(settings.lake, name), settings


def open_registry(workflow: Workflow, settings: Settings) -> "Registry":
    """Return the models of a workflow."""
    from lakemill.registry.models import Registry

    return Registry(workflow, address=settings.registry, artifacts=settings.artifacts)


def current_partition(workflow: Workflow) -> str:
    """Return the key of the run's partition.

    Parameters
    ----------
    workflow : Workflow

    Returns
    -------
    str
        Of the form of the workflow's keys.

    Raises
    ------
    RunError
        If the run was started without one, or with one of another form.
    """
    key = _dag_run().partition_key
    if not key:
        raise RunError(
            "the run has no partition",
            where="partition key",
            remedy="give a partition key when you trigger the DAG, or use a backfill",
        )
    try:
        workflow.partition.interval(key)
    except ValueError as error:
        remedy = "trigger the DAG again with such a partition key, or use a backfill"
        raise RunError(str(error), where="partition key", remedy=remedy) from None
    return str(key)


def run_started() -> datetime:
    """Return when the run was started: the same moment for all its tasks and their retries."""
    started: datetime = _dag_run().start_date
    return started


def run_id() -> str:
    """Return the id of the run."""
    return str(_dag_run().run_id)


def run_parameter(name: str, default: Any) -> Any:
    """Return a value of the form that the run was started with; the default for a run from before it had that."""
    return get_current_context()["params"].get(name, default)


def _dag_run() -> Any:
    return get_current_context()["dag_run"]
