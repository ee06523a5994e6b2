"""The workflow file and the settings: what a user says, checked once at the door.

Light: no pandas, no pyarrow, no Airflow; every DAG file imports this room when it is parsed.
"""

from lakemill.config.loading import find_workflow, load_workflow, load_workflows
from lakemill.config.partition import Interval, Partition
from lakemill.config.settings import Settings, load_settings
from lakemill.config.training import METRICS
from lakemill.config.workflow import TABLE, Workflow

__all__ = [
    "METRICS",
    "TABLE",
    "Interval",
    "Partition",
    "Settings",
    "Workflow",
    "find_workflow",
    "load_settings",
    "load_workflow",
    "load_workflows",
]
