"""Waiting for history: deferred without a slot, resumed when the lake is ready."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.sdk.module_loading import import_string
from deltalake.exceptions import DeltaError
from workflows_for_tests import end_of, make_rows, publish

from lakemill.config import Workflow
from lakemill.exceptions import ConfigError
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.monitoring.order import Missing
from lakemill.orchestration import waiting
from lakemill.orchestration.waiting import LONGEST_WAIT, HistoryTrigger, WaitForHistory

FIRST, SECOND = "2020-01-01", "2020-01-02"


@pytest.fixture
def task() -> WaitForHistory:
    return WaitForHistory(task_id="wait_for_history", workflow="small", stage="scoring")


def judge(workflow: Workflow, lake: Lake, key: str) -> None:
    publish(workflow, lake, key, make_rows(workflow, key, 5))
    record_verdict(lake, Verdict("monitoring", key, end_of(workflow, key), "nothing", ("nothing found",)))


def test_where_nothing_is_missing_it_goes_on(
    workflow: Workflow, task: WaitForHistory, run_of: Callable[..., None]
) -> None:
    run_of(FIRST)

    assert task.execute({}) is None


def test_where_something_is_missing_it_is_deferred(
    workflow: Workflow, task: WaitForHistory, run_of: Callable[..., None]
) -> None:
    run_of(SECOND)

    with pytest.raises(TaskDeferred) as deferred:
        task.execute({})

    trigger = deferred.value.trigger
    assert (trigger.workflow, trigger.partition, trigger.stage) == ("small", SECOND, "scoring")
    assert deferred.value.method_name == "resume"
    assert deferred.value.timeout == LONGEST_WAIT


def test_resumed_it_goes_on(task: WaitForHistory) -> None:
    assert task.resume({}, {"error": None}) is None


def test_resumed_with_an_error_it_fails_with_that_text(task: WaitForHistory) -> None:
    with pytest.raises(AirflowFailException, match=r"^small\.yaml: unknown key$"):
        task.resume({}, {"error": "small.yaml: unknown key"})


def test_a_run_without_a_partition_fails_plainly(
    workflow: Workflow, task: WaitForHistory, run_of: Callable[..., None]
) -> None:
    run_of(None)

    with pytest.raises(AirflowFailException, match="the run has no partition"):
        task.execute({})


def test_the_trigger_can_be_made_again_from_what_it_says_of_itself() -> None:
    trigger = HistoryTrigger("small", SECOND, "monitoring")

    path, kwargs = trigger.serialize()

    assert import_string(path) is HistoryTrigger
    assert import_string(path)(**kwargs).serialize() == (path, kwargs)


async def fire(trigger: HistoryTrigger) -> list[Any]:
    return [event.payload async for event in trigger.run()]


def test_the_trigger_fires_at_once_where_nothing_is_missing(workflow: Workflow) -> None:
    assert asyncio.run(fire(HistoryTrigger("small", FIRST, "scoring"))) == [{"error": None}]


def test_the_trigger_fires_when_the_lake_becomes_ready(
    workflow: Workflow, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "ASK_EVERY_SECONDS", 0.02)

    async def wait() -> tuple[bool, list[Any]]:
        firing = asyncio.create_task(fire(HistoryTrigger("small", SECOND, "scoring")))
        await asyncio.sleep(0.2)
        was_waiting = not firing.done()
        await asyncio.to_thread(judge, workflow, lake, FIRST)
        return was_waiting, await asyncio.wait_for(firing, timeout=10)

    assert asyncio.run(wait()) == (True, [{"error": None}])


def test_waiting_blocks_no_other_trigger(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ASK_EVERY_SECONDS", 0.02)

    async def wait() -> int:
        firing = [asyncio.create_task(fire(HistoryTrigger("small", SECOND, "scoring"))) for _ in range(5)]
        turns = 0
        for _ in range(20):
            await asyncio.sleep(0.01)
            turns += 1
        for one in firing:
            one.cancel()
        await asyncio.gather(*firing, return_exceptions=True)
        return turns

    assert asyncio.run(asyncio.wait_for(wait(), timeout=5)) == 20


def test_the_trigger_gives_up_on_a_fault_that_lasts_and_tells_it(
    workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "ASK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(waiting, "FAILING_SECONDS", 0.1)
    path = tmp_path / "include" / "workflows" / "small.yaml"
    path.write_text(path.read_text() + "mointor: {}\n")

    ((event),) = asyncio.run(fire(HistoryTrigger("small", SECOND, "scoring")))

    assert "include/workflows/small.yaml: unknown key 'mointor'" in event["error"]
    assert "did you mean 'monitor'" in event["error"]


def test_the_trigger_outlives_a_fault_that_passes(
    workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "ASK_EVERY_SECONDS", 0.01)
    path = tmp_path / "include" / "workflows" / "small.yaml"
    whole = path.read_text()
    path.write_text("workflow: sma")  # saved by half

    async def save_the_rest() -> list[dict[str, Any]]:
        firing = asyncio.create_task(fire(HistoryTrigger("small", FIRST, "scoring")))
        await asyncio.sleep(0.1)
        path.write_text(whole)
        return await firing

    assert asyncio.run(save_the_rest()) == [{"error": None}]


def answer(monkeypatch: pytest.MonkeyPatch, *answers: Missing | Exception | None) -> list[float]:
    """Let the lake answer so, and return the list of pauses between; none is slept."""
    left, pauses, now = list(answers), [], [0.0]

    def find(*asked: str) -> Missing | None:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def pass_time(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(waiting, "_find_missing", find)
    monkeypatch.setattr(waiting, "asyncio", SimpleNamespace(to_thread=asyncio.to_thread, sleep=pass_time))
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return pauses


@pytest.mark.parametrize(("distance", "seconds"), [(0, 1), (1, 1), (2, 2), (59, 59), (60, 60), (5000, 60)])
def test_the_trigger_asks_the_more_seldom_the_more_is_missing(
    monkeypatch: pytest.MonkeyPatch, distance: int, seconds: float
) -> None:
    pauses = answer(monkeypatch, Missing(FIRST, "not ingested", distance), None)

    assert asyncio.run(fire(HistoryTrigger("small", SECOND, "scoring"))) == [{"error": None}]
    assert pauses == [seconds]


@pytest.mark.parametrize("fault", [ConfigError("half a file"), OSError("503"), DeltaError("no log"), TimeoutError()])
def test_no_fault_that_passes_ends_a_wait(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    answer(monkeypatch, *[fault] * 599, None)

    assert asyncio.run(fire(HistoryTrigger("small", SECOND, "scoring"))) == [{"error": None}]


def test_faults_with_answers_between_them_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    far = Missing(FIRST, "not ingested", 60)
    answer(monkeypatch, *[*[OSError("503")] * 400, far] * 5, None)

    assert asyncio.run(fire(HistoryTrigger("small", SECOND, "scoring"))) == [{"error": None}]


@pytest.mark.parametrize(
    ("fault", "text"), [(ConfigError("half a file"), "half a file"), (TimeoutError(), "TimeoutError()")]
)
def test_after_ten_minutes_of_faults_a_wait_is_given_up_with_a_text(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, text: str
) -> None:
    pauses = answer(monkeypatch, *[fault] * 700)

    assert asyncio.run(fire(HistoryTrigger("small", SECOND, "scoring"))) == [{"error": text}]
    assert sum(pauses) == 601


def test_a_run_with_a_key_of_another_form_fails_plainly(
    workflow: Workflow, task: WaitForHistory, run_of: Callable[..., None]
) -> None:
    run_of("2020-01")

    with pytest.raises(AirflowFailException, match=r"a partition by day looks like .* got '2020-01'"):
        task.execute({})


def test_what_is_waited_for_is_logged(
    workflow: Workflow, task: WaitForHistory, run_of: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(SECOND)

    with pytest.raises(TaskDeferred):
        task.execute({})

    assert f"waiting: {FIRST} has not been ingested" in capsys.readouterr().out
