"""The steps of a training run, from the snapshot to the evaluation: each takes ids, and returns a small dict.

Stays out: how to tune, score, judge and keep, which this module brings together; the evaluation (``evaluating.py``)
and what follows from it (``promoting.py``).
"""

from datetime import datetime
from typing import Any

import numpy as np
import optuna
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import predict
from lakemill.evaluation.standard_errors import find_standard_error
from lakemill.exceptions import TrainingError
from lakemill.lake import Lake
from lakemill.lake.times import TRIAL, Time, read_times
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.registry.caution import prefer_untuned
from lakemill.registry.feature_selection import GroupPrice, price_groups, select_features
from lakemill.registry.json_values import make_plain
from lakemill.registry.models import Fitted, Registry
from lakemill.registry.trade_off import draw_trials
from lakemill.registry.training_rows import load_rows
from lakemill.registry.training_times import (
    choose_fit,
    describe_fit,
    list_steps,
    record_fit,
    record_trials,
)
from lakemill.registry.trial_rows import TrialRows
from lakemill.training.estimators import make_pipeline
from lakemill.training.fitting import count_fitted, fit_rows, tell_sampled
from lakemill.training.found_features import read_found
from lakemill.training.measuring import measure
from lakemill.training.rounds import SharedStudy
from lakemill.training.streaming import can_learn_in_pieces
from lakemill.training.trials import Scored, read_trials
from lakemill.training.tuning import open_study, read_tuned, run_trials

EXAMPLE_ROWS = 5  # kept with a model, as what may be sent to it
PROFILES = "profiles"  # of these partitions: what drift is told from while the model is in charge
MOST_DRAWN = 200_000  # test rows a draw of the bootstrap, where not all rows fit into memory


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
        load_rows(workflow, lake, snapshot)
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
    loaded = load_rows(workflow, lake, snapshot).alone()
    workflow, X, y, split, classes = loaded.workflow, loaded.X, loaded.y, loaded.tuning_split, loaded.classes
    metric = METRICS[workflow.train.metric]

    def score(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray) -> float:
        prediction = predict(pipeline, X).align(classes)
        reached = metric(y, prediction)
        error = find_standard_error(metric, y, prediction, seed=workflow.train.seed, score=reached)
        return Scored(metric.gain(reached, 0.0), error)

    shared = _open_studies(workflow, snapshot, studies, list(workflow.train.candidates))
    return run_trials(workflow, shared, X, y, split, score=score, worker=worker, threads=threads)


def take_best(
    workflow: Workflow, lake: Lake, snapshot: str, candidate: str, *, studies: str, threads: int | None = None
) -> dict[str, Any]:
    """Take the best trial of a candidate, or its estimator's own values where that is no better beyond chance.

    Then see what groups of features are worth, and leave out features without importance, where the file asks for it.

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
        ``candidate``, ``parameters``, ``score`` (greater is better), ``trials``, ``seconds``, ``groups`` (as of
        `feature_selection.GroupPrice`).
    """
    study = _open_studies(workflow, snapshot, studies, [candidate])[candidate]
    tuned = read_tuned(workflow, candidate, study)
    record_trials(workflow, lake, snapshot, candidate, read_trials(study, workflow.train.candidates[candidate]))
    is_cautious, groups = workflow.train.candidates[candidate].untuned_first, workflow.features.groups
    prices: list[GroupPrice] = []
    if is_cautious or workflow.train.select or groups:
        loaded = load_rows(workflow, lake, snapshot).alone()
        rows = TrialRows(loaded.workflow, candidate, loaded.X, loaded.y, loaded.tuning_split, classes=loaded.classes)
        with threadpool_limits(threads):
            if is_cautious:
                tuned = prefer_untuned(rows, tuned)
            prices = price_groups(rows, tuned)
            if workflow.train.select:
                tuned = select_features(rows, tuned)
    return {**vars(tuned), "groups": make_plain(prices)}


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
    loaded = load_rows(workflow, lake, snapshot)
    counts, workflow = loaded.counts, loaded.workflow
    train, metric = workflow.train, METRICS[workflow.train.metric]
    choice = choose_fit(workflow, lake, snapshot, tuned, rows=len(loaded.split.fit))
    best = choice.option
    found = read_found(lake, snapshot)
    with measure() as cost:
        pipeline = make_pipeline(
            train.candidates[best.candidate],
            workflow.features,
            problem=workflow.table.label.problem,
            parameters=best.parameters,
            seed=train.seed,
        )
        if not can_learn_in_pieces(pipeline):
            loaded = loaded.alone()
        where = f"include/workflows/{workflow.workflow}.yaml: train.candidates.{best.candidate}"
        pipeline, loaded = fit_rows(pipeline, loaded, where=where), loaded.alone()
    told = describe_fit(workflow, lake, snapshot, choice, cost, rows=count_fitted(loaded, pipeline))
    trials = read_times(lake, TRIAL, snapshot=snapshot)
    spent = {"fit_seconds": cost.wall_seconds, "fit_cpu_seconds": cost.cpu_seconds, "fit_peak_bytes": cost.peak_bytes}
    rows = {f"rows_{name}": count for name, count in counts.items()}
    if loaded.sampled is not None:
        rows["rows_sampled"] = len(loaded.split.fit)
    document = lake.read_document(f"snapshots/{snapshot}") or {}
    fitted = Fitted(
        pipeline=pipeline,
        snapshot=snapshot,
        as_of=as_of,
        parameters={"candidate": best.candidate, **best.parameters},
        metrics={**spent, **rows, f"validation_{train.metric}": metric.gain(best.score, 0.0)}
        | {f"validation_{train.metric}_standard_error": best.standard_error}
        | {f"tuning_seconds_{one['candidate']}": one["seconds"] for one in tuned},
        details={"snapshot": document, "tuned": tuned, "fit": told}
        | {"reference": {"table": PROFILES, "partitions": document["partitions"]}}
        | ({"features": vars(found)} if found is not None else {})
        | ({"sampled": tell_sampled(loaded, pipeline)} if loaded.sampled is not None else {}),
        steps=list_steps(trials),
        files={"trials.png": draw_trials(workflow, trials, Time(**told))} if trials else {},
        features=workflow.features,
        example=loaded.X.head(EXAMPLE_ROWS),
    )
    version = registry.add(fitted)
    record_fit(lake, version, told)
    return version


def _open_studies(workflow: Workflow, snapshot: str, address: str, names: list[str]) -> dict[str, SharedStudy]:
    # a task asks for one connection at a time, and one for the beat; a pool would only hold more open
    storage = optuna.storages.RDBStorage(address, engine_kwargs={"pool_size": 1})
    return {
        name: open_study(workflow, name, study_name=f"{workflow.workflow}/{snapshot}/{name}", storage=storage)
        for name in names
    }
