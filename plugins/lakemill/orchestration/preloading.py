"""Importing the heavy libraries once, in the scheduler, before it forks the processes that run tasks.

A task process is a fork of a fork: what its parent has imported costs it nothing, and importing pandas, scikit-learn,
Great Expectations and MLflow takes longer than most steps. Asked for by ``LAKEMILL_PRELOAD=1``, in the scheduler's
environment only. Only imports, and nothing is called: so no Python thread exists when the scheduler forks.
"""

import importlib
import logging
import os
from typing import Any

from airflow.listeners import hookimpl

ROOMS = (
    "lakemill.collection.files",
    "lakemill.collection.landed",
    "lakemill.validation.expectations",
    "lakemill.preprocessing",
    "lakemill.registry.releases",
    "lakemill.labels.audit",
    "lakemill.scoring",
    "lakemill.monitoring.step",
    "great_expectations",
    "great_expectations.expectations.core",
)


@hookimpl
def on_starting(component: Any) -> None:
    """Import all rooms when the scheduler starts."""
    if os.environ.pop("LAKEMILL_PRELOAD", "") != "1":  # popped: task processes inherit the environment
        return
    for room in ROOMS:
        importlib.import_module(room)
    logging.getLogger(__name__).info("preloaded %s", ", ".join(ROOMS))
