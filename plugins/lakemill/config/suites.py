"""What the DAG files read besides the workflow file, without anything heavy: whether a suite learns from history.

Stays out: what expectations mean (``validation``).
"""

import json
from datetime import UTC, datetime
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


def find_changed(workflow: Workflow, settings: Settings, *, now: datetime) -> datetime:
    """Return when the files that a workflow's DAGs are made of were changed last: its own and its suites.

    Parameters
    ----------
    workflow : Workflow
    settings : Settings
    now : datetime
        Stands for the time of a file that claims to be from later.

    Returns
    -------
    datetime
        In UTC.
    """
    own = (settings.workflows / f"{workflow.workflow}{ending}" for ending in (".yaml", ".yml"))
    paths = [*own, *(settings.project / path for path in workflow.suites.values())]
    newest = datetime.fromtimestamp(max(path.stat().st_mtime for path in paths if path.exists()), UTC)
    return min(newest, now)


def _read(settings: Settings, path: str) -> Any:
    try:
        return json.loads((settings.project / path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _asks_for_history(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get(PARAMETER) == "history" or any(_asks_for_history(one) for one in value.values())
    return isinstance(value, list) and any(_asks_for_history(one) for one in value)
