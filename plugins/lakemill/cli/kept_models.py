"""Where commands find the models: in the registry that the settings name, the embedded one if it runs.

Light at the top, as ``main`` is. Stays out: what is done with models.
"""

from typing import TYPE_CHECKING

from lakemill.config import Settings, Workflow
from lakemill.exceptions import ServiceError

if TYPE_CHECKING:
    from lakemill.registry.models import Registry


def open_registry(workflow: Workflow, settings: Settings) -> "Registry":
    """Return the registry of a workflow's models.

    Raises
    ------
    ServiceError
        If it is the embedded one, and that does not run.
    """
    from lakemill.cli.embedded import find_running
    from lakemill.cli.embedded.environment import is_embedded
    from lakemill.cli.embedded.postgres import database_url
    from lakemill.registry.models import Registry

    address = settings.registry
    if is_embedded(settings, "mlflow"):
        if find_running(settings) is None:
            raise ServiceError(
                "models are kept in the embedded PostgreSQL, which does not run",
                where=workflow.workflow,
                remedy="start it: lakemill up",
            )
        address = database_url(settings.state.absolute(), "mlflow")
    return Registry(workflow, address=address, artifacts=settings.artifacts)
