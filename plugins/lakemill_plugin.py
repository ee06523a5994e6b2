"""Lakemill's Airflow plugin: the listener that preloads. Light, since every component imports it."""

from airflow.plugins_manager import AirflowPlugin

from lakemill.orchestration import preloading


class LakemillPlugin(AirflowPlugin):
    """What Lakemill adds to Airflow."""

    name = "lakemill"
    listeners = [preloading]  # noqa: RUF012  # Airflow's way of declaring
