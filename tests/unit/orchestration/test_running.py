"""What tasks need of their run, and errors said plainly."""

import logging
from collections.abc import Callable

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from lakemill.config import Workflow
from lakemill.exceptions import ConfigError, LakemillError, RunError, TrainingError
from lakemill.orchestration.running import current_partition, open_registry, open_workflow, run_started, say_plainly


@pytest.mark.parametrize(
    "error",
    [TrainingError("too few rows", where="small", remedy="wait"), ConfigError("no"), LakemillError("simply wrong")],
)
def test_what_the_user_can_mend_fails_without_retry_with_its_message_alone(
    error: LakemillError, caplog: pytest.LogCaptureFixture
) -> None:
    @say_plainly
    def fail() -> None:
        raise error

    with caplog.at_level(logging.ERROR), pytest.raises(AirflowFailException) as failed:
        fail()

    assert str(failed.value) == str(error)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__
    assert [record.getMessage() for record in caplog.records] == [str(error)]
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize("error", [ValueError("a bug"), AirflowSkipException("skip"), KeyError("x")])
def test_other_errors_pass_as_they_are(error: Exception) -> None:
    @say_plainly
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as failed:
        fail()

    assert failed.value is error


def test_a_plain_function_keeps_its_name_arguments_and_result() -> None:
    @say_plainly
    def add(first: int, *, second: int) -> int:
        """Add."""
        return first + second

    assert (add(1, second=2), add.__name__, add.__doc__) == (3, "add", "Add.")


def test_the_partition_is_the_runs_key(workflow: Workflow, run_of: Callable[..., None]) -> None:
    run_of("2020-01-01")

    assert current_partition(workflow) == "2020-01-01"
    assert run_started().isoformat() == "2020-02-01T00:00:00+00:00"


@pytest.mark.parametrize("key", [None, ""])
def test_a_run_without_a_partition_is_an_error_with_a_remedy(
    workflow: Workflow, run_of: Callable[..., None], key: str | None
) -> None:
    run_of(key)

    with pytest.raises(RunError, match=r"the run has no partition\n  -> give a partition key"):
        current_partition(workflow)


@pytest.mark.parametrize("key", ["2020-01", "2020-1-1", "today", "2020-01-01T00", "9999-12-31"])
def test_a_key_of_another_form_is_an_error_with_a_remedy(
    workflow: Workflow, run_of: Callable[..., None], key: str
) -> None:
    run_of(key)

    with pytest.raises(RunError, match=rf"^partition key: the .*{key}.*\n  -> trigger the DAG again"):
        current_partition(workflow)


def test_a_workflow_comes_with_its_lake_and_registry(workflow: Workflow) -> None:
    declared, lake, settings = open_workflow("small")

    assert declared == workflow
    assert lake.address == settings.lake
    assert open_registry(declared, settings).find("nothing") is None


def test_an_unknown_workflow_is_an_error_with_a_suggestion(workflow: Workflow) -> None:
    with pytest.raises(ConfigError, match="did you mean 'small'"):
        open_workflow("smal")
