"""No DAG: shows faulty workflow files as an import error in Airflow's UI, while all others' DAGs stay up."""

from lakemill.config import load_settings, load_workflows
from lakemill.exceptions import ConfigError

faults = load_workflows(load_settings())[1]
if faults:
    raise ConfigError("\n".join(str(fault) for fault in faults))
