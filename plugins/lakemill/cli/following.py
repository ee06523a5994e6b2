"""Running a workflow over its history: a native backfill of ingestion, and all four DAGs followed to the end.

Stays out: starting Airflow (``installation.py``).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lakemill.cli.airflow_api import AirflowApi, FailedTask, Run
from lakemill.cli.summary import Verdicts
from lakemill.collection.freshness import Stale
from lakemill.config import Workflow, load_settings
from lakemill.config.sources import MqttSource
from lakemill.config.suites import learns_from_history
from lakemill.exceptions import ConfigError, RunError
from lakemill.lake import Lake

DAGS = ("ingestion", "scoring", "monitoring", "training")
ARRIVALS = "arrivals"  # of workflows with sources that publish when they like
ASK_EVERY_SECONDS, PAUSE_FOR_ASKING = 1.0, 4.0  # the latter in times of what asking took
TOLD_EVERY_SECONDS = 10.0
DAG_SECONDS = 120.0
IDLE_SECONDS = 30.0  # a wait that nothing will end; a deferred task counts as running
QUIET_SECONDS = 5.0  # an asset's event becomes a run within a loop of the scheduler
MAX_ACTIVE_RUNS = 4
MOST_WAITING_RUNS = 10_000


class TasksFailedError(RunError):
    """Runs failed.

    Parameters
    ----------
    tasks : list of FailedTask
    """

    def __init__(self, tasks: list[FailedTask]) -> None:
        super().__init__(f"{len(tasks)} task(s) failed")
        self.tasks = tasks


@dataclass(frozen=True)
class State:
    """Where a workflow's runs are.

    Attributes
    ----------
    runs : dict of str to list of Run
        By the DAG's name without the workflow's.
    verdicts : Verdicts
    """

    runs: dict[str, list[Run]]
    verdicts: Verdicts

    def count(self, dag: str, *states: str) -> int:
        """Return the number of a DAG's runs in some states."""
        return sum(run.state in states for run in self.runs[dag])

    @property
    def unfinished(self) -> int:
        """Number of runs that are queued or running."""
        return sum(self.count(dag, "queued", "running") for dag in self.runs)

    @property
    def failed(self) -> list[Run]:
        """Runs that failed, but for those of blocked partitions."""
        return [run for runs in self.runs.values() for run in runs if run.state == "failed" and run not in self.blocked]

    @property
    def blocked(self) -> list[Run]:
        """Runs of ingestion whose partition an expectation blocks: that holds up no other partition."""
        keys = self.verdicts.blocked
        return [run for run in self.runs["ingestion"] if run.state == "failed" and run.partition in keys]


def run_history(
    workflow: Workflow,
    keys: list[str],
    api: AirflowApi,
    lake: Lake,
    console: Console,
    *,
    stale: Sequence[Stale] = (),
    changed_at: datetime | None = None,
    follows: bool = True,
) -> bool:
    """Bring partitions through all four DAGs.

    Parameters
    ----------
    workflow : Workflow
    keys : list of str
        Partitions, in order.
    api : AirflowApi
    lake : Lake
    console : rich.console.Console
    stale : sequence of Stale
        Partitions for which something else has been delivered since they were ingested: they are run again.
    changed_at : datetime, optional
        When the workflow file was changed last: Airflow must have read it since.
    follows : bool
        Whether what is started is followed to its end.

    Returns
    -------
    bool
        Whether there was anything to do.

    Raises
    ------
    TasksFailedError
        If a run fails. A blocked partition is none: see the verdicts.
    ConfigError
        If partitions before the first are not done: it would wait for them.
    """
    require_earlier(workflow, keys, lake)
    for dag in list_dags(workflow):
        unpause_dag(api, f"{workflow.workflow}.{dag}", since=changed_at)
    state = _read(workflow, api, lake)
    stale = [one for one in stale if one.partition in keys]
    if (
        not stale
        and not state.failed
        and not state.blocked
        and not state.unfinished
        and all(state.verdicts.is_done(key) for key in keys)
    ):
        return False
    _start(workflow, keys, api, state, console)
    _run_again(workflow, stale, api, state, console)
    if follows:
        _follow(workflow, keys, api, lake, console)
    return True


def run_training(
    workflow: Workflow, partition: str, api: AirflowApi, lake: Lake, console: Console, *, follows: bool = True
) -> None:
    """Train as of the end of a partition, unless that is being done.

    Parameters
    ----------
    workflow : Workflow
    partition : str
    api : AirflowApi
    lake : Lake
    console : rich.console.Console
    follows : bool
        Whether the run is followed to its end.

    Raises
    ------
    TasksFailedError
        If a run fails.
    """
    training = f"{workflow.workflow}.training"
    unpause_dag(api, training)
    if any(run.partition == partition and run.state in ("queued", "running") for run in api.runs(training)):
        console.print(f"{training} of {partition} is running already")
    else:
        console.print(f"training as of the end of {partition}")
        api.trigger(training, partition)
    if follows:
        _follow(workflow, [], api, lake, console)


def require_earlier(workflow: Workflow, keys: list[str], lake: Lake) -> None:
    """Refuse a first partition that would wait for others that nobody runs.

    Parameters
    ----------
    workflow : Workflow
    keys : list of str
        Partitions, in order.
    lake : Lake

    Raises
    ------
    ConfigError
        If partitions before the first are not done in the lake.
    """
    verdicts = Verdicts.read(lake)
    lacking = [key for key in workflow.partition.earlier(keys[0]) if not verdicts.is_done(key)]
    if lacking:
        named = f"{lacking[0]} to {lacking[-1]} come" if len(lacking) > 1 else f"{lacking[0]} comes"
        raise ConfigError(
            f"{named} first: {keys[0]} would wait for what is not done of that",
            where="--from",
            remedy="leave out --from, or raise partition.start in the workflow file",
        )


def list_dags(workflow: Workflow) -> tuple[str, ...]:
    """Return the names of the DAGs that a workflow's history runs through, without the workflow's."""
    is_fed = any(isinstance(source, MqttSource) for source in workflow.collect.values())
    return (*DAGS, ARRIVALS) if is_fed else DAGS


def unpause_dag(api: AirflowApi, dag_id: str, *, since: datetime | None = None, seconds: float | None = None) -> None:
    """Wait until Airflow shows a DAG, and let its runs start.

    Parameters
    ----------
    api : AirflowApi
    dag_id : str
    since : datetime, optional
        Since when its file must have been read: the workflow file may have changed.
    seconds : float, optional
        How long to wait at most; two minutes if left out.

    Raises
    ------
    RunError
        If it does not show it.
    """
    deadline = time.monotonic() + (DAG_SECONDS if seconds is None else seconds)
    is_asked = False
    while not api.has_dag(dag_id, since=since):
        if not is_asked:
            api.read_anew(dag_id)
            is_asked = True
        if time.monotonic() > deadline:
            errors = "\n".join(api.import_errors())
            lacks = "read its file again for" if api.has_dag(dag_id) else "show"
            raise RunError(f"Airflow does not {lacks} the DAG {dag_id}", remedy=errors or "see the DAG processor's log")
        time.sleep(ASK_EVERY_SECONDS)
    api.unpause(dag_id)


def _start(workflow: Workflow, keys: list[str], api: AirflowApi, state: State, console: Console) -> None:
    ingestion = f"{workflow.workflow}.ingestion"
    for run in (*state.failed, *state.blocked):
        console.print(f"running again what failed: {run.dag_id} {run.partition or run.run_id}")
        # a training from its snapshot on: the workflow file may have been mended, and the snapshot's id knows the file;
        # a blocked partition from its files on: one of these may have been
        is_whole = run in state.blocked or run.dag_id.endswith(".training")
        api.clear(run, only_failed=not is_whole)
    if api.backfills(ingestion):
        console.print(f"going on with the backfill of {ingestion} that has not ended")
    else:
        _backfill_missing(workflow, keys, api, state, console)


def _run_again(workflow: Workflow, stale: Sequence[Stale], api: AirflowApi, state: State, console: Console) -> None:
    """Ingest stale partitions again, but for those that are being run; the other DAGs follow by themselves."""
    ingestion = f"{workflow.workflow}.ingestion"
    runs = {run.partition: run for run in state.runs["ingestion"]}
    for one in stale:
        run = runs.get(one.partition)
        if run is not None and (run.state in ("queued", "running") or run in (*state.failed, *state.blocked)):
            continue
        console.print(f"running again {one.partition}: {'; '.join(one.reasons)}")
        if run is not None:
            api.clear(run, only_failed=False)
        else:
            api.trigger(ingestion, one.partition)


def _backfill_missing(workflow: Workflow, keys: list[str], api: AirflowApi, state: State, console: Console) -> bool:
    """Create a backfill over the partitions that have no run of ingestion; tell whether there were any."""
    ingestion = f"{workflow.workflow}.ingestion"
    known = {run.partition for run in state.runs["ingestion"]}
    missing = [key for key in keys if key not in known]
    if not missing:
        return False
    first, last = (_partition_date(workflow, key) for key in (missing[0], missing[-1]))
    # runs that wait for the partitions before must not keep out the one they wait for
    waits = learns_from_history(workflow, load_settings()) or any(rule.learns_from_past for rule in workflow.clean)
    most = MOST_WAITING_RUNS if waits else MAX_ACTIVE_RUNS
    number = api.create_backfill(ingestion, first=first, last=last, max_active_runs=most)
    console.print(f"created backfill {number} of {ingestion}: {missing[0]} to {missing[-1]}")
    return True


def _partition_date(workflow: Workflow, key: str) -> str:
    """Return the partition's local beginning; Airflow reads its wall clock in the timetable's time zone."""
    return workflow.partition.local_start(key).isoformat() + "Z"


def _follow(workflow: Workflow, keys: list[str], api: AirflowApi, lake: Lake, console: Console) -> None:
    columns = (TextColumn("{task.description:<12}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[now]}"), console=console) as progress:
        bars = {dag: progress.add_task(dag, total=len(keys) if dag != "training" else 0, now="") for dag in DAGS}
        tell, tell_questions = _teller(console), _questioner(workflow, api, console)
        done_since = idle_since = time.monotonic()
        while True:
            asked_at = time.monotonic()
            state = _read(workflow, api, lake)
            for dag, bar in bars.items():
                total = len(keys) if keys and dag != "training" else len(state.runs[dag])
                progress.update(bar, completed=state.count(dag, "success"), total=total, now=_now(state, dag))
            tell(state)
            tell_questions(state)
            if state.failed:
                tasks = [task for run in state.failed for task in api.failed_tasks(run, lines=15)]
                raise TasksFailedError(tasks)
            now = time.monotonic()
            undone = [key for key in keys if not state.verdicts.is_done(key)]
            idle_since = now if state.unfinished else idle_since
            done_since = now if state.unfinished or undone else done_since
            if now - done_since > QUIET_SECONDS:
                return
            if now - idle_since > IDLE_SECONDS:
                _go_on(workflow, keys, undone, api, state, console)
                idle_since = now
            # an answer costs what the tasks that are waited for could use
            time.sleep(max(ASK_EVERY_SECONDS, PAUSE_FOR_ASKING * (now - asked_at)))


def _go_on(
    workflow: Workflow, keys: list[str], undone: list[str], api: AirflowApi, state: State, console: Console
) -> None:
    """Nothing runs, but not all is done: backfill what an earlier backfill left out, or say what is amiss."""
    if _backfill_missing(workflow, keys, api, state, console):
        return
    raise RunError(
        f"no run is left, but the lake lacks what they should have brought of {', '.join(undone)}",
        where=workflow.workflow,
        remedy="if the lake was deleted, delete Airflow's state with it (make clean); else clear these runs in the UI",
    )


def _now(state: State, dag: str) -> str:
    running = sorted(run.partition or run.run_id for run in state.runs[dag] if run.state == "running")
    return ", ".join(running[:3]) + (f" and {len(running) - 3} more" if len(running) > 3 else "")


def _teller(console: Console) -> Callable[[State], None]:
    """Where no progress bar can be drawn, say how far it is from time to time."""
    told_at, told = 0.0, ""

    def tell(state: State) -> None:
        nonlocal told_at, told
        text = ", ".join(f"{dag} {state.count(dag, 'success')}/{len(state.runs[dag])}" for dag in DAGS)
        if console.is_terminal or text == told or time.monotonic() - told_at < TOLD_EVERY_SECONDS:
            return
        console.print(text)
        told_at, told = time.monotonic(), text

    return tell


def _questioner(workflow: Workflow, api: AirflowApi, console: Console) -> Callable[[State], None]:
    """Say once of each training that it waits for a person's answer, and where that is given: else it seems to hang."""
    told: set[str] = set()

    def tell(state: State) -> None:
        for run in state.runs["training"] if workflow.approve.when != "never" else ():
            for page in api.find_questions(run) if run.state == "running" and run.run_id not in told else ():
                console.print(
                    f"{run.dag_id} of {run.partition} waits for a person's answer (without one it is rejected after "
                    f"{workflow.approve.within}):",
                    markup=False,
                )
                console.print(f"  {page}", markup=False, soft_wrap=True)
                told.add(run.run_id)

    return tell


def _read(workflow: Workflow, api: AirflowApi, lake: Lake) -> State:
    found = api.runs_below(f"{workflow.workflow}.")
    return State({dag: _latest(found.get(dag, [])) for dag in list_dags(workflow)}, Verdicts.read(lake))


def _latest(runs: list[Run]) -> list[Run]:
    """Return the last run of each partition: it stands for those before it."""
    return list({run.partition or run.run_id: run for run in runs}.values())
