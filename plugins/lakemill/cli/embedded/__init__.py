"""The embedded installation: PostgreSQL, Airflow and an MQTT broker, on loopback, owned by one keeper process.

Stays out: workflows. It starts, watches and ends processes, whatever these run.
"""

from lakemill.cli.embedded.installation import Running, environment, find_running, start, stop

__all__ = ["Running", "environment", "find_running", "start", "stop"]
