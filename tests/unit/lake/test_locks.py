"""A lock is held by one at a time, and let go of however its holder ends."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import lakemill
from lakemill.lake import Lake
from lakemill.lake.locks import hold_lock

PLUGINS = str(Path(lakemill.__file__).parents[1])
HOLDER = """
import sys
sys.path.insert(0, sys.argv[1])
from lakemill.lake import Lake
from lakemill.lake.locks import hold_lock

with hold_lock(Lake(sys.argv[2], "parcels"), "collect"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_one_at_a_time(lake):
    inside, most = 0, []

    def work() -> None:
        nonlocal inside
        for _ in range(50):
            with hold_lock(lake, "collect"):
                inside += 1
                most.append(inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (200, 1)


def _begin_to_wait(lake: Lake, name: str) -> tuple[threading.Thread, threading.Event]:
    has_it = threading.Event()

    def wait() -> None:
        with hold_lock(lake, name):
            has_it.set()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, has_it


def test_locks_of_other_names_and_workflows_are_others(lake):
    with hold_lock(lake, "collect-parcels"):
        for other, name in ((lake, "collect-weather"), (Lake(lake.address, "others"), "collect-parcels")):
            thread, has_it = _begin_to_wait(other, name)
            assert has_it.wait(10)
            thread.join()


def test_an_error_lets_go_of_it(lake):
    with pytest.raises(ZeroDivisionError), hold_lock(lake, "collect"):
        raise ZeroDivisionError
    thread, has_it = _begin_to_wait(lake, "collect")
    assert has_it.wait(10)
    thread.join()


def test_a_holder_that_is_killed_lets_go_of_it(lake):
    command = [sys.executable, "-c", HOLDER, PLUGINS, lake.address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        thread, has_it = _begin_to_wait(lake, "collect")
        assert not has_it.wait(0.3)
        holder.send_signal(signal.SIGKILL)
        assert has_it.wait(10)
        thread.join()


def test_a_lock_makes_no_table(lake):
    with hold_lock(lake, "collect"):
        assert lake.version("_locks") == -1
