"""``python running_house.py FOLDER PID``: the house of the tests, until the process that runs the session ends it.

It has a process of its own since an installation ends with the process that starts it, and those that run tests end one
after the other.
"""

import sys
import time
from pathlib import Path

import meters
import problems
import psutil

from lakemill.cli.embedded import start, stop
from lakemill.config import Settings

READY, END, ENDED = "house.ready", "house.end", "house.ended"


def settings_in(folder: Path) -> Settings:
    project, state = folder / "project", folder / "state"
    database = f"postgresql+psycopg2://postgres:@/{{}}?host={state / 'postgres'}"
    return Settings(
        project=project,
        state=state,
        lake=str(state / "lake"),
        registry=database.format("mlflow"),
        artifacts=str(state / "models"),
        studies=database.format("studies"),
    )


def main(folder: Path, session: psutil.Process) -> None:
    settings = settings_in(folder)
    problems.lay_out(settings.project)
    problems.write_all(settings.project)
    meters.write_meters(settings.project)
    try:
        start(settings, attached=True, report=print)
        (folder / READY).touch()
        while session.is_running() and not (folder / END).exists():
            time.sleep(0.2)
    finally:
        stop(settings, report=print)
        (folder / ENDED).touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), psutil.Process(int(sys.argv[2])))
