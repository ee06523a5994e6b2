"""What the DAG files must know of suites, read without anything heavy: whether one learns from history.

Stays out: what expectations mean (``validation``).
"""

import json
from typing import Any

from lakemill.config.settings import Settings
from lakemill.config.workflow import Workflow

PARAMETER = "$PARAMETER"  # Great Expectations' mark of a value that is filled in when a suite is run


def learns_from_history(workflow: Workflow, settings: Settings) -> bool:
    """Tell whether any suite of a workflow takes a limit from the partitions before.

    Parameters
    ----------
    workflow : Workflow
    settings : Settings

    Returns
    -------
    bool
        False too where a suite cannot be read: validation says what is wrong with it.
    """
    return any(_asks_for_history(_read(settings, path)) for path in workflow.suites.values())


def _read(settings: Settings, path: str) -> Any:
    try:
        return json.loads((settings.project / path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _asks_for_history(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get(PARAMETER) == "history" or any(_asks_for_history(one) for one in value.values())
    return isinstance(value, list) and any(_asks_for_history(one) for one in value)
