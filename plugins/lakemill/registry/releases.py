"""The steps of a training run, from the snapshot to the promotion: each takes ids, and returns a small dict.

Stays out: how to tune, score, judge and keep; this module only brings these together.
"""

import math
from datetime import datetime
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lakemill.config import Workflow
from lakemill.evaluation.comparison import compare_paired
from lakemill.evaluation.gate import Evidence, judge
from lakemill.evaluation.leakage import Case, Proof, prove
from lakemill.evaluation.metrics import METRICS, predict_naively
from lakemill.evaluation.predictions import predict
from lakemill.evaluation.standard_errors import find_standard_error
from lakemill.exceptions import TrainingError
from lakemill.lake import Lake
from lakemill.lake.times import TRIAL, Time, read_times
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.preprocessing.splitting import Split, split_rows
from lakemill.registry.caution import prefer_untuned
from lakemill.registry.label_audit import read_audit, summarise_noise
from lakemill.registry.ledger import Entry, find_champion, record_promotion
from lakemill.registry.models import Fitted, Registry
from lakemill.registry.trade_off import draw_trials
from lakemill.registry.training_times import (
    choose_fit,
    describe_fit,
    find_fit,
    gather_paces,
    list_steps,
    record_evaluation,
    record_fit,
    record_trials,
)
from lakemill.training.estimators import make_pipeline
from lakemill.training.found_features import features_of, read_found, settle_features
from lakemill.training.measuring import measure
from lakemill.training.rounds import SharedStudy
from lakemill.training.snapshots import read_snapshot
from lakemill.training.trials import Scored, read_trials
from lakemill.training.tuning import open_study, read_tuned, run_trials

LEAST_ROWS = 30  # fewer make no training, validation and test sets


def check_rows(workflow: Workflow, lake: Lake, snapshot: str, *, partition: str, as_of: datetime) -> str | None:
    """Tell whether a snapshot can be trained on at all; where not, that is the gate's verdict, and asked again later.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    snapshot : str
    partition : str
        The last one that it knows.
    as_of : datetime

    Returns
    -------
    str or None
        What is lacking; None where nothing is.
    """
    try:
        _load(workflow, lake, snapshot)
    except TrainingError as error:
        evidence = {"snapshot": snapshot, "training": workflow.training_hash()}
        record_verdict(lake, Verdict("gate", partition, as_of, "fail", (error.problem,), evidence))
        return error.problem
    return None


def tune(
    workflow: Workflow, lake: Lake, snapshot: str, *, studies: str, worker: str = "alone", threads: int | None = None
) -> dict[str, int]:
    """Run trials of all candidates until none is left, beside other workers or alone.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    snapshot : str
        Its id.
    studies : str
        SQLAlchemy URL of the database of studies.
    worker : str
        A name that no other worker has; the one that goes on for a worker that was killed takes its name.
    threads : int or None
        Of one trial; None leaves it to the estimators.

    Returns
    -------
    dict of str to int
        Trials that this worker has run, by candidate.
    """
    workflow, X, y, split = _load(workflow, lake, snapshot)
    metric = METRICS[workflow.train.metric]
    classes = _classes(workflow, y)

    def score(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray) -> float:
        prediction = predict(pipeline, X).align(classes)
        error = find_standard_error(metric, y, prediction, seed=workflow.train.seed)
        return Scored(metric.gain(metric(y, prediction), 0.0), error)

    shared = _open_studies(workflow, snapshot, studies, list(workflow.train.candidates))
    return run_trials(workflow, shared, X, y, split, score=score, worker=worker, threads=threads)


def take_best(
    workflow: Workflow, lake: Lake, snapshot: str, candidate: str, *, studies: str, threads: int | None = None
) -> dict[str, Any]:
    """Take the best trial of a candidate, or its estimator's own values where that is no better beyond chance.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    snapshot : str
        Its id.
    candidate : str
        Its name in the workflow file.
    studies : str
        SQLAlchemy URL of the database of studies.
    threads : int or None
        Of a fit; None leaves it to the estimators.

    Returns
    -------
    dict
        ``candidate``, ``parameters``, ``score`` (greater is better), ``trials``, ``seconds``.
    """
    study = _open_studies(workflow, snapshot, studies, [candidate])[candidate]
    tuned = read_tuned(workflow, candidate, study)
    record_trials(workflow, lake, snapshot, candidate, read_trials(study, workflow.train.candidates[candidate]))
    if workflow.train.candidates[candidate].untuned_first:
        workflow, X, y, split = _load(workflow, lake, snapshot)
        with threadpool_limits(threads):
            tuned = prefer_untuned(workflow, tuned, X, y, split, classes=_classes(workflow, y))
    return {**vars(tuned)}


def fit(
    workflow: Workflow, lake: Lake, registry: Registry, snapshot: str, tuned: list[dict[str, Any]], *, as_of: datetime
) -> str:
    """Fit what ``train.choose`` says on training and validation rows and keep it in the registry.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    registry : Registry
    snapshot : str
    tuned : list of dict
        What `take_best` returned for each candidate.
    as_of : datetime

    Returns
    -------
    str
        The model version; one that was fitted on this snapshot before is not fitted again.
    """
    held = registry.find(snapshot)
    if held is not None:
        record_fit(lake, held, registry.details(held).get("fit"))  # killed in between, it was not
        return held
    workflow, X, y, split = _load(workflow, lake, snapshot)
    train, metric = workflow.train, METRICS[workflow.train.metric]
    choice = choose_fit(workflow, lake, snapshot, tuned, rows=len(split.fit))
    best = choice.option
    found = read_found(lake, snapshot)
    with measure() as cost:
        pipeline = make_pipeline(
            train.candidates[best.candidate],
            workflow.features,
            problem=workflow.table.label.problem,
            parameters=best.parameters,
            seed=train.seed,
        ).fit(X.iloc[split.fit], y[split.fit])
    told = describe_fit(workflow, lake, snapshot, choice, cost, rows=len(split.fit))
    trials = read_times(lake, TRIAL, snapshot=snapshot)
    spent = {"fit_seconds": cost.wall_seconds, "fit_cpu_seconds": cost.cpu_seconds, "fit_peak_bytes": cost.peak_bytes}
    rows = {"rows_train": len(split.train), "rows_validation": len(split.validation), "rows_test": len(split.test)}
    fitted = Fitted(
        pipeline=pipeline,
        snapshot=snapshot,
        as_of=as_of,
        parameters={"candidate": best.candidate, **best.parameters},
        metrics={**spent, **rows, f"validation_{train.metric}": metric.gain(best.score, 0.0)}
        | {f"validation_{train.metric}_standard_error": best.standard_error}
        | {f"tuning_seconds_{one['candidate']}": one["seconds"] for one in tuned},
        details={"snapshot": lake.read_document(f"snapshots/{snapshot}"), "tuned": tuned, "fit": told}
        | ({"features": vars(found)} if found is not None else {}),
        steps=list_steps(trials),
        files={"trials.png": draw_trials(workflow, trials, Time(**told))} if trials else {},
    )
    version = registry.add(fitted)
    record_fit(lake, version, told)
    return version


def evaluate(workflow: Workflow, lake: Lake, registry: Registry, snapshot: str, version: str) -> dict[str, Any]:
    """Score a candidate on the untouched test rows, a naive model and the champion on the same ones, and judge it.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    registry : Registry
    snapshot, version : str

    Returns
    -------
    dict
        ``verdict`` (pass or fail), ``findings``, ``proofs`` (of no leakage), ``metric``, ``score`` and its standard
        error, ``naive``, ``champion`` and its score, ``choice`` (why this one was fitted), ``label_noise`` where
        labels were audited; a figure that is not defined is None, since JSON has no NaN.
    """
    with measure() as cost:
        evaluated = _evaluate(workflow, lake, registry, snapshot, version)
    record_evaluation(lake, snapshot, version, evaluated, cost)
    return evaluated


def _evaluate(workflow: Workflow, lake: Lake, registry: Registry, snapshot: str, version: str) -> dict[str, Any]:
    rows = read_snapshot(workflow, lake, snapshot)
    workflow, X, y, split = _prepare(workflow, lake, rows, snapshot)
    metric, train = METRICS[workflow.train.metric], workflow.train
    X_test, y_test = X.iloc[split.test], y[split.test]
    classes = _classes(workflow, y)
    pipeline = registry.load(version)
    candidate = predict(pipeline, X_test).align(classes)
    as_of = datetime.fromisoformat((lake.read_document(f"snapshots/{snapshot}") or {})["as_of"])
    # besides its own snapshot's: evaluated again after its promotion, it is compared with the same one
    champion, difference, champion_score = find_champion(lake, as_of=as_of, besides=snapshot), None, None
    if champion is not None:
        own = features_of(workflow, lake, champion.snapshot)
        if (own.columns, own.windows) != (workflow.features.columns, workflow.features.windows):
            # the champion takes its own features
            X_test = make_frame(read_snapshot(workflow, lake, snapshot, windows=own.windows), own).iloc[split.test]
        held = predict(registry.load(champion.version), X_test)
        held = held.align(tuple(sorted({*classes, *held.classes})))
        candidate = candidate.align(held.classes)
        champion_score = metric(y_test, held)
        confidence = workflow.gate.against_champion.confidence
        difference = compare_paired(metric, y_test, candidate, held, confidence=confidence, seed=train.seed)
    naive = predict_naively(y[split.fit], len(y_test), problem=workflow.table.label.problem).align(candidate.classes)
    proofs = tuple(prove(Case(workflow, rows, X, y, split, pipeline)))
    times = read_times(lake)
    paces, chosen = gather_paces(times, snapshot), find_fit(times, snapshot)
    evidence = Evidence(metric, metric(y_test, candidate), metric(y_test, naive), difference, proofs, paces)
    findings = judge(evidence, workflow.gate)
    return {
        "verdict": "pass" if all(finding.is_met for finding in findings) else "fail",
        "findings": [vars(finding) for finding in findings],
        "proofs": [_tell(proof) for proof in proofs],
        "metric": metric.name,
        "score": _finite(evidence.score),
        "standard_error": _finite(find_standard_error(metric, y_test, candidate, seed=train.seed)),
        "naive": _finite(evidence.naive),
        "rows": len(y_test),
        "left_out": found.left_out if (found := read_found(lake, snapshot)) else {},
        "champion": champion.version if champion and difference else None,
        "champion_score": _finite(champion_score),
        "choice": chosen.note if chosen else None,
        "label_noise": summarise_noise(read_audit(lake, snapshot)),
        "difference": {name: _finite(value) for name, value in vars(difference).items()} if difference else None,
    }


def decide(
    workflow: Workflow,
    lake: Lake,
    registry: Registry,
    *,
    partition: str,
    as_of: datetime,
    version: str,
    evaluated: dict[str, Any],
) -> str:
    """Record the gate's verdict with its evidence, in MLflow and in the lake.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    registry : Registry
    partition : str
        The last one that the candidate knows.
    as_of : datetime
    version : str
    evaluated : dict
        What `evaluate` returned.

    Returns
    -------
    str
        ``pass`` or ``fail``.
    """
    name = evaluated["metric"]
    metrics = {f"test_{name}": evaluated["score"], f"naive_{name}": evaluated["naive"]}
    if evaluated["champion_score"] is not None:
        metrics[f"champion_{name}"] = evaluated["champion_score"]
    registry.record_gate(version, verdict=evaluated["verdict"], metrics=metrics, evidence=evaluated)
    reasons = tuple(f"{one['rule']}: {one['text']}" for one in evaluated["findings"])
    evidence = {**evaluated, "version": version, "training": workflow.training_hash()}
    record_verdict(lake, Verdict("gate", partition, as_of, evaluated["verdict"], reasons, evidence))
    return str(evaluated["verdict"])


def promote(
    workflow: Workflow, lake: Lake, registry: Registry, *, version: str, as_of: datetime, recorded_at: datetime
) -> dict[str, Any]:
    """Put a version in charge from a moment on: first in the ledger, then, unless a later one stands there, live.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    registry : Registry
    version : str
    as_of, recorded_at : datetime

    Returns
    -------
    dict
        ``version``, ``live`` (whether the alias stands on it).
    """
    entry = Entry(version, as_of, registry.tags(version)["snapshot"], "let through by the gate")
    record_promotion(lake, entry, recorded_at=recorded_at)
    in_charge = find_champion(lake, as_of=as_of)
    is_live = in_charge is not None and in_charge.version == version and registry.set_champion(version, as_of=as_of)
    return {"version": version, "live": is_live}


def _open_studies(workflow: Workflow, snapshot: str, address: str, names: list[str]) -> dict[str, SharedStudy]:
    # a task asks for one connection at a time, and one for the beat; a pool would only hold more open
    storage = optuna.storages.RDBStorage(address, engine_kwargs={"pool_size": 1})
    return {
        name: open_study(workflow, name, study_name=f"{workflow.workflow}/{snapshot}/{name}", storage=storage)
        for name in names
    }


def _classes(workflow: Workflow, y: np.ndarray) -> tuple[str, ...]:
    return tuple(sorted({str(one) for one in y})) if workflow.table.label.problem == "classification" else ()


def _load(workflow: Workflow, lake: Lake, snapshot: str) -> tuple[Workflow, pd.DataFrame, np.ndarray, Split]:
    rows = read_snapshot(workflow, lake, snapshot)
    return _prepare(workflow, lake, rows, snapshot)


def _prepare(
    workflow: Workflow, lake: Lake, rows: pa.Table, snapshot: str
) -> tuple[Workflow, pd.DataFrame, np.ndarray, Split]:
    if rows.num_rows < LEAST_ROWS:
        raise TrainingError(
            f"only {rows.num_rows} rows with a known label, {LEAST_ROWS} are needed",
            where=f"{workflow.workflow}, snapshot {snapshot}",
            remedy="raise retrain.first_after, or check label.known_after and the label column",
        )
    y = make_target(rows, workflow.table.label)
    dropped = np.array(read_audit(lake, snapshot).get("dropped", []), dtype=int)
    split = split_rows(workflow, rows, y, besides=dropped)
    workflow = settle_features(workflow, lake, snapshot, rows.take(split.train))
    return workflow, make_frame(rows, workflow.features), y, split


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _tell(proof: Proof) -> dict[str, Any]:
    figures = {name: _finite(one) if isinstance(one, float) else one for name, one in proof.figures.items()}
    return {**vars(proof), "figures": figures}
