"""What holds for all tests: Airflow's home, and how files are shared out to processes.

The home is an empty folder, set before anything imports Airflow, since the import reads it.
"""

import atexit
import os
import shutil
import tempfile
from typing import Any

import pytest

OWN_SERVERS = ("installation", "object_store", "sensors", "sql_source", "tuning")  # of tests/integration
HOME = tempfile.mkdtemp(prefix="lakemill-tests-airflow-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

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
    "NO_PROXY": "127.0.0.1,localhost",  # servers of the tests are on the loopback
    "no_proxy": "127.0.0.1,localhost",
}
if "PYTEST_XDIST_WORKER" in os.environ:
    # set before the libraries are loaded: threads of several processes that wait for each other spin
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file in one process, and those that share what takes long: servers, the year of flights."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            if "flights" in file:
                return "flights"
            if not file.startswith("tests/integration/") or "ci_script" in file:  # that one needs no server
                return file
            return "services" if any(name in file for name in OWN_SERVERS) else "house"

    return ByFile(config, log)
