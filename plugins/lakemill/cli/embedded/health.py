"""Is Airflow up: its health page, read and judged.

Stays out: waiting and what to do about an answer.
"""

import json
import urllib.request
from datetime import datetime
from typing import Any

# From the health page's names to the component that each stands for, in the order in which to blame them.
COMPONENTS = {
    "metadatabase": "postgres",
    "scheduler": "scheduler",
    "dag_processor": "dag-processor",
    "triggerer": "triggerer",
}

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy has no business on the loopback


def read_health(airflow_url: str, *, timeout_seconds: float = 3.0) -> dict[str, Any] | None:
    """Return what the health page says, or None when nothing sensible answers.

    Parameters
    ----------
    airflow_url : str
    timeout_seconds : float

    Returns
    -------
    dict or None
    """
    try:
        with _DIRECT.open(f"{airflow_url}/api/v2/monitor/health", timeout=timeout_seconds) as answer:
            health = json.load(answer)
    except (OSError, ValueError):  # URLError and time-outs are OSErrors
        return None
    return health if isinstance(health, dict) else None


def find_unhealthy(health: dict[str, Any] | None, *, since: float) -> str | None:
    """Return the first component that isn't healthy yet, or None when all are.

    A heartbeat from before ``since`` doesn't count: after a crash the rows of the dead components look healthy for
    another half minute.

    Parameters
    ----------
    health : dict or None
        What `read_health` gave.
    since : float
        When the components were started, in seconds since the epoch.

    Returns
    -------
    str or None

    Examples
    --------
    >>> find_unhealthy(None, since=0)
    'api-server'
    >>> find_unhealthy({"metadatabase": {"status": "healthy"}}, since=0)
    'scheduler'
    """
    if health is None:
        return "api-server"
    for name, component in COMPONENTS.items():
        entry = health.get(name) or {}
        heartbeat = entry.get(f"latest_{name}_heartbeat")
        is_fresh = name == "metadatabase" or (heartbeat and datetime.fromisoformat(heartbeat).timestamp() >= since)
        if entry.get("status") != "healthy" or not is_fresh:
            return component
    return None
