"""Lakemill's pages through Airflow's own API server: who may read them, and what an address may name."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from workflows_for_tests import end_of, make_rows, publish

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.monitoring.profiles import profile_partition
from lakemill.orchestration.report_link import ReportLink
from lakemill.registry.card_document import keep_card
from lakemill.registry.ledger import Entry, record_entry
from lakemill.registry.model_card import Card, Section
from lakemill.training.snapshots import take_snapshot

# Airflow's application imports the client for tests of a library that warns of it
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
FIRST, SECOND = "2020-01-01", "2020-01-02"
REPORT = f"/lakemill/reports/small.monitoring/{SECOND}"
BROWSER = {"accept": "text/html"}


class Client:
    """Asks an application, without a server between them."""

    def __init__(self, app: Any) -> None:
        self.transport = httpx.ASGITransport(app)
        self.headers: dict[str, str] = {}

    def get(
        self, path: str, *, headers: dict[str, str] | None = None, follow_redirects: bool = False
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            base, sent = "http://airflow", self.headers | (headers or {})
            async with httpx.AsyncClient(transport=self.transport, base_url=base, headers=sent) as client:
                return await client.get(path, follow_redirects=follow_redirects)

        return anyio.run(ask)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """Airflow's application with the plugin, on a database of its own that knows two runs."""
    from airflow import plugins_manager, settings
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.models import import_all_models
    from airflow.models.base import Base
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    from lakemill_plugin import LakemillPlugin

    import_all_models()
    Base.metadata.create_all(settings.engine)
    with create_session() as session:
        for run_id, key in (("manual__none", None), ("manual__2020-01-03T00:00:00+00:00", SECOND)):
            at = datetime.fromisoformat("2020-01-03T00:00:00+00:00")
            run = DagRun("small.monitoring", run_id, run_after=at, run_type="manual", state="success")
            run.partition_key = key
            session.add(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)
        patch.setattr(plugins_manager, "get_fastapi_plugins", lambda: (LakemillPlugin.fastapi_apps, []))
        yield create_app(apps="core")
    purge_cached_app()


@pytest.fixture
def client(server: Any, workflow: Workflow, lake: Lake) -> Client:
    """Somebody without a session; two days are judged, the second by a champion with a card."""
    for key in (FIRST, SECOND):
        publish(workflow, lake, key, make_rows(workflow, key))
        profile_partition(workflow, key, lake)
        evidence = {"champion": "1" if key == SECOND else None, "metric": "roc_auc"}
        record_verdict(lake, Verdict("monitoring", key, end_of(workflow, key), "note", ("drift",), evidence))
        if key == FIRST:
            as_of = end_of(workflow, key)
            snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
            record_entry(lake, Entry("1", as_of, snapshot, "let through"), recorded_at=as_of)
    keep_card(
        lake, "1", Card("small, version 1", "Is it?", "pass", FIRST, (), (Section("Data", ("", ""), [("a", "b")]),))
    )
    return Client(server)


def log_in(client: Client, role: str | None) -> Client:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ada", role=role))
    client.headers["authorization"] = f"Bearer {token}"
    return client


def test_who_may_read_the_dag_reads_its_report(client: Client) -> None:
    answer = log_in(client, "viewer").get(REPORT)

    assert answer.status_code == 200
    assert f"<h1>small {SECOND}</h1>" in answer.text
    assert f'href="{FIRST}"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_nobody_else_reads_any_page(client: Client) -> None:
    paths = (REPORT, "/lakemill/reports/small.monitoring", "/lakemill/cards/small.monitoring/1")

    assert [client.get(path).status_code for path in paths] == [401] * 3
    assert [log_in(client, None).get(path).status_code for path in paths] == [403] * 3


def test_a_browser_without_a_session_is_sent_to_the_login_and_back(client: Client) -> None:
    answer = client.get(REPORT, headers=BROWSER)

    assert answer.status_code == 307
    assert "/auth/login?next=" in answer.headers["location"]
    assert SECOND in answer.headers["location"]


@pytest.mark.parametrize(
    "path",
    [
        "reports/small.monitoring/2020-01-09",
        "reports/small.monitoring/2020-1-2",
        "reports/small.monitoring/..",
        "reports/small.monitoring/..%2f..%2fsecrets",
        "reports/small.monitoring/%2e%2e%2f%2e%2e",
        "reports/..%2fsmall.monitoring/2020-01-02",
        "reports/small.training/2020-01-02",
        "reports/other.monitoring/2020-01-02",
        "reports/small.monitoring?run=nobody",
        "reports/small.monitoring?run=manual__none",
        "cards/small.monitoring/2",
        "cards/small.monitoring/..%2f..%2fsnapshots",
        "cards/small.monitoring/1%00",
    ],
)
def test_an_address_of_nothing_is_not_found(client: Client, path: str) -> None:
    assert log_in(client, "viewer").get(f"/lakemill/{path}").status_code == 404


def test_the_link_of_a_run_leads_to_its_partition(client: Client) -> None:
    from types import SimpleNamespace

    task = SimpleNamespace(dag_id="small.monitoring", run_id="manual__2020-01-03T00:00:00+00:00")
    link = ReportLink().get_link(None, ti_key=task)

    answer = log_in(client, "viewer").get(link)

    assert link == "/lakemill/reports/small.monitoring?run=manual__2020-01-03T00%3A00%3A00%2B00%3A00"
    assert (answer.status_code, answer.headers["location"]) == (307, f"small.monitoring/{SECOND}")


def test_without_a_run_the_last_report_is_shown(client: Client) -> None:
    shown = log_in(client, "viewer").get("/lakemill/reports/small.monitoring", follow_redirects=True)

    assert str(shown.url).endswith(REPORT)


def test_report_and_card_lead_to_each_other(client: Client) -> None:
    report = log_in(client, "viewer").get(REPORT)
    assert 'href="../../cards/small.monitoring/1"' in report.text

    card = client.get("/lakemill/cards/small.monitoring/1")

    assert "<h1>small, version 1</h1>" in card.text
    assert f'href="../../reports/small.monitoring/{FIRST}"' in card.text


def test_the_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, lakemill.orchestration.pages;"
        "print([name for name in ('fastapi', 'pandas', 'matplotlib', 'deltalake') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
