"""Importing once, in the scheduler and the DAG processor, what the processes that these fork would import each time.

A task process is a fork of a fork: what its parent has imported costs it nothing, and importing pandas, scikit-learn,
Great Expectations and MLflow takes longer than most steps; reading a DAG file is mostly importing, too. Asked for by
``LAKEMILL_PRELOAD``, ``tasks`` or ``dags``, in the environment of one component. Only imports, and nothing is called:
so no Python thread exists when it forks. Files that are changed later are read by the next start only.
"""

import importlib
import logging
import os
from typing import Any

from airflow.listeners import hookimpl

DAGS = (
    "airflow.providers.standard.operators.hitl",
    "lakemill.config",
    "lakemill.config.suites",
    "lakemill.orchestration.arrivals",
    "lakemill.orchestration.assets",
    "lakemill.orchestration.ingestion",
    "lakemill.orchestration.labels",
    "lakemill.orchestration.monitoring",
    "lakemill.orchestration.scoring",
    "lakemill.orchestration.training",
    "lakemill.orchestration.waiting",
)
ROOMS = (
    "lakemill.collection.files",
    "lakemill.collection.landed",
    "lakemill.validation.expectations",
    "lakemill.preprocessing",
    "lakemill.registry.evaluating",
    "lakemill.registry.releases",
    "lakemill.registry.promoting",
    "lakemill.labels.audit",
    "lakemill.scoring",
    "lakemill.monitoring.step",
)
# these import parts of themselves only when they are used
LATE = (
    "alembic.command",
    "git",
    "great_expectations",
    "great_expectations.expectations.core",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "optuna.storages._rdb.storage",
)
MODULES = {"dags": DAGS, "tasks": (*DAGS, *ROOMS, *LATE)}


@hookimpl
def on_starting(component: Any) -> None:
    """Import what is asked for when a component of Airflow starts."""
    asked = os.environ.pop("LAKEMILL_PRELOAD", "")  # popped: task processes inherit the environment
    modules = MODULES.get(asked, ())
    for module in modules:
        importlib.import_module(module)
    if modules:
        logging.getLogger(__name__).info("preloaded %s", ", ".join(modules))
