"""What is measured of a piece of work: the clocks run, memory's peak is seen, and an error hides nothing."""

import subprocess
import sys
import time

import pytest

from lakemill.training.measuring import Cost, measure

MEGABYTE = 1_000_000
BUSY = "import time\nwhile time.process_time() < 0.2: pass"


def test_nothing_is_told_before_the_end() -> None:
    with measure() as cost:
        assert cost == Cost()
    assert cost.wall_seconds > 0


def test_work_costs_cpu_and_waiting_does_not() -> None:
    with measure() as working:
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass
    with measure() as waiting:
        time.sleep(0.1)

    assert working.cpu_seconds >= 0.1
    assert waiting.wall_seconds >= 0.1
    assert waiting.cpu_seconds < working.cpu_seconds


def test_a_process_that_was_started_counts_once_it_has_ended() -> None:
    with measure() as cost:
        subprocess.run([sys.executable, "-c", BUSY], check=True)

    assert cost.cpu_seconds >= 0.15  # of 0.2, in ticks of 10 ms


def test_a_process_that_was_started_counts_while_it_lives() -> None:
    with measure() as cost:
        child = subprocess.Popen(
            [sys.executable, "-c", f"{BUSY}\nprint('done', flush=True)\nimport sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdout.readline() == b"done\n"
    child.communicate()

    assert cost.cpu_seconds >= 0.15  # of 0.2, in ticks of 10 ms


def test_the_peak_holds_what_was_there_and_what_came() -> None:
    with measure() as before:
        pass
    with measure() as cost:
        block = bytearray(100 * MEGABYTE)
        block[::4096] = b"x" * len(block[::4096])
        time.sleep(0.1)  # long enough for a sample, where an earlier peak of the process was higher

    assert cost.peak_bytes >= len(block)
    assert before.peak_bytes > 0


def test_an_error_is_raised_and_measured() -> None:
    with pytest.raises(ValueError, match="broken"), measure() as cost:
        raise ValueError("broken")

    assert cost.wall_seconds > 0
    assert cost.peak_bytes > 0
