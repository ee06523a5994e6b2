"""Estimated performance beside NannyML's, and how often the stream of errors alarms.

    .venv/bin/python benchmarks/estimated.py --nannyml FOLDER [--others nannyml.csv]    # nannyml/datasets/data
    .venv/bin/python benchmarks/estimated.py --alarms 40

``nannyml.csv`` is what ``estimated_by_others.py`` has written: both learn from the same reference rows and estimate the
same windows, and each is held against what the labels then show. Alarms: sequences of 24 partitions after a reference
of one more, in which nothing changes, or errors grow from the thirteenth on.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from estimated_sets import SETS, BundledSet, read_set
from scipy.signal import lfilter

from lakemill.config.features import Features
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction
from lakemill.monitoring.confidence import Confidence, learn_confidence
from lakemill.monitoring.error_stream import cut_blocks, find_change
from lakemill.monitoring.loss_model import LossModel, learn_losses
from lakemill.monitoring.scored_rows import ScoredRows

MOST_ROWS = 100_000  # of the reference, as a workflow takes of its test rows
PARTITIONS, EFFECT = 24, 0.125


def as_rows(rows: pd.DataFrame, one: BundledSet) -> ScoredRows:
    """Make a data set's rows what a workflow has of its own."""
    if one.problem == "regression":
        frame = rows[one.numeric].astype("float64").join(rows[one.categorical].astype(str).astype(object))
        said = Prediction(rows[one.predicted].to_numpy("float64"))
        return ScoredRows(said, rows[one.label].to_numpy("float64"), frame)
    shares = rows[list(one.probabilities.values())].to_numpy("float64")
    names = ("0", "1") if len(one.probabilities) == 1 else tuple(one.probabilities)
    if len(one.probabilities) == 1:
        shares = np.column_stack([1 - shares[:, 0], shares[:, 0]])
    predicted, y = (rows[name].map(_as_text).to_numpy(dtype=object) for name in (one.predicted, one.label))
    return ScoredRows(Prediction(predicted, shares, names), y)


def _as_text(value: object) -> str:
    return str(int(value)) if isinstance(value, int | float) else str(value)


def estimate(one: BundledSet, folder: Path) -> pd.DataFrame:
    """Return estimate, interval and what came: set, metric, the first row of the window."""
    reference, analysis = (as_rows(rows, one) for rows in read_set(folder, one))
    at = np.unique(np.linspace(0, len(reference) - 1, min(len(reference), MOST_ROWS)).round().astype(int))
    begun = time.process_time()
    features = Features(numeric=tuple(one.numeric), categorical=tuple(one.categorical))
    known = take(reference, at)
    expectation: Confidence | LossModel = (
        learn_losses(known, features, seed=0) if one.problem == "regression" else learn_confidence(known)
    )
    learning, found = time.process_time() - begun, []
    for first in range(0, len(analysis) - one.rows + 1, one.rows):
        window = take(analysis, np.arange(first, first + one.rows))
        for name in one.compared:
            begun = time.process_time()
            score, error = expectation.estimate(METRICS[name], window, seed=0)
            cpu_seconds = learning + time.process_time() - begun
            came = METRICS[name](window.y, window.prediction)
            found.append({"set": one.name, "metric": name, "first": first, "ours": score, "error": error, "came": came,
                          "cpu_seconds": cpu_seconds})  # fmt: skip
    return pd.DataFrame(found)


def take(rows: ScoredRows, at: np.ndarray) -> ScoredRows:
    """Return some of the rows."""
    X = None if rows.X is None else rows.X.iloc[at].reset_index(drop=True)
    return ScoredRows(rows.prediction.take(at), None if rows.y is None else rows.y[at], X)


def tell_sets(folder: Path, others: Path | None) -> None:
    """Print the mean absolute error of both, and how often the interval by sampling holds what came."""
    theirs = None if others is None else pd.read_csv(others)
    print("| set | metric | windows | ours | NannyML's | 95 % interval holds | CPU s a window |")
    print("|---|---|---|---|---|---|---|")
    for one in SETS:
        found = estimate(one, folder)
        if theirs is not None:
            found = found.merge(theirs, on=["set", "metric", "first"], how="left", suffixes=("", "_theirs"))
        for name, rows in found.groupby("metric", sort=False):
            ours = (rows["ours"] - rows["came"]).abs()
            beside = (rows["estimate"] - rows["came"]).abs().mean() if theirs is not None else np.nan
            holds = (ours < 1.96 * rows["error"]).mean()
            seconds = rows["cpu_seconds"].mean()
            print(
                f"| {one.name} | {name} | {len(rows)} | {ours.mean():.5g} | {beside:.5g} | {holds:.0%} |"
                f" {seconds:.2f} |"
            )


def tell_alarms(sequences: int) -> None:
    """Print how many partitions alarm when nothing has changed, and how soon growth is found."""
    print("| errors | rows | partitions | alarms, nothing changed | grows by | found at once | within 2 | within 3 |")
    print("|---|---|---|---|---|---|---|---|")
    for kind, make in KINDS.items():
        for rows, growth in ((300, 0.5), (1000, 0.25), (10_000, 0.2)):
            quiet = [_watch(make, rows, 0.0, seed) for seed in range(sequences)]
            grown = [_watch(make, rows, growth, seed) for seed in range(sequences)]
            alarms = sum(map(sum, quiet)) / sequences / PARTITIONS
            later = [one[PARTITIONS // 2 :] for one in grown]
            first = [one.index(True) + 1 if True in one else np.inf for one in later]
            power = (f"{np.mean(np.array(first) <= most):.0%}" for most in (1, 2, 3))
            cells = (kind, f"{rows:,}", sequences * PARTITIONS, f"{alarms:.2%}", f"{growth} sd", *power)
            print("|", " | ".join(map(str, cells)), "|", flush=True)


def _watch(make: object, rows: int, growth: float, seed: int) -> list[bool]:
    errors = make(np.random.default_rng([seed, rows]), rows * (PARTITIONS + 1))
    errors[rows * (1 + PARTITIONS // 2) :] += growth * errors.std()
    parts = [cut_blocks(errors[rows * at : rows * (at + 1)]) for at in range(1, PARTITIONS + 1)]
    return [find_change(errors[:rows], parts[:at], effect=EFFECT).is_found for at in range(1, PARTITIONS + 1)]


def _tie(draw: np.random.Generator, count: int, correlation: float) -> np.ndarray:
    """Return errors of which half the variance is tied from row to row."""
    moving = lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], draw.normal(size=count + 2000))[2000:]
    return (moving + draw.normal(size=count)) / np.sqrt(2)


KINDS = {
    "normal": lambda draw, count: draw.normal(size=count),
    "one of 20 is wrong": lambda draw, count: (draw.random(count) < 0.05).astype("float64"),
    "tied, 0.9 from row to row": lambda draw, count: _tie(draw, count, 0.9),
    "tied, 0.99 from row to row": lambda draw, count: _tie(draw, count, 0.99),
}


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nannyml", type=Path, help="folder with NannyML's data sets")
    parser.add_argument("--others", type=Path, help="what NannyML estimated of them")
    parser.add_argument("--alarms", type=int, help="sequences of each kind and size")
    given = parser.parse_args()
    if given.nannyml:
        tell_sets(given.nannyml, given.others)
    if given.alarms:
        tell_alarms(given.alarms)


if __name__ == "__main__":
    main()
