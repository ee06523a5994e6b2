"""What the tests of the main job see of a running installation."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lakemill.cli.airflow_api import AirflowApi
from lakemill.config import Settings
from lakemill.lake import Lake


@dataclass(frozen=True)
class House:
    """A running installation.

    Attributes
    ----------
    settings : Settings
    api : AirflowApi
    lakemill : callable
        Runs the command with these arguments to its end.
    variables : dict
        The environment of its components.
    """

    settings: Settings
    api: AirflowApi
    lakemill: Callable[..., subprocess.CompletedProcess[str]]
    variables: dict[str, str]

    @property
    def project(self) -> Path:
        return self.settings.project

    def lake(self, workflow: str) -> Lake:
        return Lake(self.settings.lake, workflow)

    def run(self, workflow: str) -> str:
        """Run a workflow's history, which must succeed, and return what was told."""
        ended = self.lakemill("run", workflow)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout
