"""The default workflow against scikit-learn's gradient boosting with its own defaults, on small data sets.

Each run goes the whole way, from a CSV file to a model of the registry, with a workflow file that names neither
features nor candidates nor a metric. Both models are fitted on the same rows and judged on the same rows, which are
drawn by the seed: `python benchmarks/defaults.py --seeds 5`
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # a few hundred rows gain nothing from threads, and lose on a busy machine
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugins"))

from lakemill.collection import collect_source
from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction, predict
from lakemill.lake import Lake
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.preprocessing.splitting import split_by_time
from lakemill.registry import releases
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of
from lakemill.training.snapshots import read_snapshot, take_snapshot
from lakemill.validation.step import validate_partition

DATASETS = {"breast_cancer": "classification", "wine": "classification", "diabetes": "regression"}
JUDGED_BY = {"classification": ("log_loss", "accuracy"), "regression": ("root_mean_squared_error",)}
START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Comparison:
    """One run: by how much the default workflow is better, and the standard error of that on the test rows."""

    dataset: str
    seed: int
    candidate: str
    metric: str
    ours: float
    theirs: float
    gain: float
    error: float


def compare(name: str, seed: int, folder: Path, **budget: Any) -> list[Comparison]:
    """Run the default workflow on a data set and compare it on each metric."""
    workflow = declare(name, **budget)
    write_rows(name, seed, folder / f"{name}.csv")
    lake = Lake(str(folder / "lake"), name)
    registry = Registry(workflow, address=f"sqlite:///{folder}/mlflow.db", artifacts=str(folder / "models"))
    ingest(workflow, lake, folder)
    as_of = workflow.partition.interval("2024").end
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    lacking = releases.check_rows(workflow, lake, snapshot, partition="2024", as_of=as_of)
    assert lacking is None, lacking
    studies = f"sqlite:///{folder}/studies.db"
    releases.tune(workflow, lake, snapshot, studies=studies)
    tuned = [releases.take_best(workflow, lake, snapshot, one, studies=studies) for one in workflow.train.candidates]
    version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)

    rows = read_snapshot(workflow, lake, snapshot)
    y = make_target(rows, workflow.table.label)
    event_time = rows.column("at").to_pandas()
    split = split_by_time(event_time, validation=workflow.dataset.validation, test=workflow.dataset.test)
    X = make_frame(rows, features_of(workflow, lake, snapshot))
    plain = HistGradientBoostingRegressor if DATASETS[name] == "regression" else HistGradientBoostingClassifier
    numbers = X.to_numpy(dtype="float64")
    theirs = predict(plain(random_state=seed).fit(numbers[split.fit], y[split.fit]), numbers[split.test])
    ours = predict(registry.load(version), X.iloc[split.test])
    best = max(tuned, key=lambda one: one["score"])["candidate"]
    return [
        Comparison(name, seed, best, metric, *judge(metric, y[split.test], ours, theirs))
        for metric in JUDGED_BY[DATASETS[name]]
    ]


def declare(name: str, **budget: Any) -> Workflow:
    """The shortest workflow file for a data set."""
    content = {
        "workflow": name,
        "description": "How do the defaults do?",
        "partition": {"every": "year", "start": "2024"},
        "collect": {"rows": {"path": f"{name}.csv"}},
        "table": {"key": ["id"], "event_time": "at", "label": {"column": "label", "problem": DATASETS[name]}},
    }
    return Workflow.model_validate({**content, **({"train": {"budget": budget}} if budget else {})})


def write_rows(name: str, seed: int, path: Path) -> None:
    """Write a data set as CSV, its rows in an order drawn by the seed, a minute apart."""
    data = getattr(datasets, f"load_{name}")(as_frame=True)
    rows = data.data.rename(columns=lambda column: column.replace(" ", "_").replace("/", "_"))
    rows["label"] = data.target if DATASETS[name] == "regression" else data.target_names[data.target]
    rows = rows.sample(frac=1.0, random_state=seed).reset_index(drop=True)
    rows.insert(0, "at", [START + timedelta(minutes=number) for number in range(len(rows))])
    rows.insert(0, "id", np.arange(len(rows)))
    rows.to_csv(path, index=False)


def ingest(workflow: Workflow, lake: Lake, folder: Path) -> None:
    """Bring the file into the lake, as the DAG of ingestion does."""
    collect_source(workflow, "rows", "2024", lake, project=folder, ingested_at=START, connections=NoConnections())
    validated = validate_partition(workflow, "2024", lake, project=folder)
    cleaned = clean_partition(workflow, "2024", lake)
    publish_partition(workflow, "2024", lake, validated=validated, cleaned=cleaned)


class NoConnections:
    """Files need none."""

    def credentials(self, connection: str) -> Any:
        raise AssertionError(connection)

    engine = credentials


def judge(name: str, y: np.ndarray, ours: Prediction, theirs: Prediction) -> tuple[float, float, float, float]:
    """Return both scores, the gain, and its standard error by a paired bootstrap."""
    metric = METRICS[name]
    draw = np.random.default_rng(0)
    drawn = (draw.integers(0, len(y), len(y)) for _ in range(500))
    gains = [metric.gain(metric(y[rows], ours.take(rows)), metric(y[rows], theirs.take(rows))) for rows in drawn]
    mine, other = metric(y, ours), metric(y, theirs)
    return mine, other, metric.gain(mine, other), float(np.nanstd(gains, ddof=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each data set")
    parser.add_argument("--datasets", nargs="*", default=list(DATASETS), choices=list(DATASETS))
    parser.add_argument("--trials", type=int, help="trials of each candidate, in place of the default")
    given = parser.parse_args()
    budget = {"trials": given.trials} if given.trials else {}
    found: list[Comparison] = []
    for name in given.datasets:
        for seed in range(given.seeds):
            with tempfile.TemporaryDirectory(prefix="lakemill-defaults-") as folder:
                runs = compare(name, seed, Path(folder), **budget)
                print(*runs, sep="\n", flush=True)
                found += runs
    table = pd.DataFrame([vars(one) for one in found])
    print(table.to_string(index=False, float_format=lambda number: f"{number:.4f}"))
    for (name, metric), runs in table.groupby(["dataset", "metric"], sort=False):
        error = runs.gain.std(ddof=1) / np.sqrt(len(runs))
        worse = int((runs.gain < -runs.error).sum())
        print(
            f"{name:14} {metric:24} gain {runs.gain.mean():+.4f}, standard error over seeds {error:.4f}; "
            f"worse by more than one standard error in {worse} of {len(runs)} runs"
        )


if __name__ == "__main__":
    main()
