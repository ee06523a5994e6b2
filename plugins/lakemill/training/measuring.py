"""What a piece of work costs: CPU and wall seconds, and the memory of the process that does it.

Durations come from monotonic clocks, never from the date. Stays out: keeping the costs (``lake.times``).
"""

import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SAMPLED_EVERY = 0.02  # seconds
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


@dataclass
class Cost:
    """What a piece of work cost; all zero until it has ended.

    Attributes
    ----------
    cpu_seconds : float
        Of all threads of this process, and of the processes that it started: on two cores up to twice the wall's.
    wall_seconds : float
    peak_bytes : int
        Most resident memory of this process meanwhile. What it held before counts, as does whatever else runs in it;
        processes that it started do not.
    """

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_bytes: int = 0


@contextmanager
def measure() -> Iterator[Cost]:
    """Measure what is done inside.

    Yields
    ------
    Cost
        Filled in at the end, after an error too.

    Examples
    --------
    >>> with measure() as cost:
    ...     total = sum(range(1000))
    >>> cost.cpu_seconds >= 0, cost.wall_seconds > 0, cost.peak_bytes > 0
    (True, True, True)

    Notes
    -----
    The operating system keeps one high-water mark a process. Where the work raised it, the mark is the peak; else the
    peak is the largest of samples, and a shorter one may be missed.
    """
    cost = Cost()
    process = psutil.Process()
    samples = [process.memory_info().rss]
    has_ended = threading.Event()

    def sample() -> None:
        while not has_ended.wait(SAMPLED_EVERY):
            samples.append(max(samples.pop(), process.memory_info().rss))

    sampler = threading.Thread(target=sample, name="memory sampler", daemon=True)
    mark = _read_mark()
    sampler.start()
    began, began_cpu = time.perf_counter(), _read_cpu(process)
    try:
        yield cost
    finally:
        cost.wall_seconds = time.perf_counter() - began
        cost.cpu_seconds = max(0.0, _read_cpu(process) - began_cpu)
        has_ended.set()
        sampler.join()
        raised = _read_mark()
        cost.peak_bytes = raised if raised > mark else max(*samples, process.memory_info().rss)


def _read_mark() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def _read_cpu(process: psutil.Process) -> float:
    """Return CPU seconds of this process, of those that it started and of theirs, whether they have ended or not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:  # it has ended in between
            continue
        total += times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
    return total
