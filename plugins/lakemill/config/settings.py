"""Where this installation keeps things: the only place that reads ``LAKEMILL_`` environment variables.

Stays out: anything about one workflow (``workflow.py``), anything that opens a connection.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from lakemill.exceptions import ConfigError


@dataclass(frozen=True)
class Settings:
    """Places and addresses of one installation.

    Attributes
    ----------
    project : Path
        The folder with ``dags``, ``plugins`` and ``include``; paths in workflow files are relative to it.
    state : Path
        The one folder for all local state of the embedded installation.
    lake : str
        A folder or an ``s3://`` address.
    registry : str
        MLflow's tracking address: a database URL or ``http(s)://``.
    artifacts : str
        Where MLflow keeps model files: a folder or an ``s3://`` address.
    studies : str
        SQLAlchemy URL of the database for Optuna's studies.
    broker : str or None
        Address of the MQTT broker that a source's ``embedded`` stands for: ``mqtt://host:port``; None where none runs.
    tuning_tasks : int
        Tasks that a training's trials are spread over, at most; what comes out does not depend on it.
    """

    project: Path
    state: Path
    lake: str
    registry: str
    artifacts: str
    studies: str
    broker: str | None = None
    tuning_tasks: int = 2

    @property
    def workflows(self) -> Path:
        """The folder of workflow files."""
        return self.project / "include" / "workflows"


def load_settings() -> Settings:
    """Read the settings from the environment, with an embedded installation's defaults.

    Returns
    -------
    Settings

    Raises
    ------
    ConfigError
        If a number is none.
    """
    env = os.environ
    project = Path(env.get("LAKEMILL_PROJECT") or Path(__file__).resolve().parents[3])
    state = Path(env.get("LAKEMILL_STATE") or project / ".lakemill")
    database = f"postgresql+psycopg2://postgres:@/{{}}?host={state / 'postgres'}"
    return Settings(
        project=project,
        state=state,
        lake=env.get("LAKEMILL_LAKE") or str(state / "lake"),
        registry=env.get("LAKEMILL_REGISTRY") or database.format("mlflow"),
        artifacts=env.get("LAKEMILL_ARTIFACTS") or str(state / "models"),
        studies=env.get("LAKEMILL_STUDIES") or database.format("studies"),
        broker=env.get("LAKEMILL_BROKER") or None,
        tuning_tasks=_read_count("LAKEMILL_TUNING_TASKS", os.cpu_count() or 1),
    )


def _read_count(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ConfigError(f"must be a whole number from 1 on, got {text!r}", where=name, remedy="mend it, or unset it")
    return int(text)
