"""What holds for all tests: Airflow's home, how files are shared out to processes, and what those processes share.

The home is an empty folder, set before anything imports Airflow, since the import reads it.
"""

import atexit
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

SLOW = ("main_job", "installation", "approval", "sensors", "reviewing_labels")  # of tests/integration: begun first
HOME = tempfile.mkdtemp(prefix="lakemill-tests-airflow-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
if "PYTEST_XDIST_WORKER" not in os.environ:  # this process starts the others, and outlives them
    os.environ |= {"TESTS_SHARED": tempfile.mkdtemp(prefix="lakemill-tests-"), "TESTS_SESSION": str(os.getpid())}
    Path(os.environ["TESTS_SHARED"]).chmod(0o755)  # as root, PostgreSQL is another user
    atexit.register(shutil.rmtree, os.environ["TESTS_SHARED"], ignore_errors=True)

for name in [name for name in os.environ if name.startswith(("AIRFLOW__", "LAKEMILL_"))]:
    del os.environ[name]  # of an installation of the user's
os.environ |= {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW_CONFIG": f"{HOME}/airflow.cfg",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GOMP_SPINCOUNT": "300",  # threads of fits must not spin for each other beside other work: docs/decisions/0024
    "NO_PROXY": "127.0.0.1,localhost",  # servers of the tests are on the loopback
    "no_proxy": "127.0.0.1,localhost",
}
if "PYTEST_XDIST_WORKER" in os.environ:
    # set before the libraries are loaded: threads of several processes that wait for each other spin
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file in one process, and those of the year of flights, which takes long to collect."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "flights" if "flights" in file else file

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process is left alone with one at the end."""
    places = {f"test_{name}.py": place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: places.get(item.path.name if "integration" in item.path.parts else "", len(SLOW)))


def pytest_sessionfinish() -> None:
    """Wait until the house of tests/integration has ended, if there is one."""
    shared = Path(os.environ["TESTS_SHARED"])
    if "PYTEST_XDIST_WORKER" in os.environ or not (shared / "house.log").exists():
        return
    (shared / "house.end").touch()
    give_up_at = time.monotonic() + 60
    while not (shared / "house.ended").exists() and time.monotonic() < give_up_at:
        time.sleep(0.1)
