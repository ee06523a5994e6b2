"""One real installation for all tests of the main job: PostgreSQL, Airflow, a project with several workflows."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import problems
import pytest
from house import House

from lakemill.cli.airflow_api import AirflowApi
from lakemill.cli.embedded import environment, start, stop
from lakemill.config import Settings


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder outside of pytest's, which each start of pytest closes to others: as root PostgreSQL is such another."""
    with tempfile.TemporaryDirectory(prefix="lakemill-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="lakemill-", ignore_cleanup_errors=True) as folder:
        yield from run_house(Path(folder))


def run_house(folder: Path) -> Iterator[House]:
    project, state = folder / "project", folder / "state"
    problems.lay_out(project)
    for write in (problems.write_tumours, problems.write_wines, problems.write_diabetes):
        write(project)
    problems.write_tumours(project, "trusting")
    problems.write_tumours(project, "approved", approve="always", retrain={"first_after": 1})
    for name in ("calm", "killed"):
        problems.write_many_rows(project, name)
    database = f"postgresql+psycopg2://postgres:@/{{}}?host={state / 'postgres'}"
    settings = Settings(
        project=project,
        state=state,
        lake=str(state / "lake"),
        registry=database.format("mlflow"),
        artifacts=str(state / "models"),
        studies=database.format("studies"),
    )
    try:
        running = start(settings, attached=True, report=lambda phase: None)
        variables = environment(settings, running.port)

        def lakemill(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "lakemill.cli.main", *arguments]
            env = {**os.environ, "LAKEMILL_PROJECT": str(project), "LAKEMILL_STATE": str(state)}
            return subprocess.run(command, env=env, capture_output=True, text=True, timeout=900, cwd=project)

        with AirflowApi(running.airflow_url) as api:
            yield House(settings, api, lakemill, variables)
    finally:
        stop(settings, report=lambda phase: None)
