"""A training on more rows than are held in memory: seconds and peak memory of each step, in a process of its own.

The rows are written into the lake's table ``clean`` as ingestion leaves them, partition by partition with its verdict;
ingestion itself is not run. Then the steps of a training run follow, once for a workflow that names no candidates
(histogram gradient boosting and logistic regression, on a sample) and once for an estimator that learns piece by piece:
`python benchmarks/beyond_memory.py --rows 20000000`
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugins"))

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.preprocessing.step import digest_rows

PARTITIONS = tuple(f"{year}-{month:02}" for year in (2021, 2022, 2023, 2024) for month in range(1, 11))
NAME = "beyond"
NUMBERS, CATEGORIES = 12, 4
LEVELS = np.asarray(["north", "south", "east", "west", "centre", "abroad"], dtype=object)
KINDS: dict[str, dict[str, Any]] = {
    "default": {},
    "pieces": {
        "candidates": {
            "linear": {
                "estimator": "sklearn.linear_model.SGDClassifier",
                "parameters": {"loss": "log_loss", "average": True},
                "search": {"alpha": {"low": 1e-4, "high": 1e-2, "log": True}},
            }
        }
    },
}


@dataclass(frozen=True)
class Measured:
    """One step: its seconds, those of CPU, the most memory that its process had, in bytes, and what it returned."""

    step: str
    seconds: float
    cpu_seconds: float
    peak: int
    returned: Any


def declare(kind: str, **train: Any) -> Workflow:
    """The workflow file: features named, and of training only what its kind is about."""
    return Workflow.model_validate(
        {
            "workflow": NAME,
            "description": "Is more than memory holds trained on?",
            "partition": {"every": "month", "start": PARTITIONS[0]},
            "collect": {"rows": {"path": "rows_{partition}.csv"}},
            "table": {"key": ["id"], "event_time": "at", "label": {"column": "label", "problem": "classification"}},
            "features": {
                "numeric": [f"number_{at}" for at in range(NUMBERS)],
                "categorical": [f"category_{at}" for at in range(CATEGORIES)],
            },
            "train": {**KINDS[kind], **train},
        }
    )


def make_rows(workflow: Workflow, key: str, count: int) -> pa.Table:
    """Rows of one partition: numbers and categories, some of which tell of the label, and others the more with time."""
    generator = np.random.default_rng([7, *key.encode()])
    interval = workflow.partition.interval(key)
    step = (interval.end - interval.start) / count
    first, micros = int(interval.start.timestamp() * 1e6), int(step.total_seconds() * 1e6)
    numbers = generator.normal(size=(NUMBERS, count))
    levels = generator.integers(0, len(LEVELS), (CATEGORIES, count))
    age = PARTITIONS.index(key) / len(PARTITIONS)
    told = numbers[0] - numbers[1] * (1 - age) + numbers[2] * age + numbers[3] * numbers[4] + (levels[0] == 2) - 0.8
    label = told + generator.logistic(size=count) > 0
    numbers[5][generator.random(count) < 0.05] = np.nan
    columns = {
        "id": pa.array(first // 1000 + np.arange(count, dtype="int64")),
        "at": pa.array(first + micros * np.arange(count), pa.timestamp("us", "UTC")),
        **{f"number_{at}": pa.array(numbers[at]) for at in range(NUMBERS)},
        **{
            f"category_{at}": pa.DictionaryArray.from_arrays(pa.array(levels[at]), pa.array(LEVELS)).cast(pa.string())
            for at in range(CATEGORIES)
        },
        "label": pa.DictionaryArray.from_arrays(pa.array(label.astype("int8")), pa.array(["no", "yes"])).cast(
            pa.string()
        ),
    }
    return pa.table(columns)


def fill_lake(workflow: Workflow, lake: Lake, rows: int) -> None:
    """Write the partitions of ``clean`` and their verdicts, as ingestion does."""
    for key in PARTITIONS:
        made = make_rows(workflow, key, rows // len(PARTITIONS))
        lake.replace_partition("clean", key, made)
        as_of = workflow.partition.interval(key).end
        record_verdict(lake, Verdict("ingestion", key, as_of, "published", (), {"digest": digest_rows(made)}))


def run_step(name: str, folder: Path, kind: str, workflow: Workflow, given: dict[str, Any]) -> Any:
    """Run one step of a training run and return what it hands to the next."""
    from lakemill.registry import evaluating, label_audit, promoting, releases
    from lakemill.registry.models import Registry
    from lakemill.training.snapshots import take_snapshot

    lake = Lake(str(folder / "lake"), NAME)
    key = PARTITIONS[-1]
    as_of = workflow.partition.interval(key).end
    if name == "snapshot":
        snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
        lacking = releases.check_rows(workflow, lake, snapshot, partition=key, as_of=as_of)
        assert lacking is None, lacking
        return snapshot
    snapshot = given["snapshot"]
    if name == "audit_labels":
        return label_audit.audit_snapshot(workflow, lake, snapshot, partition=key, as_of=as_of)
    studies = f"sqlite:///{folder}/studies_{kind}.db"
    if name == "tune":
        return releases.tune(workflow, lake, snapshot, studies=studies)
    if name.startswith("best "):
        return releases.take_best(workflow, lake, snapshot, name.removeprefix("best "), studies=studies)
    registry = Registry(workflow, address=f"sqlite:///{folder}/mlflow_{kind}.db", artifacts=str(folder / "models"))
    if name == "fit":
        tuned = [given[f"best {one}"] for one in workflow.train.candidates]
        return releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)
    if name == "evaluate":
        return evaluating.evaluate(workflow, lake, registry, snapshot, given["fit"])
    evaluated, version = given["evaluate"], given["fit"]
    return promoting.decide(workflow, lake, registry, partition=key, as_of=as_of, version=version, evaluated=evaluated)


def name_steps(workflow: Workflow) -> list[str]:
    """The steps in their order."""
    return [
        "snapshot",
        "audit_labels",
        "tune",
        *(f"best {one}" for one in workflow.train.candidates),
        "fit",
        "evaluate",
        "gate",
    ]


def measure_step(name: str, folder: Path, kind: str, train: dict[str, Any], given: dict[str, Any]) -> Measured:
    """Run one step in a process of its own."""
    asked = json.dumps({"step": name, "folder": str(folder), "kind": kind, "train": train, "given": given})
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--one"], input=asked, stdout=subprocess.PIPE, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return Measured(name, time.perf_counter() - began, told["cpu_seconds"], told["peak"], told["returned"])


def train(
    kind: str, folder: Path, settings: dict[str, Any], report: Callable[[Measured], None] = lambda measured: None
) -> dict[str, Any]:
    """Run all steps; return what each of them did."""
    given: dict[str, Any] = {}
    for name in name_steps(declare(kind, **settings)):
        measured = measure_step(name, folder, kind, settings, given)
        given[name] = measured.returned
        report(measured)
    return given


def main() -> None:
    """Fill the lake, train, and print what each step took."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=20_000_000)
    arguments.add_argument("--memory", default="2 GiB")
    arguments.add_argument("--epochs", type=int, default=5)
    arguments.add_argument("--trials", type=int, default=10, help="Of each candidate.")
    arguments.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    arguments.add_argument("--folder", type=Path, help="Kept; a temporary one if left out.")
    arguments.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.one:
        asked = json.loads(sys.stdin.read())
        workflow = declare(asked["kind"], **asked["train"])
        returned = run_step(asked["step"], Path(asked["folder"]), asked["kind"], workflow, asked["given"])
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_seconds = used.ru_utime + used.ru_stime
        print(json.dumps({"peak": used.ru_maxrss * 1024, "cpu_seconds": cpu_seconds, "returned": returned}))
        return
    settings = {"memory": chosen.memory, "epochs": chosen.epochs, "budget": {"trials": chosen.trials}}
    with tempfile.TemporaryDirectory(prefix="lakemill-beyond-") as temporary:
        folder = chosen.folder or Path(temporary)
        for kind in chosen.kinds:
            began = time.perf_counter()
            workflow = declare(kind, **settings)
            lake = Lake(str(folder / "lake"), NAME)
            if len(lake.partitions("clean")) < len(PARTITIONS):
                fill_lake(workflow, lake, chosen.rows)
            print(f"{kind}: {chosen.rows:,} rows of {NUMBERS + CATEGORIES} features in the lake", end="")
            print(f" after {time.perf_counter() - began:.0f} s")
            print(f"{'step':<16}{'seconds':>9}{'CPU s':>9}{'peak MiB':>10}", flush=True)
            ended = train(kind, folder, settings, _print)
            evaluated = ended["evaluate"]
            print(f"{ended['gate']}: {evaluated['metric']} {evaluated['score']:.4f}, naive {evaluated['naive']:.4f}")
            print(f"rows: {(evaluated['sampled'] or {}).get('text', 'all in memory')}\n", flush=True)


def _print(measured: Measured) -> None:
    print(
        f"{measured.step:<16}{measured.seconds:>9.1f}{measured.cpu_seconds:>9.1f}{measured.peak / 2**20:>10.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
