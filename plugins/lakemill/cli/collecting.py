"""``lakemill collect`` and ``lakemill publish``: collectors in the foreground, and recorded readings in their place.

Stays out: receiving and publishing themselves (``collection``).
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from rich.console import Console

from lakemill.collection.brokers import resolve_broker
from lakemill.collection.collector import Collector, Landed
from lakemill.collection.delivery import Connections
from lakemill.collection.publishing import Published, publish_recorded
from lakemill.config import Workflow
from lakemill.config.sources import MqttSource
from lakemill.exceptions import ConfigError, suggest
from lakemill.lake import Lake

TOLD_EVERY_SECONDS = 10.0  # where no line can be rewritten
SHOWN_EVERY_SECONDS = 0.5


def choose_sources(workflow: Workflow, name: str | None) -> dict[str, MqttSource]:
    """Return the MQTT sources of a workflow: one, or all.

    Parameters
    ----------
    workflow : Workflow
    name : str or None

    Raises
    ------
    ConfigError
        If there is none (of that name).
    """
    found = {key: source for key, source in workflow.collect.items() if isinstance(source, MqttSource)}
    where = f"include/workflows/{workflow.workflow}.yaml: collect"
    if not found:
        raise ConfigError("no source of kind mqtt", where=where, remedy="others are collected by the DAG")
    if name is not None and name not in found:
        raise ConfigError(f"no source {name!r} of kind mqtt", where=where, remedy=suggest(name, list(found)))
    return {name: found[name]} if name is not None else found


def collect_until_told(
    workflow: Workflow,
    name: str | None,
    lake: Lake,
    *,
    connections: Connections,
    broker: str | None,
    console: Console,
) -> Counter[str]:
    """Run the collectors of a workflow until the process is told to end; what is in memory then lands first.

    Parameters
    ----------
    workflow : Workflow
    name : str or None
        A source; all of kind mqtt if left out.
    lake : Lake
    connections : Connections
    broker : str or None
        Address of the embedded broker.
    console : rich.console.Console

    Returns
    -------
    Counter
        Of ``messages``, ``rows``, ``refused``.

    Raises
    ------
    LakemillError
        If one of the collectors cannot go on; the others end too.
    """
    collectors = []
    for key, source in choose_sources(workflow, name).items():
        where = f"include/workflows/{workflow.workflow}.yaml: collect.{key}"
        address = resolve_broker(source, broker, where=where)
        collectors.append(
            Collector(
                source,
                name=key,
                workflow=workflow,
                lake=lake,
                connections=connections,
                broker=address,
                now=partial(datetime.now, timezone.utc),
            )
        )
    stop = threading.Event()
    totals: Counter[str] = Counter()
    failures: list[BaseException] = []
    lock = threading.Lock()

    def take(landed: Landed) -> None:
        with lock:
            totals.update(messages=landed.messages, rows=landed.rows, refused=landed.refused)

    def run(collector: Collector) -> None:
        try:
            collector.run(stop, take)
        except BaseException as error:
            failures.append(error)
        stop.set()

    threads = [threading.Thread(target=run, args=(one,), name="collector") for one in collectors]
    with _ending_at_signals(stop):
        for thread in threads:
            thread.start()
        _show_progress(totals, stop, console, "collected")
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    return totals


def publish_sources(
    workflow: Workflow,
    name: str | None,
    keys: Sequence[str],
    *,
    project: Path,
    connections: Connections,
    broker: str | None,
    per_second: float | None,
    console: Console,
) -> Published:
    """Publish the recorded readings of a workflow's sources, one source after the other.

    Parameters
    ----------
    workflow : Workflow
    name : str or None
        A source; all that have recorded readings if left out.
    keys : sequence of str
        Partitions.
    project : Path
    connections : Connections
    broker : str or None
        Address of the embedded broker.
    per_second : float or None
        Messages; as fast as the broker takes them where None.
    console : rich.console.Console

    Returns
    -------
    Published
        Of all sources.

    Raises
    ------
    CollectionError
        If there is nothing to replay, or the broker does not take it.
    """
    found = choose_sources(workflow, name)
    replayed = {key: source for key, source in found.items() if source.replay is not None} or found
    messages = readings = 0
    with console.status("publishing") as status:
        for key, source in replayed.items():
            began = time.monotonic()

            def tell(published: Published, key: str = key, began: float = began) -> None:
                rate = published.messages / max(time.monotonic() - began, 0.001)
                status.update(f"{key}: published {published.messages:,} messages, {rate:,.0f} a second")

            published = publish_recorded(
                source,
                workflow,
                keys,
                name=key,
                broker=resolve_broker(source, broker, where=f"{workflow.workflow}: collect.{key}"),
                connections=connections,
                project=project,
                per_second=per_second,
                report=tell,
            )
            messages, readings = messages + published.messages, readings + published.readings
    console.print(f"published {messages:,} messages with {readings:,} readings")
    return Published(messages, readings)


@contextmanager
def _ending_at_signals(stop: threading.Event) -> Iterator[None]:
    """Take Ctrl-C and SIGTERM as the word to end, for as long as the context lasts."""
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, lambda number, frame: stop.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_progress(totals: Counter[str], stop: threading.Event, console: Console, verb: str) -> None:
    """Show counts until told to stop: in one line of a terminal, now and then in a log."""
    every = SHOWN_EVERY_SECONDS if console.is_terminal else TOLD_EVERY_SECONDS
    seen, last = 0, time.monotonic()
    with console.status(f"{verb} nothing yet; Ctrl-C ends it") as status:
        while not stop.wait(every):
            now, messages = time.monotonic(), totals["messages"]
            rate, seen, last = (messages - seen) / (now - last), messages, now
            line = f"{verb} {messages:,} messages ({rate:,.0f} a second): {totals['rows']:,} readings"
            line += f", {totals['refused']:,} refused" if totals["refused"] else ""
            if console.is_terminal:
                status.update(line)
            elif rate:
                console.print(line)
