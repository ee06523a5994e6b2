"""Waiting for history: a deferred operator, and the trigger that asks the lake until nothing is missing.

Stays out: what has to be there (``monitoring.order``).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from lakemill.orchestration.running import current_partition, open_workflow, say_plainly

if TYPE_CHECKING:
    from lakemill.monitoring.order import Missing

ASK_EVERY_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0  # where much is missing: all that wait ask, and each asks for the whole table
FAILING_SECONDS = 600.0  # of faults without a break, before a wait is given up
LONGEST_WAIT = timedelta(days=30)


class WaitForHistory(BaseOperator):
    """Wait until the lake has all that must be known before this partition; without a worker's slot.

    Parameters
    ----------
    workflow : str
    stage : {"ingestion", "cleaning", "scoring", "monitoring"}
    """

    def __init__(self, *, workflow: str, stage: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.workflow = workflow
        self.stage = stage

    @say_plainly
    def execute(self, context: Any) -> None:
        """Go on where nothing is missing, else defer."""
        key = current_partition(open_workflow(self.workflow)[0])
        missing = _find_missing(self.workflow, key, self.stage)
        if missing is None:
            return
        self.log.info("waiting: %s", missing.text)
        self.defer(trigger=HistoryTrigger(self.workflow, key, self.stage), method_name="resume", timeout=LONGEST_WAIT)

    def resume(self, context: Any, event: dict[str, Any]) -> None:
        """Go on, or fail with what the trigger met."""
        if event["error"]:
            raise AirflowFailException(event["error"])


class HistoryTrigger(BaseTrigger):
    """Ask the lake, the more seldom the more is missing, whether the history of a partition is there.

    Parameters
    ----------
    workflow, partition, stage : str
    """

    def __init__(self, workflow: str, partition: str, stage: str) -> None:
        super().__init__()
        self.workflow = workflow
        self.partition = partition
        self.stage = stage

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what this trigger is made again from."""
        kwargs = {"workflow": self.workflow, "partition": self.partition, "stage": self.stage}
        return f"{type(self).__module__}.{type(self).__name__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: when nothing is missing, or when asking has failed for too long."""
        answered_at = time.monotonic()
        while True:
            pause = ASK_EVERY_SECONDS
            try:
                missing = await asyncio.to_thread(_find_missing, self.workflow, self.partition, self.stage)
                if missing is None:
                    break
                pause = _pause_seconds(missing)
                answered_at = time.monotonic() + pause
            except Exception as error:  # a file that is just being saved, a store that is away: most pass by themselves
                text = str(error) or repr(error)  # some say nothing, and an event without a text is no error
                self.log.warning("cannot ask the lake: %s", text)
                if time.monotonic() - answered_at > FAILING_SECONDS:
                    yield TriggerEvent({"error": text})
                    return
            await asyncio.sleep(pause)
        yield TriggerEvent({"error": None})


def _pause_seconds(missing: "Missing") -> float:
    """Return how long not to ask: each partition in between takes more than a second to come."""
    return min(LONGEST_PAUSE_SECONDS, ASK_EVERY_SECONDS * max(1, missing.distance))


def _find_missing(workflow: str, key: str, stage: str) -> "Missing | None":
    from lakemill.monitoring.order import find_missing, find_missing_to_clean

    declared, lake, _ = open_workflow(workflow)
    if stage == "cleaning":
        return find_missing_to_clean(declared, key, lake)
    return find_missing(declared, key, lake, stage=stage)
