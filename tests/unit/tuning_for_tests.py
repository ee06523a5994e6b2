"""Tuning of a small workflow, for tests; run as a program it is one of several workers on a study.

``python tuning_for_tests.py ADDRESS WORKER MEETING FATE`` shares the study at a database's address. In its first trial
it waits until two workers have come to the folder MEETING; with the fate ``killed`` it then kills itself.
Stays out: asserting.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from sklearn.pipeline import Pipeline

if __name__ == "__main__":
    unit = Path(__file__).resolve().parent
    sys.path[:0] = [str(unit), str(unit.parents[1] / "plugins")]

from workflows_for_tests import make_rows, make_workflow

from lakemill.config import Workflow
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.preprocessing.splitting import Split
from lakemill.training.tuning import Tuned, open_study, read_tuned, run_trials

SEARCH = {
    "C": {"low": 0.001, "high": 100.0, "log": True},
    "fit_intercept": [True, False],
    "max_iter": {"low": 50, "high": 150},
}
SPLIT = Split(np.arange(120), np.arange(120, 160), np.arange(160, 200))


def declare(search: dict[str, Any] | None = None, *, trials: int = 8, seed: int = 0, **budget: Any) -> Workflow:
    logistic = {"estimator": "sklearn.linear_model.LogisticRegression", "search": SEARCH if search is None else search}
    return make_workflow(
        train={
            "metric": "roc_auc",
            "candidates": {"plain": logistic},
            "budget": {"trials": trials, "rows": 100, **budget},
            "seed": seed,
        }
    )


def score(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray) -> float:
    return -float(np.abs((y == "true") - pipeline.predict_proba(X)[:, 1]).mean())


def tune(
    workflow: Workflow,
    storage: Any = None,
    *,
    scored: Any = score,
    split: Split = SPLIT,
    worker: str = "alone",
    **options: Any,
) -> Tuned:
    study = open_study(
        workflow, "plain", study_name="study", storage=storage or optuna.storages.InMemoryStorage(), **options
    )
    rows = make_rows(workflow, "2020-01-01", 200)
    X, y = make_frame(rows, workflow.features), make_target(rows, workflow.table.label)
    run_trials(workflow, {"plain": study}, X, y, split, score=scored, worker=worker)
    return read_tuned(workflow, "plain", study)


def without_time(tuned: Tuned) -> Tuned:
    """What does not depend on the machine."""
    return replace(tuned, seconds=0.0)


def start_worker(address: str, worker: str, meeting: Path, fate: str = "lives") -> "subprocess.Popen[bytes]":
    """Start another process on a study."""
    meeting.mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, __file__, address, worker, str(meeting), fate])


def main(address: str, worker: str, meeting: str, fate: str) -> None:
    """Be a worker."""

    def meet_and_score(*given: Any) -> float:
        (Path(meeting) / worker).touch()
        deadline = time.monotonic() + 120
        while len(list(Path(meeting).iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        if fate == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return score(*given)

    tune(declare(), optuna.storages.RDBStorage(address), scored=meet_and_score, worker=worker, grace=1.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
