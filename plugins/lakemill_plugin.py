"""Lakemill's Airflow plugin: the listener that preloads, and the pages. Light, since every component imports it."""

from airflow.plugins_manager import AirflowPlugin

from lakemill.orchestration import preloading
from lakemill.orchestration.pages import Pages
from lakemill.orchestration.report_link import PREFIX


class LakemillPlugin(AirflowPlugin):
    """What Lakemill adds to Airflow."""

    name = "lakemill"
    listeners = [preloading]  # noqa: RUF012  # Airflow's way of declaring
    fastapi_apps = [{"app": Pages(), "url_prefix": PREFIX, "name": "lakemill"}]  # noqa: RUF012  # the same
