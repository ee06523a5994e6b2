"""Recorded readings in the place of sensors: published to the broker of this installation, until all have landed.

Stays out: publishing a file (``collection.publishing``), receiving (the collectors within the triggerer).
"""

import time
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lakemill.cli.airflow_api import AirflowApi
from lakemill.cli.embedded import Running
from lakemill.cli.following import ARRIVALS, unpause_dag
from lakemill.collection.brokers import resolve_broker
from lakemill.collection.delivery import Connections
from lakemill.collection.publishing import Published, publish_recorded
from lakemill.config import Workflow
from lakemill.config.sources import EMBEDDED, MqttSource, Replay
from lakemill.exceptions import RunError
from lakemill.lake import Lake
from lakemill.lake.landing import count_landed, landed_files, landed_partitions

ASK_EVERY_SECONDS = 0.2
SUBSCRIBE_SECONDS = 120.0  # Airflow starts a trigger when it has read the DAG file once more
SILENCE_SECONDS = 60.0  # in which nothing lands


def feed_recorded(
    workflow: Workflow,
    keys: list[str],
    api: AirflowApi,
    lake: Lake,
    running: Running,
    console: Console,
    *,
    project: Path,
    connections: Connections,
) -> int:
    """Publish the recorded readings of partitions that have none, and wait until they have landed.

    Parameters
    ----------
    workflow : Workflow
    keys : list of str
        Partitions.
    api : AirflowApi
    lake : Lake
    running : Running
    console : rich.console.Console
    project : Path
        What the paths of files start at.
    connections : Connections

    Returns
    -------
    int
        Number of readings that were published.

    Raises
    ------
    RunError
        If no collector subscribes, or the readings don't land.
    CollectionError
        If the files or the broker are not there.
    """
    total = 0
    for name, source in workflow.collect.items():
        if not isinstance(source, MqttSource) or source.replay is None or source.broker != EMBEDDED:
            continue
        lacking = _find_lacking(lake, name, keys)
        if not lacking:
            continue
        where = f"include/workflows/{workflow.workflow}.yaml: collect.{name}"
        broker = resolve_broker(source, running.broker, where=where)
        unpause_dag(api, f"{workflow.workflow}.{ARRIVALS}")
        with console.status(f"waiting for the collector of {name}"):
            _await_subscription(lake, name, running.started_at)
        # remembered until all has landed: what is cut off is published again, and of each reading one is kept
        lake.write_document(_document(name), {"unfinished": lacking})
        count = 0
        columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TextColumn("{task.fields[now]}"), console=console) as progress:
            groups = _group(lacking, source.replay)
            feeding = _Feeding(lake, name, progress, progress.add_task(f"publish {name}", total=len(groups), now=""))
            for group in groups:
                feeding.begin()
                published = publish_recorded(
                    source,
                    workflow,
                    group,
                    name=name,
                    broker=broker,
                    connections=connections,
                    project=project,
                    report=feeding.tell,
                )
                feeding.await_landing(published)
                count += published.readings
        lake.remove(f"_documents/{_document(name)}.json")
        console.print(
            f"{name}: {count:,} recorded readings of {len(lacking)} partitions were published and have landed"
        )
        total += count
    return total


class _Feeding:
    """How far the readings of a source are: each group of partitions is published when the one before has landed."""

    def __init__(self, lake: Lake, source: str, progress: Progress, bar: TaskID) -> None:
        self._lake = lake
        self._source = source
        self._progress = progress
        self._bar = bar
        self._rows: dict[str, int] = {}  # by landed file; one is never changed
        self._before = 0

    def begin(self) -> None:
        self._before = self._count()

    def tell(self, published: Published) -> None:
        self._progress.update(self._bar, now=f"{published.readings:,} readings published")

    def await_landing(self, published: Published) -> None:
        landed, changed_at = 0, time.monotonic()
        while (now := self._count() - self._before) < published.readings:
            if now > landed:
                landed, changed_at = now, time.monotonic()
                self._progress.update(self._bar, now=f"{landed:,} of {published.readings:,} readings landed")
            if time.monotonic() - changed_at > SILENCE_SECONDS:
                raise RunError(
                    f"{published.readings - landed:,} of {published.readings:,} readings have not landed",
                    where=f"{self._lake.workflow}: {self._source}",
                    remedy="see logs/triggerer.log in the state folder, and run again: of each reading one is kept",
                )
            time.sleep(ASK_EVERY_SECONDS)
        self._progress.update(self._bar, advance=1, now=f"{published.readings:,} readings landed")

    def _count(self) -> int:
        """Return the number of readings that have landed since this was made, also of those that were merged since."""
        for is_refused in (False, True):
            for key in landed_partitions(self._lake, self._source, refused=is_refused):
                for path in landed_files(self._lake, self._source, key, refused=is_refused):
                    if path not in self._rows:
                        self._rows[path] = count_landed(self._lake, path)
        return sum(self._rows.values())


def _find_lacking(lake: Lake, source: str, keys: list[str]) -> list[str]:
    """Return the partitions that nothing has come for, or not all because publishing was cut off."""
    unfinished = (lake.read_document(_document(source)) or {}).get("unfinished", [])
    there = {*landed_partitions(lake, source), *lake.partitions(f"raw_{source}")}
    return [key for key in keys if key in unfinished or key not in there]


def _group(keys: list[str], replay: Replay) -> list[list[str]]:
    """Return what is published at a time: the broker keeps in memory what has not landed."""
    return [[key] for key in keys] if "{partition}" in replay.path else [keys]


def _await_subscription(lake: Lake, source: str, since: float) -> None:
    deadline = time.monotonic() + SUBSCRIBE_SECONDS
    while True:
        said = lake.read_document(f"collectors/{source}")
        # one of an earlier installation, which was killed, says nothing of this one's broker
        if said is not None and datetime.fromisoformat(said["subscribed_at"]).timestamp() >= since:
            return
        if time.monotonic() > deadline:
            raise RunError(
                f"no collector has subscribed within {SUBSCRIBE_SECONDS:.0f} s",
                where=f"{lake.workflow}: {source}",
                remedy="see logs/triggerer.log in the state folder",
            )
        time.sleep(ASK_EVERY_SECONDS)


def _document(source: str) -> str:
    return f"feeding/{source}"
