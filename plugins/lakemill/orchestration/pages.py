"""Lakemill's pages on Airflow's API server: reports of partitions, and model cards.

Whoever may read a DAG may read its pages: Airflow's own dependency asks for that on every route, since the app of a
plugin is otherwise open to all. Names in an address are held against the workflow files and the form of keys before
anything is opened. Stays out: what pages say (``lakemill.monitoring.report``, ``lakemill.registry.model_card``).
"""

from typing import TYPE_CHECKING, Any

from lakemill.config import Workflow, load_settings, load_workflows

if TYPE_CHECKING:
    from fastapi import FastAPI

    from lakemill.lake import Lake

MONITORING = ".monitoring"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
}


class Pages:
    """The ASGI application of the pages, which is made when the first one is asked for.

    Every component of Airflow imports the plugin; only the API server need import what serves pages.
    """

    def __init__(self) -> None:
        self._app: FastAPI | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if self._app is None:
            self._app = make_app()
        await self._app(scope, receive, send)


def make_app() -> "FastAPI":
    """Return the application that serves the pages.

    Returns
    -------
    FastAPI
        With ``/reports/<workflow>.monitoring/<partition>``; without a partition ``?run=`` names a run, and else the
        last one is shown; and ``/cards/<workflow>.monitoring/<version>``.
    """
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse

    app = FastAPI(title="Lakemill", docs_url=None, redoc_url=None, openapi_url=None)
    app.exception_handler(401)(_ask_for_login)
    may_read = [Depends(requires_access_dag("GET"))]
    # the server calls these in threads: they read the lake
    app.get("/reports/{dag_id}", dependencies=may_read)(find_report)
    app.get("/reports/{dag_id}/{partition}", dependencies=may_read, response_class=HTMLResponse)(show_report)
    app.get("/cards/{dag_id}/{version}", dependencies=may_read, response_class=HTMLResponse)(show_card)
    return app


def find_report(dag_id: str, run: str | None = None) -> Any:
    """Send the reader to the report of a run's partition, or of the last partition that was judged."""
    from fastapi.responses import RedirectResponse

    from lakemill.exceptions import LakemillError
    from lakemill.monitoring.report import find_last_judged

    workflow, lake = _open(dag_id)
    if run is not None:
        key = _find_partition(dag_id, run)
    else:
        try:
            key = find_last_judged(workflow, lake)
        except LakemillError as error:
            raise _not_found(str(error)) from None
    return RedirectResponse(f"{dag_id}/{key}", headers={"Cache-Control": "no-store"})


def show_report(dag_id: str, partition: str) -> Any:
    """Show the report of a partition."""
    from fastapi.responses import HTMLResponse

    from lakemill.exceptions import LakemillError
    from lakemill.monitoring.report import Links, gather, write_page
    from lakemill.registry.card_document import read_card

    workflow, lake = _open(dag_id)
    if not workflow.partition.holds(partition):
        raise _not_found(f"{workflow.workflow} has no partition {partition!r}")
    try:
        report = gather(workflow, partition, lake)
    except LakemillError as error:
        raise _not_found(str(error)) from None
    version = report.champion.version if report.champion else None
    has_card = version is not None and read_card(lake, version) is not None
    links = Links(
        earlier=report.earlier,
        later=report.later,
        card=f"../../cards/{dag_id}/{version}" if has_card else None,
    )
    return HTMLResponse(write_page(report, links), headers=HEADERS)


def show_card(dag_id: str, version: str) -> Any:
    """Show the card of a model version."""
    from fastapi.responses import HTMLResponse

    from lakemill.registry.card_document import read_card
    from lakemill.registry.model_card import write_html

    workflow, lake = _open(dag_id)
    card = read_card(lake, version) if version.isdecimal() and version.isascii() else None
    if card is None:
        raise _not_found(f"{workflow.workflow} has no model card of a version {version!r}")
    back = f"../../reports/{dag_id}/{card.partition}"
    return HTMLResponse(write_html(card, report=back), headers=HEADERS)


async def _ask_for_login(request: Any, error: Any) -> Any:
    """Send who has a browser and no session to Airflow's login, from where the way leads back."""
    from airflow.api_fastapi.app import get_auth_manager
    from fastapi.responses import JSONResponse, RedirectResponse

    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": error.detail}, status_code=401)
    return RedirectResponse(get_auth_manager().get_url_login(next_url=str(request.url)))


def _open(dag_id: str) -> "tuple[Workflow, Lake]":
    """Return the workflow whose monitoring the DAG is, and its lake; only known names reach a file."""
    from lakemill.lake import Lake

    settings = load_settings()
    workflow = load_workflows(settings)[0].get(dag_id.removesuffix(MONITORING))
    if workflow is None or not dag_id.endswith(MONITORING):
        raise _not_found(f"{dag_id!r} is not the monitoring of a workflow")
    return workflow, Lake(settings.lake, workflow.workflow)


def _find_partition(dag_id: str, run: str) -> str:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        key = session.scalar(select(DagRun.partition_key).where(DagRun.dag_id == dag_id, DagRun.run_id == run))
    if not key:
        raise _not_found(f"{dag_id} has no run {run!r} with a partition")
    return str(key)


def _not_found(said: str) -> Exception:
    from fastapi import HTTPException

    return HTTPException(404, said)
