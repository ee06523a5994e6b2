"""The environment variables of the embedded installation's components, and of ``airflow`` commands beside them.

Everything that Airflow would otherwise read from ``airflow.cfg`` is here. Stays out: starting anything.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lakemill.cli.embedded.postgres import database_url
from lakemill.config.settings import Settings

OVERRIDE_PREFIX = "LAKEMILL_AIRFLOW__"


def environment(settings: Settings, running_port: int) -> dict[str, str]:
    """Return the whole environment for components and ``airflow`` commands, ready for a child process.

    The caller's ``AIRFLOW__`` variables are dropped, since they belong to some other installation;
    ``AIRFLOW_CONN_`` and ``AIRFLOW_VAR_`` stay. ``LAKEMILL_AIRFLOW__X__Y`` overrides ``AIRFLOW__X__Y``.

    Parameters
    ----------
    settings : Settings
    running_port : int
        The API server's port.

    Returns
    -------
    dict of str to str
    """
    settings = make_absolute(settings)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
    overrides = {
        name.removeprefix("LAKEMILL_"): value for name, value in inherited.items() if name.startswith(OVERRIDE_PREFIX)
    }
    return (
        inherited
        | _process_variables(inherited)
        | settings_variables(settings)
        | _airflow_variables(settings, running_port)
        | overrides
    )


def settings_variables(settings: Settings) -> dict[str, str]:
    """Return the variables from which ``load_settings`` makes the same settings again.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to str
    """
    return {
        "LAKEMILL_PROJECT": str(settings.project),
        "LAKEMILL_STATE": str(settings.state),
        "LAKEMILL_LAKE": settings.lake,
        "LAKEMILL_REGISTRY": settings.registry,
        "LAKEMILL_ARTIFACTS": settings.artifacts,
        "LAKEMILL_STUDIES": settings.studies,
        "LAKEMILL_TUNING_TASKS": str(settings.tuning_tasks),
        **({"LAKEMILL_BROKER": settings.broker} if settings.broker else {}),
    }


def make_absolute(settings: Settings) -> Settings:
    """Return the settings with places that don't depend on the working folder, and with the real database addresses.

    The defaults in the settings don't know that a long path has its socket elsewhere, nor quote odd characters.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    Settings
    """
    state = settings.state.absolute()
    return Settings(
        project=settings.project.absolute(),
        state=state,
        lake=_absolute_place(settings.lake),
        registry=database_url(state, "mlflow") if is_embedded(settings, "mlflow") else settings.registry,
        artifacts=_absolute_place(settings.artifacts),
        studies=database_url(state, "studies") if is_embedded(settings, "studies") else settings.studies,
        broker=settings.broker,
        tuning_tasks=settings.tuning_tasks,
    )


def _absolute_place(place: str) -> str:
    return place if "://" in place else str(Path(place).absolute())


def is_embedded(settings: Settings, database: str) -> bool:
    """Return whether MLflow's or Optuna's database is the embedded one, not an address of the user's.

    Parameters
    ----------
    settings : Settings
    database : str
        ``mlflow`` or ``studies``.

    Returns
    -------
    bool
    """
    address = {"mlflow": settings.registry, "studies": settings.studies}[database]
    default = f"postgresql+psycopg2://postgres:@/{database}?host={settings.state / 'postgres'}"
    return address in (default, database_url(settings.state.absolute(), database))


def _process_variables(inherited: Mapping[str, str]) -> dict[str, str]:
    bypass = [inherited.get("NO_PROXY") or inherited.get("no_proxy") or "", "127.0.0.1", "localhost"]
    no_proxy = ",".join(filter(None, bypass))
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",  # so that the end of a log is the end
        "NO_PROXY": no_proxy,  # tasks talk to the API server over the loopback
        "no_proxy": no_proxy,
        # tasks run side by side: threads that wait for each other's processes would spin for most of the time
        "GOMP_SPINCOUNT": inherited.get("GOMP_SPINCOUNT", "300"),
        "SPT_NOENV": "1",  # process titles must not overwrite the mark by which leftovers are found
        "GX_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def _airflow_variables(settings: Settings, port: int) -> dict[str, str]:
    home = settings.state / "airflow"
    logs = settings.state / "logs" / "airflow"
    url = f"http://127.0.0.1:{port}"
    keys = _load_secrets(settings.state)
    options = {
        "CORE__DAGS_FOLDER": settings.project / "dags",
        "CORE__PLUGINS_FOLDER": settings.project / "plugins",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": max(2, os.cpu_count() or 1),
        "CORE__LOAD_EXAMPLES": False,
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,  # no login: nothing listens beyond the loopback
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY": keys["fernet"],
        "DATABASE__SQL_ALCHEMY_CONN": database_url(settings.state, "airflow"),
        "DATABASE__CHECK_MIGRATIONS": False,  # the keeper migrates; each component would look again
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": 20,  # seconds; a start right after a kill would wait for 300
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.5,  # shorter, its questions to the database take a third of a core
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": url,
        "API__WORKERS": 1,
        "API__SECRET_KEY": keys["session"],
        "API_AUTH__JWT_SECRET": keys["jwt"],
        "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 30,  # more often takes a tenth of a core; `run` asks for it at once
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": home / "bundles",
        "LOGGING__BASE_LOG_FOLDER": logs,
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": logs / "dag_processor",
        "LOGGING__LOGGING_LEVEL": "INFO",
        "USAGE_DATA_COLLECTION__ENABLED": False,
    }
    variables = {f"AIRFLOW__{name}": str(value) for name, value in options.items()}
    return {"AIRFLOW_HOME": str(home), "AIRFLOW_CONFIG": str(home / "airflow.cfg")} | variables


def prepare_home(state: Path) -> None:
    """Make Airflow's home with an empty ``airflow.cfg``: each component would else generate one, racing the others.

    Parameters
    ----------
    state : Path
    """
    home = state / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    config = home / "airflow.cfg"
    if not config.exists():
        config.write_text("# Empty on purpose: the environment has all settings, see lakemill/cli/environment.py.\n")


def _load_secrets(state: Path) -> dict[str, str]:
    """Read the installation's keys, which the first caller makes; a link is atomic, so all get the same."""
    path = state / "secrets.json"
    if not path.exists():
        made = {
            "jwt": secrets.token_urlsafe(64),
            "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "session": secrets.token_urlsafe(32),
        }
        state.mkdir(parents=True, exist_ok=True)
        draft = state / f"secrets.json.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(made, file)
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    keys: dict[str, str] = json.loads(path.read_text())
    return keys
