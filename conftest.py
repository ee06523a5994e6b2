"""Airflow's home for all tests: an empty folder, set before anything imports Airflow, since the import reads it."""

import atexit
import os
import shutil
import tempfile

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
