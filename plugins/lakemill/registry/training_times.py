"""The costs of a training's trials, fit and evaluation: written to the ledger of times, and what is read from there.

Stays out: measuring (``training.measuring``), choosing (``training.choosing``), judging (``evaluation.pace``).
"""

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.pace import Pace
from lakemill.lake import Lake
from lakemill.lake.times import EVALUATION, FIT, TRIAL, Time, read_times, record_times
from lakemill.training.choosing import Choice, Option, choose
from lakemill.training.feature_switches import without_single
from lakemill.training.measuring import Cost
from lakemill.training.trials import Told

RECENT = 12  # earlier trainings that say what is usual: machines and libraries change


@dataclass(frozen=True)
class Release:
    """What the training of one model version cost, and how good it is.

    Attributes
    ----------
    partition : str
        The last one that it knows.
    version, candidate : str
    score, standard_error : float or None
        On its own test rows, in the metric's unit; None where it was not evaluated, or not defined.
    rows : int
        That it was fitted on.
    trials_seconds, fit_seconds, evaluation_seconds : float
        CPU seconds.
    paces : tuple of Pace
        Its parts beside those of earlier trainings.
    """

    partition: str
    version: str
    candidate: str
    score: float | None
    standard_error: float | None
    rows: int
    trials_seconds: float
    fit_seconds: float
    evaluation_seconds: float
    paces: tuple[Pace, ...]

    @property
    def training_seconds(self) -> float:
        """CPU seconds of its trials and its fit."""
        return self.trials_seconds + self.fit_seconds


def list_releases(times: Sequence[Time]) -> list[Release]:
    """Return all versions whose fit is in the ledger of times, by partition and version."""
    releases = []
    for fit in (one for one in times if one.what == FIT):
        beside = [one for one in times if one.snapshot == fit.snapshot]
        evaluation = next((one for one in beside if one.what == EVALUATION), None)
        releases.append(
            Release(
                partition=fit.partition,
                version=str(fit.version),
                candidate=str(fit.candidate),
                score=evaluation.score if evaluation else None,
                standard_error=evaluation.standard_error if evaluation else None,
                rows=fit.rows,
                trials_seconds=sum(one.cpu_seconds for one in beside if one.what == TRIAL),
                fit_seconds=fit.cpu_seconds,
                evaluation_seconds=evaluation.cpu_seconds if evaluation else 0.0,
                paces=gather_paces(times, str(fit.snapshot)),
            )
        )
    return sorted(releases, key=lambda one: (one.partition, int(one.version)))


def record_trials(workflow: Workflow, lake: Lake, snapshot: str, candidate: str, trials: Sequence[Told]) -> None:
    """Keep what a candidate's trials cost; trials that were added since the last time are added."""
    metric = METRICS[workflow.train.metric]
    times = []
    for one in trials:
        known = vars(one) | {"score": None if one.score is None else metric.gain(one.score, 0.0)}
        trial = known.pop("number")
        times.append(
            Time(
                _partition_of(lake, snapshot),
                TRIAL,
                snapshot=snapshot,
                candidate=candidate,
                trial=trial,
                metric=metric.name,
                **known,
            )
        )
    record_times(lake, times, of=f"{snapshot}-{candidate}", is_anew=True)


def choose_fit(workflow: Workflow, lake: Lake, snapshot: str, tuned: list[dict[str, Any]], *, rows: int) -> Choice:
    """Choose what is fitted, by the trials that the ledger of times holds.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    snapshot : str
    tuned : list of dict
        What tuning found for each candidate.
    rows : int
        That will be fitted; a trial's time is taken to grow with the rows as they do.

    Returns
    -------
    Choice
    """
    metric = METRICS[workflow.train.metric]
    trials = [
        Option(
            candidate=str(one.candidate),
            parameters=one.parameters,
            score=math.nan if one.score is None else metric.gain(one.score, 0.0),
            standard_error=math.nan if one.standard_error is None else one.standard_error,
            seconds=(one.fit_cpu_seconds or 0.0) / one.rows * rows,
            trial=one.trial,
        )
        for one in read_times(lake, TRIAL, snapshot=snapshot)
        if one.rows
    ]
    by_name = {_name(one.candidate, one.parameters): one for one in reversed(trials)}
    finalists = []
    for one in tuned:
        told = {name: one[name] for name in ("candidate", "parameters", "score")}
        tried = by_name.get(_name(one["candidate"], without_single(one["parameters"])))
        finalists.append(replace(tried, **told) if tried is not None else Option(**told))
    return choose(finalists, trials, workflow.train.choose)


def describe_fit(
    workflow: Workflow, lake: Lake, snapshot: str, choice: Choice, cost: Cost, *, rows: int
) -> dict[str, Any]:
    """Return what is told of a fit, as it is kept beside its model and, by `record_fit`, in the ledger of times."""
    metric, option = METRICS[workflow.train.metric], choice.option
    told = Time(
        _partition_of(lake, snapshot),
        FIT,
        snapshot=snapshot,
        candidate=option.candidate,
        trial=option.trial,
        parameters=option.parameters,
        metric=metric.name,
        score=_finite(metric.gain(option.score, 0.0)),
        standard_error=_finite(option.standard_error),
        rows=rows,
        fit_cpu_seconds=cost.cpu_seconds,
        note=choice.reason,
        **vars(cost),
    )
    return asdict(told)


def list_steps(trials: Sequence[Time]) -> list[tuple[int, dict[str, float]]]:
    """Return the figures of trials by their number, as MLflow takes them, named after candidate and figure."""
    names = ("score", "standard_error", "cpu_seconds", "fit_cpu_seconds", "wall_seconds", "peak_bytes")
    steps = []
    for one in trials:
        known = {f"trial_{one.candidate}_{name}": getattr(one, name) for name in names}
        steps.append((one.trial or 0, {name: float(value) for name, value in known.items() if value is not None}))
    return steps


def record_fit(lake: Lake, version: str, told: dict[str, Any] | None) -> None:
    """Keep what a version's fit cost; nothing of a version from before fits were measured so."""
    if told is not None:
        record_times(lake, [Time(**{**told, "version": version})], of=str(told["snapshot"]))


def record_evaluation(lake: Lake, snapshot: str, version: str, evaluated: dict[str, Any], cost: Cost) -> None:
    """Keep what the evaluation of a version cost, and its score on test rows."""
    told = Time(
        _partition_of(lake, snapshot),
        EVALUATION,
        snapshot=snapshot,
        version=version,
        metric=evaluated["metric"],
        score=evaluated["score"],
        standard_error=evaluated["standard_error"],
        rows=evaluated["rows"],
        **vars(cost),
    )
    record_times(lake, [told], of=snapshot)


def find_fit(times: Sequence[Time], snapshot: str) -> Time | None:
    """Return what is known of a snapshot's fit."""
    return next((one for one in times if one.what == FIT and one.snapshot == snapshot), None)


def gather_paces(times: Sequence[Time], snapshot: str) -> tuple[Pace, ...]:
    """Return how long the parts of a training took, beside the same parts of trainings as of earlier partitions.

    Trials of one candidate are held against its trials, a fit against fits of the same candidate: another one is not
    slower, it is another one.

    Parameters
    ----------
    times : sequence of Time
    snapshot : str

    Returns
    -------
    tuple of Pace
        Trials of each candidate, then the fit; none where nothing is known of the snapshot.
    """
    spent: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for one in times:
        if one.what in (TRIAL, FIT) and one.rows and one.fit_cpu_seconds is not None:
            part = "trials of" if one.what == TRIAL else "fit of"
            sums = spent[f"{part} {one.candidate}"][one.partition, one.snapshot or ""]
            sums[0] += one.fit_cpu_seconds
            sums[1] += one.rows
    paces = []
    for what, trainings in spent.items():
        for (partition, of), (seconds, rows) in trainings.items():
            if of == snapshot:
                before = [sums for (at, _), sums in sorted(trainings.items()) if at < partition]
                earlier = tuple(sums[0] / sums[1] for sums in before[-RECENT:])
                paces.append(Pace(what, int(rows), seconds, earlier))
    return tuple(sorted(paces, key=lambda pace: (pace.what.startswith("fit"), pace.what)))


def _partition_of(lake: Lake, snapshot: str) -> str:
    """Return the last partition that a snapshot knows."""
    return str((lake.read_document(f"snapshots/{snapshot}") or {})["partitions"][-1])


def _name(candidate: str, parameters: dict[str, Any]) -> str:
    return json.dumps([candidate, parameters], sort_keys=True, default=str)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
