"""``<workflow>.arrivals``: collectors within the triggerer, and new runs of ingestion for what came late or again.

Stays out: receiving readings (``collection.collector``), and telling what is stale (``collection.freshness``).
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial
from typing import Any

from airflow.sdk import Asset, AssetWatcher, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from lakemill.config import Workflow
from lakemill.config.sources import MqttSource
from lakemill.exceptions import CollectionError, RunError
from lakemill.orchestration.assets import name_asset
from lakemill.orchestration.running import open_workflow, say_plainly

LOOK_EVERY_SECONDS = 3.0  # for late readings: when two looks find the same, what came together is there
LONGEST_WAIT_SECONDS = 30.0  # where they go on coming
REMIND_SECONDS = 60.0  # then twice as long, and so on
LONGEST_SILENCE_SECONDS = 3600.0
FIRST_PAUSE_SECONDS = 1.0  # between tries of a collector that cannot go on
LONGEST_PAUSE_SECONDS = 60.0


def watch_arrivals(workflow: Workflow) -> list[Asset] | None:
    """Return the asset that late readings update, watched by a collector for each MQTT source.

    Parameters
    ----------
    workflow : Workflow

    Returns
    -------
    list of Asset or None
        What a DAG is scheduled by; None for a workflow without such sources.
    """
    watchers = [
        AssetWatcher(name=f"{workflow.workflow}.{name}", trigger=ReadingsTrigger(workflow.workflow, name))
        for name, source in workflow.collect.items()
        if isinstance(source, MqttSource)
    ]
    if not watchers:
        return None
    asset = name_asset(workflow, "late")
    return [Asset(name=asset.name, uri=asset.uri, group=asset.group, watchers=watchers)]


class ReadingsTrigger(BaseEventTrigger):
    """Collect the readings of a source for as long as the triggerer runs; tell when some came late.

    Parameters
    ----------
    workflow, source : str
    """

    def __init__(self, workflow: str, source: str) -> None:
        super().__init__()
        self.workflow = workflow
        self.source = source

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what this trigger is made again from."""
        return f"{type(self).__module__}.{type(self).__name__}", {"workflow": self.workflow, "source": self.source}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event when readings of partitions that are ingested already have landed, and for now no more come.

        It looks at what lies there, not at what comes: readings may land while their partition is being ingested, or
        have landed before this trigger began. What still lies there after a while is told of again.
        """
        stop = threading.Event()
        collecting = asyncio.create_task(self._collect(stop))
        told: dict[str, tuple[str, ...]] = {}
        seen: dict[str, tuple[str, ...]] = {}
        told_at = seen_at = time.monotonic()
        silence = REMIND_SECONDS
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_SECONDS)
                before, seen, now = seen, await asyncio.to_thread(self._look, seen), time.monotonic()
                told = {key: paths for key, paths in told.items() if key in seen}
                if told and now - told_at > silence:
                    told, silence = {}, min(2 * silence, LONGEST_SILENCE_SECONDS)
                elif not seen:
                    silence = REMIND_SECONDS
                news = sorted(key for key in seen if seen[key] != told.get(key))
                seen_at = seen_at if news else now
                if news and (seen == before or now - seen_at > LONGEST_WAIT_SECONDS):
                    self.log.info("late readings of %s", ", ".join(news))
                    told, told_at, seen_at = seen, now, now
                    yield TriggerEvent({"partitions": news})
        finally:
            stop.set()
            # the thread lands what it holds, and lets go of the source for the trigger that comes next
            await asyncio.shield(asyncio.gather(collecting, return_exceptions=True))

    def _look(self, seen: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        from lakemill.collection.freshness import find_late

        try:
            declared, lake, _ = open_workflow(self.workflow)
            return find_late(declared, lake)
        except Exception as error:  # a file that is just being saved, a store that is away: most pass by themselves
            self.log.warning("cannot look into the lake: %s", error)
            return seen

    async def _collect(self, stop: threading.Event) -> None:
        """Keep a collector running: what makes it end may pass by itself, or when somebody mends it."""
        pause = FIRST_PAUSE_SECONDS
        # a thread of its own: the loop's few are for short questions, and it would never give one back
        with_own_thread = ThreadPoolExecutor(1, thread_name_prefix=f"collector {self.workflow}.{self.source}")
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            began = time.monotonic()
            try:
                await loop.run_in_executor(with_own_thread, _run_collector, self.workflow, self.source, stop)
            except Exception as error:  # a broker that refuses the login, a lake that is away, another collector
                self.log.error("the collector of %s.%s cannot go on: %s", self.workflow, self.source, error)
            if time.monotonic() - began > LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await loop.run_in_executor(with_own_thread, stop.wait, pause)
            pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)
        with_own_thread.shutdown(wait=False)


@task
@say_plainly
def find_partitions(workflow: str) -> list[dict[str, str]]:
    """Return the partitions to be ingested again; skip where there is none."""
    from lakemill.collection.freshness import find_stale
    from lakemill.orchestration.connections import AirflowConnections

    declared, lake, settings = open_workflow(workflow)
    report = logging.getLogger(__name__).warning
    stale = find_stale(declared, lake, project=settings.project, connections=AirflowConnections(), report=report)
    if not stale:
        raise AirflowSkipException("nothing came late or again")
    return [{"partition": one.partition, "why": "; ".join(one.reasons), "state": one.state} for one in stale]


@task
@say_plainly
def ingest_again(workflow: str, stale: dict[str, str]) -> str:
    """Clear the run that ingested a partition, and with it start it again; the DAGs after it follow by themselves.

    Not while that run goes on, which may see what has come since: the trigger reminds.
    """
    from lakemill.collection.freshness import note_run, read_run

    _, lake, _ = open_workflow(workflow)
    partition, dag_id = stale["partition"], f"{workflow}.ingestion"
    run = read_run(lake, partition)
    run_id = str(run["run_id"]) if run is not None else ""
    if run is None or not _is_there(dag_id, run_id):
        raise RunError(
            f"no run is known that ingested {partition}",
            where=dag_id,
            remedy=f"trigger {dag_id} with the partition key {partition}",
        )
    if _is_there(dag_id, run_id, "queued", "running"):
        raise AirflowSkipException(f"{partition} is being ingested already: {run_id}")
    if run["tried"] == stale["state"] and _is_there(dag_id, run_id, "failed"):
        raise AirflowSkipException(f"nothing new since {run_id} failed: mend it and clear that run")
    note_run(lake, partition, run_id, tried=stale["state"])
    _clear_run(dag_id, run_id)
    return run_id


def _clear_run(dag_id: str, run_id: str) -> None:
    """Run all tasks of a run again.

    Not a new run: `TriggerDagRunOperator` of Airflow 3.3 cannot give it a partition key, and the supervisor drops the
    one that a `TriggerDagRun` carries. The run that is there has its key.
    """
    from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun

    answer = _ask_supervisor(TriggerDagRun(dag_id=dag_id, run_id=run_id, reset_dag_run=True))
    if isinstance(answer, ErrorResponse):
        raise RuntimeError(f"{run_id} of {dag_id} is not cleared: {answer}")


def _is_there(dag_id: str, run_id: str, *states: str) -> bool:
    """Tell whether there is a run, in one of some states."""
    from airflow.sdk.execution_time.comms import GetDRCount

    return bool(_ask_supervisor(GetDRCount(dag_id=dag_id, run_ids=[run_id], states=list(states) or None)).count)


def _ask_supervisor(message: Any) -> Any:
    from airflow.sdk.execution_time import task_runner

    return task_runner.SUPERVISOR_COMMS.send(message)


def _run_collector(workflow: str, name: str, stop: threading.Event) -> None:
    from lakemill.collection.brokers import resolve_broker
    from lakemill.collection.collector import Collector
    from lakemill.orchestration.connections import AirflowConnections

    declared, lake, settings = open_workflow(workflow)
    source = declared.collect[name]
    if not isinstance(source, MqttSource):  # the file was changed; Airflow lets go of this trigger when it has read it
        raise CollectionError(f"collect.{name} is no source of kind mqtt any more", where=workflow)
    broker = resolve_broker(source, settings.broker, where=f"include/workflows/{workflow}.yaml: collect.{name}")
    connections = AirflowConnections()
    collector = Collector(
        source,
        name=name,
        workflow=declared,
        lake=lake,
        connections=connections,
        broker=broker,
        now=partial(datetime.now, timezone.utc),
    )
    collector.run(stop)
