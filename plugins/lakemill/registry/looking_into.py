"""What is measured of single test rows: slices, calibration, scoring time, skew, behaviour, importance of features.

Each looks at a bounded number of rows, fewer of a model that is slow, so that an evaluation stays short. How long
scoring takes is measured once and kept: a retry reads the same times, and says the same. Stays out: what follows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.pipeline import Pipeline

from lakemill.evaluation.behaviour import Behaviour, run_tests
from lakemill.evaluation.calibration import Calibration, measure_calibration
from lakemill.evaluation.importance import Importance, measure_importance
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.scale import measure_scale
from lakemill.evaluation.scored_rows import PIECE_ROWS, read_rows, score_pieces
from lakemill.evaluation.scoring_time import MOST_ROWS, ScoringPace, measure_scoring
from lakemill.evaluation.skew import Skew, compare_ways
from lakemill.evaluation.slices import SliceReport, compare_slices, cut_declared, cut_features
from lakemill.lake import Lake
from lakemill.lake.row_names import name_each
from lakemill.training.training_rows import TrainingRows

MOST_SLICED, MOST_CALIBRATED, MOST_COMPARED, MOST_CHANGED, MOST_MIXED = 100_000, 50_000, 2_000, 1_000, 2_000
FEWEST_MIXED, FEWEST_CHANGED, FEWEST_SCORED = 100, 20, 100
MOST_FEATURES, MIXES = 100, 3
SECONDS = 3.0  # that scoring for one of these may take, as long as a row usually does
Frames = Iterator[tuple[np.ndarray, pd.DataFrame]]


@dataclass(frozen=True)
class Champion:
    """The champion, and what it says of the test rows.

    Attributes
    ----------
    version : str
    pipeline : Pipeline
    prediction : Prediction
        For all test rows that are scored.
    give_frames : callable
        Returns their features as it takes them, with the places of the rows.
    """

    version: str
    pipeline: Pipeline
    prediction: Prediction
    give_frames: Callable[[], Frames]


@dataclass(frozen=True)
class Insight:
    """What was found; each None or empty where it was not looked for, or could not be.

    Attributes
    ----------
    slices : SliceReport or None
    calibration : Calibration
    scoring : ScoringPace
    skew : Skew or None
    behaviours : tuple of Behaviour
    importances : tuple of Importance
    """

    slices: SliceReport | None
    calibration: Calibration
    scoring: ScoringPace
    skew: Skew | None
    behaviours: tuple[Behaviour, ...]
    importances: tuple[Importance, ...]


def look_into(
    lake: Lake,
    snapshot: str,
    version: str,
    loaded: TrainingRows,
    pipeline: Pipeline,
    candidate: Prediction,
    champion: Champion | None,
    naive: Prediction,
    naive_name: str,
) -> Insight:
    """Look into the test rows that are in memory.

    Parameters
    ----------
    lake : Lake
    snapshot, version : str
    loaded : TrainingRows
    pipeline : Pipeline
        The candidate.
    candidate : Prediction
        For all test rows that are scored, as are the champion's and the naive model's.
    champion : Champion or None
    naive : Prediction
    naive_name : str

    Returns
    -------
    Insight
    """
    pace = _measure_scoring(lake, snapshot, version, loaded, pipeline, champion)
    other = naive if champion is None else champion.prediction
    against = naive_name if champion is None else f"the champion v{champion.version}"
    return Insight(
        slices=_compare_slices(loaded, candidate, other, naive, against),
        calibration=_measure_calibration(loaded, candidate),
        scoring=pace,
        skew=_compare_ways(lake, snapshot, loaded, pipeline, candidate, pace),
        behaviours=_test_behaviour(loaded, pipeline, pace),
        importances=_measure_importance(loaded, pipeline, candidate.classes, naive, pace),
    )


def _draw(loaded: TrainingRows, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of some test rows in memory, and their places among those that are scored."""
    positions, places = loaded.judged
    if len(positions) > most:
        at = np.sort(np.random.default_rng(loaded.workflow.train.seed).choice(len(positions), most, replace=False))
        positions, places = positions[at], places[at]
    return positions, places


def _measure_scoring(
    lake: Lake, snapshot: str, version: str, loaded: TrainingRows, pipeline: Pipeline, champion: Champion | None
) -> ScoringPace:
    name = f"evaluations/{snapshot}"
    of = {"version": version, "champion": None if champion is None else champion.version}
    held = lake.read_document(name)
    if held is not None and {key: held[key] for key in of} == of:
        return ScoringPace(held["rows"], tuple(held["seconds"]), tuple(held["champion_seconds"]))
    at, X = _take_first(loaded.test_frames())
    beside = None
    if champion is not None:
        its_at, its_X = _take_first(champion.give_frames())
        _, mine, its = np.intersect1d(at, its_at, return_indices=True)
        X, beside = X.iloc[mine], (champion.pipeline, its_X.iloc[its])
    pace = measure_scoring((pipeline, X), beside)
    told = {**of, "rows": pace.rows, "seconds": list(pace.candidate), "champion_seconds": list(pace.champion)}
    lake.write_document(name, told)
    return pace


def _take_first(frames: Frames) -> tuple[np.ndarray, pd.DataFrame]:
    places, X = next(frames)
    return places[:MOST_ROWS], X.iloc[:MOST_ROWS]


def _compare_slices(
    loaded: TrainingRows, candidate: Prediction, other: Prediction, naive: Prediction, against: str
) -> SliceReport:
    workflow, (at, places) = loaded.workflow, _draw(loaded, MOST_SLICED)
    wanted, metric, y = workflow.gate.slices, METRICS[workflow.train.metric], loaded.y_test
    declared = cut_declared(loaded.rows.select(list(wanted.columns)).take(pa.array(at)).to_pandas())
    found = cut_features(loaded.X.iloc[at], workflow.features)
    cuts = [*declared, *(cut for cut in found if cut.column not in wanted.columns)]
    tolerance = wanted.tolerance * measure_scale(metric, metric(y, naive)).span
    slices = compare_slices(
        metric,
        y[places],
        candidate.take(places),
        other.take(places),
        cuts,
        tolerance=tolerance,
        floor=wanted.floor,
        seed=workflow.train.seed,
    )
    return SliceReport(against, tolerance, tuple(slices))


def _measure_calibration(loaded: TrainingRows, candidate: Prediction) -> Calibration:
    _, places = _draw(loaded, MOST_CALIBRATED)
    return measure_calibration(loaded.y_test[places], candidate.take(places), seed=loaded.workflow.train.seed)


def _compare_ways(
    lake: Lake, snapshot: str, loaded: TrainingRows, pipeline: Pipeline, candidate: Prediction, pace: ScoringPace
) -> Skew | None:
    """Read the rows of the last partition that has test rows as scoring does, and score them as it does."""
    workflow, pinned = loaded.workflow, lake.read_document(f"snapshots/{snapshot}") or {}
    at, places = loaded.judged
    partition, of = _find_last(loaded, at, pinned["partitions"])
    if workflow.gate.skew.action == "skip" or partition is None:
        return None
    of = of[:MOST_COMPARED]
    rows = read_rows(
        workflow,
        lake,
        partition,
        workflow.features.windows,
        version=pinned["version"],
        published=pinned["partitions"],
    )
    names = name_each(rows, workflow.table.key).to_pandas()
    mine = name_each(loaded.rows.take(pa.array(at[of])), workflow.table.key).to_pandas()
    is_one = ~mine.duplicated(keep=False) & ~mine.isin(names[names.duplicated()])
    mine, of = mine[is_one], of[is_one.to_numpy()]
    # in other company than when they were judged: with what lies beside them in their partition
    most = int(max(FEWEST_SCORED, min(PIECE_ROWS, SECONDS / max(pace.usual, 1e-9), len(places) // 2)))
    among = np.flatnonzero(names.isin(mine))
    first = max(0, int(among[0]) - most // 2) if len(among) else 0
    piece, seen = rows.slice(first, most), names.iloc[first : first + most]
    is_there = (mine.isin(seen) | ~mine.isin(names)).to_numpy()
    mine, of = mine[is_there], of[is_there]
    X, made = next(score_pieces(pipeline, piece, workflow.features))
    scored = _as_array(made.align(candidate.classes))
    X, scored = X.set_axis(pd.Index(seen)), scored[~seen.duplicated().to_numpy()]
    by_training = loaded.X.iloc[at[of]].set_axis(pd.Index(mine)), _as_array(candidate.take(places[of]))
    return compare_ways(by_training, (X[~X.index.duplicated()], scored), partition)


def _find_last(loaded: TrainingRows, at: np.ndarray, partitions: list[str]) -> tuple[str | None, np.ndarray]:
    """Return the last partition that has some of these rows, and which of them."""
    moments = loaded.rows.column(loaded.workflow.table.event_time).take(pa.array(at))
    for key in reversed(partitions):
        interval = loaded.workflow.partition.interval(key)
        is_in = pc.and_(
            pc.greater_equal(moments, pa.scalar(interval.start, moments.type)),
            pc.less(moments, pa.scalar(interval.end, moments.type)),
        )
        of = np.flatnonzero(is_in.to_numpy(zero_copy_only=False))
        if len(of):
            return key, of
    return None, np.empty(0, dtype=int)


def _as_array(prediction: Prediction) -> Any:
    return prediction.score if prediction.probabilities is None else prediction.probabilities


def _test_behaviour(loaded: TrainingRows, pipeline: Pipeline, pace: ScoringPace) -> tuple[Behaviour, ...]:
    tests = loaded.workflow.gate.behaviour
    assert not isinstance(tests, str)  # noqa: S101  # loading has read the file
    calls = sum(len(getattr(one, "values", ("", ""))) + 1 for one in tests)
    if not calls:
        return ()
    most = int(max(FEWEST_CHANGED, min(MOST_CHANGED, SECONDS / calls / max(pace.usual, 1e-9))))
    at, _ = _draw(loaded, most)
    return tuple(run_tests(pipeline, loaded.X.iloc[at], tests))


def _measure_importance(
    loaded: TrainingRows, pipeline: Pipeline, classes: tuple[str, ...], naive: Prediction, pace: ScoringPace
) -> tuple[Importance, ...]:
    calls = MIXES * loaded.X.shape[1] + 1
    most = int(min(MOST_MIXED, SECONDS / calls / max(pace.usual, 1e-9)))
    if loaded.X.shape[1] > MOST_FEATURES or most < FEWEST_MIXED:
        return ()
    at, places = _draw(loaded, most)
    metric, y = METRICS[loaded.workflow.train.metric], loaded.y_test
    return tuple(
        measure_importance(
            pipeline,
            loaded.X.iloc[at],
            y[places],
            metric=metric,
            classes=classes,
            span=measure_scale(metric, metric(y, naive)).span,
            seed=loaded.workflow.train.seed,
            repeats=MIXES,
            most=most,
        )
    )
