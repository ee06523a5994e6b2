"""The job of `flights` as a plain script of pandas, scikit-learn and Optuna, as one would write it without Lakemill.

Learns from the months up to one, with the features, candidates, search spaces and splits of
include/workflows/flights.yaml, and is judged on the months after it: `benchmarks/flights.py` runs it beside Lakemill.
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

NUMERIC = [
    "distance", "weekday", "departure_hour", "scheduled_minutes", "temp", "dewp", "humid", "wind_speed", "wind_gust",
    "precip", "pressure", "visib",
]  # fmt: skip
CATEGORICAL = ["carrier", "origin", "dest"]
VALIDATION = TEST = 0.15


def read_months(folder: Path, months: list[str]) -> pd.DataFrame:
    """Return the flights of some months with their weather, features and label; those without a label are left out."""
    flights = pd.concat([pd.read_csv(folder / f"flights_{month}.csv.gz") for month in months])
    weather = pd.concat([pd.read_csv(folder / f"weather_{month}.csv.gz") for month in months])
    weather["wind_gust"] = weather["wind_gust"].where(weather["wind_gust"] < 200)
    weather["wind_speed"] = weather["wind_speed"].where(weather["wind_speed"] < 200)
    readings = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    rows = flights.merge(weather[["origin", "time_hour", *readings]], how="left", on=["origin", "time_hour"])
    rows = rows[rows["arr_delay"].notna()]
    departure, arrival = rows["sched_dep_time"], rows["sched_arr_time"]
    minutes = (arrival // 100 * 60 + arrival % 100) - (departure // 100 * 60 + departure % 100)
    rows = rows.assign(
        departure_hour=rows["hour"],
        weekday=pd.to_datetime(rows[["year", "month", "day"]]).dt.isocalendar().day.astype(float),
        scheduled_minutes=(minutes + 1440) % 1440,
        scheduled=pd.to_datetime(rows["time_hour"], utc=True) + pd.to_timedelta(rows["minute"], unit="min"),
        late=rows["arr_delay"] >= 30,
    )
    return rows.sort_values("scheduled", kind="stable").reset_index(drop=True)


def make_boosting(trial: optuna.Trial) -> object:
    """Gradient boosting with the searched parameters of a trial."""
    levels = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=255)
    transform = ColumnTransformer([("levels", levels, CATEGORICAL), ("numbers", "passthrough", NUMERIC)])
    estimator = HistGradientBoostingClassifier(
        learning_rate=trial.suggest_float("learning_rate", 0.03, 0.3, log=True),
        max_leaf_nodes=trial.suggest_int("max_leaf_nodes", 15, 63),
        min_samples_leaf=trial.suggest_int("min_samples_leaf", 20, 200, log=True),
        max_iter=120,
        categorical_features=list(range(len(CATEGORICAL))),
        random_state=0,
    )
    return make_pipeline(transform, estimator)


def make_logistic(trial: optuna.Trial) -> object:
    """Logistic regression with the searched parameter of a trial."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    levels = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)
    transform = ColumnTransformer([("levels", levels, CATEGORICAL), ("numbers", numbers, NUMERIC)])
    return make_pipeline(transform, LogisticRegression(C=trial.suggest_float("C", 0.01, 10.0, log=True), max_iter=300))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", type=int, default=10, help="the last month to learn from")
    parser.add_argument("--trials", type=int, default=30, help="of each candidate")
    parser.add_argument("--rows", type=int, default=50_000, help="that a trial is fitted on")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    known = read_months(given.folder, [f"2013-{month:02}" for month in range(1, given.until + 1)])
    later = {
        f"2013-{month:02}": read_months(given.folder, [f"2013-{month:02}"]) for month in range(given.until + 1, 13)
    }
    began, began_cpu = time.perf_counter(), cpu_seconds()

    first, last = int(len(known) * (1 - VALIDATION - TEST)), int(len(known) * (1 - TEST))
    train, validation, test = known[:first], known[first:last], known[last:]
    drawn = train.sample(min(given.rows, len(train)), random_state=0).sort_index()
    best: tuple[float, object] = (-np.inf, None)
    for make in (make_boosting, make_logistic):

        def run_trial(trial: optuna.Trial, make=make) -> float:
            model = make(trial).fit(drawn, drawn["late"])
            return roc_auc_score(validation["late"], model.predict_proba(validation)[:, 1])

        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
        study.optimize(run_trial, n_trials=given.trials)
        if study.best_value > best[0]:
            best = (study.best_value, make(study.best_trial))
    seen = pd.concat([train, validation])
    model = best[1].fit(seen, seen["late"])
    tested = roc_auc_score(test["late"], model.predict_proba(test)[:, 1])

    seconds = {"cpu_seconds": cpu_seconds() - began_cpu, "wall_seconds": time.perf_counter() - began}
    months = {month: roc_auc_score(rows["late"], model.predict_proba(rows)[:, 1]) for month, rows in later.items()}
    print(json.dumps({**seconds, "whole_cpu_seconds": cpu_seconds(), "test": tested, "months": months}))


def cpu_seconds() -> float:
    """CPU seconds of this process so far, its threads and ended children included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
