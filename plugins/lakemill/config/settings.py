"""Where this installation keeps things: the only place that reads ``LAKEMILL_`` environment variables.

Stays out: anything about one workflow (``workflow.py``), anything that opens a connection.
"""

import os
from dataclasses import dataclass
from pathlib import Path


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
    """

    project: Path
    state: Path
    lake: str
    registry: str
    artifacts: str
    studies: str
    broker: str | None = None

    @property
    def workflows(self) -> Path:
        """The folder of workflow files."""
        return self.project / "include" / "workflows"


def load_settings() -> Settings:
    """Read the settings from the environment, with an embedded installation's defaults.

    Returns
    -------
    Settings
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
    )
