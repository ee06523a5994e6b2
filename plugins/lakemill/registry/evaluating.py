"""The step ``evaluate`` of a training run: a candidate, a naive model and the champion on the same untouched test rows.

Stays out: what is measured (``evaluation``), looking into single rows (``looking_into.py``), recording the verdict.
"""

from datetime import datetime
from typing import Any

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.evaluation.change import measure_change
from lakemill.evaluation.comparison import Figure, measure_figures
from lakemill.evaluation.figures import COST, list_figures, tabulate
from lakemill.evaluation.gate import Evidence, LabelNoise, judge
from lakemill.evaluation.leakage import Case, prove
from lakemill.evaluation.metrics import METRICS, predict_naively
from lakemill.evaluation.naive import has_last_value, predict_last
from lakemill.evaluation.predictions import Prediction, predict_pieces
from lakemill.evaluation.standard_errors import find_standard_error
from lakemill.exceptions import ForeignLibraryError
from lakemill.lake import Lake
from lakemill.lake.times import read_times
from lakemill.registry.json_values import make_plain
from lakemill.registry.label_audit import read_audit, summarise_noise
from lakemill.registry.ledger import Entry, find_champion
from lakemill.registry.looking_into import Champion, Insight, look_into
from lakemill.registry.models import Registry
from lakemill.registry.training_rows import load_rows
from lakemill.registry.training_times import find_fit, gather_paces, record_evaluation
from lakemill.training.fitting import tell_sampled
from lakemill.training.found_features import features_of, read_found
from lakemill.training.measuring import measure
from lakemill.training.snapshots import open_snapshot
from lakemill.training.training_rows import TrainingRows

MOST_DRAWN = 200_000  # test rows a draw of the bootstrap, where not all rows fit into memory
SLICES_KEPT = 10


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
        ``verdict`` (pass or fail), ``is_first`` (whether there was no champion), ``findings``, ``proofs`` (of no
        leakage), ``metric``, ``score`` and its standard error, ``naive``, ``champion`` and its score,
        ``champion_unasked`` (why it has none: another scikit-learn has fitted it), ``difference``,
        ``changed`` (the share of predictions that are not the champion's), ``figures`` (all metrics of both, with
        intervals), ``slices`` (the worst), ``calibration``, ``scoring`` (seconds
        a row), ``skew``, ``behaviours``, ``importances``, ``choice`` (why this one was fitted), ``label_noise`` where
        labels were audited, ``sampled`` where not all rows fit into memory; a figure that is not defined is None, since
        JSON has no NaN.
    """
    with measure() as cost:
        evaluated = _evaluate(workflow, lake, registry, snapshot, version)
    record_evaluation(lake, snapshot, version, evaluated, cost)
    return evaluated


def _evaluate(workflow: Workflow, lake: Lake, registry: Registry, snapshot: str, version: str) -> dict[str, Any]:
    as_of = datetime.fromisoformat((lake.read_document(f"snapshots/{snapshot}") or {})["as_of"])
    # besides its own snapshot's: evaluated again after its promotion, it is compared with the same one
    entry = find_champion(lake, as_of=as_of, besides=snapshot)
    loaded = load_rows(workflow, lake, snapshot)
    workflow, y, gate = loaded.workflow, loaded.y_test, loaded.workflow.gate
    metric, seed = METRICS[workflow.train.metric], workflow.train.seed
    pipeline = registry.load(version)
    candidate = predict_pieces(pipeline, loaded.test_frames()).align(loaded.classes)
    champion, unasked = _load_champion(workflow, lake, registry, loaded, snapshot, entry)
    held = None if champion is None else champion.prediction
    if held is not None:
        candidate = candidate.align(held.classes)
    naive, naive_name = _predict_naively(loaded, candidate.classes)
    figures, cost_problem = _measure_figures(loaded, candidate, held)
    judged = next(one for one in figures if one.metric == metric.name)
    noise = summarise_noise(read_audit(lake, snapshot))
    insight = look_into(lake, snapshot, version, loaded, pipeline, candidate, champion, naive, naive_name)
    times, whole = read_times(lake), loaded.whole
    of_all = None if whole is None else (whole.rows.index, whole.split)
    evidence = Evidence(
        metric=metric,
        score=judged.score,
        naive=metric(y, naive),
        against_champion=judged.difference,
        proofs=tuple(prove(Case(workflow, loaded.rows, loaded.X, loaded.y, loaded.split, pipeline, of_all))),
        paces=gather_paces(times, snapshot),
        naive_name=naive_name,
        figures=tuple(figures),
        cost_without=_find_cost(loaded, naive),
        cost_problem=cost_problem,
        noise=_read_noise(noise),
        unasked=unasked,
        **vars(insight),
    )
    findings = judge(evidence, gate)
    chosen, found = find_fit(times, snapshot), read_found(lake, snapshot)
    told = {
        "verdict": "pass" if all(finding.is_met for finding in findings) else "fail",
        "is_first": entry is None,
        "findings": findings,
        "proofs": evidence.proofs,
        "metric": metric.name,
        "score": evidence.score,
        "standard_error": find_standard_error(metric, y, candidate, seed=seed, score=judged.score),
        "naive": evidence.naive,
        "naive_name": naive_name,
        "rows": len(y),
        "sampled": tell_sampled(loaded, pipeline),
        "left_out": found.left_out if found else {},
        "champion": None if entry is None else entry.version,
        "champion_unasked": unasked,
        "champion_score": None if judged.champion is None else judged.champion.gain,
        "changed": None if held is None else measure_change(candidate, held),
        "choice": chosen.note if chosen else None,
        "label_noise": noise,
        "difference": evidence.against_champion,
        "figures": figures,
        **_tell(insight),
    }
    plain: dict[str, Any] = make_plain(told)
    return plain


def _load_champion(
    workflow: Workflow, lake: Lake, registry: Registry, loaded: TrainingRows, snapshot: str, entry: Entry | None
) -> tuple[Champion | None, str | None]:
    """Return the champion with what it says of the test rows, given with its own features; or why it cannot be asked.

    One that another scikit-learn has fitted would stand for ever if no candidate could be judged without it.
    """
    if entry is None:
        return None, None
    try:
        pipeline = registry.load(entry.version)
    except ForeignLibraryError as error:
        return None, f"the champion v{entry.version} cannot be loaded: {error.problem}"
    own, rows = features_of(workflow, lake, entry.snapshot), None
    if (own.columns, own.windows) != (workflow.features.columns, workflow.features.windows):
        rows = open_snapshot(workflow, lake, snapshot, windows=own.windows)

    def give(features: Features = own) -> Any:
        return loaded.test_frames(features, rows)

    made = predict_pieces(pipeline, give())
    made = made.align(tuple(sorted({*loaded.classes, *made.classes})))
    return Champion(entry.version, pipeline, made, give), None


def _predict_naively(loaded: TrainingRows, classes: tuple[str, ...]) -> tuple[Prediction, str]:
    """Return the better of the naive models, and its name: the classes' shares or the mean, and the last value."""
    workflow, y = loaded.workflow, loaded.y_test
    metric, y_fit = METRICS[workflow.train.metric], loaded.y[loaded.split.fit]
    naive = predict_naively(y_fit, len(y), problem=workflow.table.label.problem).align(classes)
    if has_last_value(workflow):
        index, test = loaded.rows, loaded.split.test
        if loaded.whole is not None:
            index, test = loaded.whole.rows.index, loaded.whole.sample.scored
        last = Prediction(predict_last(workflow, index, test, otherwise=float(y_fit.mean())))
        if metric.gain(metric(y, last), metric(y, naive)) > 0:
            return last, "the last value"
    return naive, "a naive model"


def _measure_figures(
    loaded: TrainingRows, candidate: Prediction, held: Prediction | None
) -> tuple[list[Figure], str | None]:
    """Return all figures, and why the declared costs say nothing."""
    gate, problem, classes = loaded.workflow.gate, None, candidate.classes
    if gate.costs is not None:
        try:
            tabulate(gate.costs, classes)
        except ValueError as error:
            problem, gate = str(error), gate.model_copy(update={"costs": None})
    figures = measure_figures(
        list_figures(classes, gate),
        loaded.y_test,
        candidate,
        held,
        confidence=gate.against_champion.confidence,
        seed=loaded.workflow.train.seed,
        most=MOST_DRAWN if loaded.sampled else None,
    )
    return figures, problem


def _find_cost(loaded: TrainingRows, naive: Prediction) -> float:
    """Return the cost of a row by the cheapest decision without a model, NaN where no costs are declared."""
    try:
        known = list_figures(naive.classes, loaded.workflow.gate)
    except ValueError:  # told already
        return float("nan")
    return next((one(loaded.y_test, naive) for one in known if one.name == COST), float("nan"))


def _read_noise(noise: dict[str, Any] | None) -> LabelNoise | None:
    if noise is None or noise["verdict"] != "estimated":
        return None
    rate, low, high = (float(noise[f"noise_{name}"]) for name in ("rate", "low", "high"))
    return LabelNoise(rate, low, high, noise["ceiling"], noise["attenuation"])


def _tell(insight: Insight) -> dict[str, Any]:
    """Return what is kept of an insight; of slices the worst."""
    told = {**vars(insight)}
    if insight.slices is not None:
        told["slices"] = {**vars(insight.slices), "slices": insight.slices.slices[:SLICES_KEPT]}
    return told
