"""The link in Airflow's UI from a run's task ``judge`` to the report of its partition.

It names the run: which partition that is of, the server looks up (``pages.py``). Stays out: the page.
"""

from typing import Any
from urllib.parse import quote, urlsplit

import attrs
from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

PREFIX = "/lakemill"  # of all of Lakemill's pages on Airflow's API server


@attrs.define()
class ReportLink(BaseOperatorLink):
    """Opens the report of a run's partition."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address, without the host.

        Parameters
        ----------
        operator : BaseOperator
        ti_key : TaskInstanceKey

        Returns
        -------
        str
        """
        root = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        return f"{root}{PREFIX}/reports/{quote(ti_key.dag_id, safe='')}?run={quote(ti_key.run_id, safe='')}"


def link_report(judged: Any) -> Any:
    """Put the link on a task, and return the task.

    Parameters
    ----------
    judged : XComArg
        What calling the task function in a DAG file returned.

    Returns
    -------
    XComArg
    """
    judged.operator.operator_extra_links = (ReportLink(),)
    return judged
