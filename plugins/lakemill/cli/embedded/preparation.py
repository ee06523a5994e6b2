"""What has to be there before the first task, in the embedded databases and beside them.

Each database bears a note of the version that prepared it, so that later starts skip the work. Tables are made here
because tasks that run in parallel would race for it. Stays out: running the commands (``keeper.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lakemill.cli.embedded.environment import is_embedded
from lakemill.cli.embedded.postgres import (
    DATABASES,
    comment_database,
    create_database,
    database_url,
    list_databases,
)
from lakemill.config import load_workflows
from lakemill.config.settings import Settings
from lakemill.config.sources import EMBEDDED, MqttSource


@dataclass(frozen=True)
class Preparation:
    """A command that makes or migrates the tables of one database.

    Attributes
    ----------
    name : str
        What it is called in messages and logs.
    database : str
    package : str
        The distribution whose version says whether it has to run again.
    arguments : list of str
        For the Python interpreter.
    """

    name: str
    database: str
    package: str
    arguments: list[str]

    @property
    def note(self) -> str:
        """What the database bears when it is prepared."""
        return f"prepared by {self.package} {version(self.package)}"


# In processes of their own: these imports take seconds, and side by side they need two cores.
_MLFLOW_TABLES = (
    "import os; from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore; "
    "SqlAlchemyStore(os.environ['LAKEMILL_REGISTRY'], os.environ['LAKEMILL_ARTIFACTS'])"
)
_OPTUNA_TABLES = "import os, optuna; optuna.storages.RDBStorage(os.environ['LAKEMILL_STUDIES'])"
PREPARATIONS = (
    Preparation("airflow-db-migrate", "airflow", "apache-airflow-core", ["-m", "airflow", "db", "migrate"]),
    Preparation("mlflow-tables", "mlflow", "mlflow", ["-c", _MLFLOW_TABLES]),
    Preparation("optuna-tables", "studies", "optuna", ["-c", _OPTUNA_TABLES]),
)


def is_answering(state: Path) -> bool:
    """Return whether the embedded server takes connections.

    Parameters
    ----------
    state : Path

    Returns
    -------
    bool
    """
    import psycopg2

    try:
        list_databases(state)
    except psycopg2.OperationalError:
        return False
    return True


def find_preparations(settings: Settings, variables: Mapping[str, str]) -> dict[str, Preparation]:
    """Create the databases that are missing and return what has to run, by database.

    Parameters
    ----------
    settings : Settings
    variables : Mapping[str, str]
        The components' environment.

    Returns
    -------
    dict of str to Preparation
    """
    notes = list_databases(settings.state)
    for database in DATABASES:
        if database not in notes:
            create_database(settings.state, database)
    # An address of the user's own: Airflow's has to be migrated whatever our note says, MLflow's and Optuna's are his.
    has_own_airflow = variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] != database_url(settings.state, "airflow")
    due = {}
    for preparation in PREPARATIONS:
        is_airflow = preparation.database == "airflow"
        is_ours = is_airflow or is_embedded(settings, preparation.database)
        is_noted = notes.get(preparation.database) == preparation.note
        if is_ours and not (is_noted and not (is_airflow and has_own_airflow)):
            due[preparation.database] = preparation
    return due


def needs_broker(settings: Settings) -> bool:
    """Tell whether a workflow wants the broker of this installation, and the user has not named one in its place.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    bool
    """
    if settings.broker is not None:
        return False
    sources = [one for workflow in load_workflows(settings)[0].values() for one in workflow.collect.values()]
    return any(isinstance(one, MqttSource) and one.broker == EMBEDDED for one in sources)


def note_prepared(state: Path, preparation: Preparation) -> None:
    """Write the note that spares the next start this preparation.

    Parameters
    ----------
    state : Path
    preparation : Preparation
    """
    comment_database(state, preparation.database, preparation.note)
