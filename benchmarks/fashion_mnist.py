"""Fashion-MNIST through the rooms: pictures in an archive, their features, a tuned model, its accuracy on test rows.

    apt-get install dataset-fashion-mnist
    .venv/bin/python benchmarks/fashion_mnist.py                    # all 70,000 pictures
    .venv/bin/python benchmarks/fashion_mnist.py --pictures 6000    # a part of the training pictures, all test pictures
    .venv/bin/python benchmarks/fashion_mnist.py --compare          # and scikit-learn's boosting on the same rows

The workflow is `benchmarks/fashion_mnist.yaml`; the accuracy is of the 10,000 test pictures that the data set names,
which only the last step sees. The last sixth of its training pictures is what is tuned on.
"""

import argparse
import csv
import gzip
import io
import os
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugins"))

import yaml
from defaults import NoConnections, judge

from lakemill.collection import collect_source
from lakemill.config import Workflow
from lakemill.evaluation.predictions import predict
from lakemill.lake import Lake
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.registry import evaluating, releases
from lakemill.registry.label_audit import audit_snapshot
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of
from lakemill.training.snapshots import read_snapshot, take_snapshot
from lakemill.validation.step import validate_partition

DATA = Path("/usr/share/datasets/fashion-mnist")
CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
KEY, START = "2024", datetime(2024, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the four IDX files")
    parser.add_argument("--pictures", type=int, default=60_000, help="of the training pictures, so many")
    parser.add_argument("--workflow", type=Path, default=Path(__file__).with_suffix(".yaml"))
    parser.add_argument("--compare", action="store_true", help="fit HistGradientBoosting with its defaults, too")
    parser.add_argument("--folder", type=Path, help="where the project is built and kept; a temporary one if left out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lakemill-fashion-") as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / f"manifest_{KEY}.csv").exists():
            write_pictures(given.data, given.pictures, folder)
        workflow = Workflow.model_validate(yaml.safe_load(given.workflow.read_text(encoding="utf-8")))
        lake = Lake(str(folder / "lake"), workflow.workflow)
        registry = Registry(workflow, address=f"sqlite:///{folder}/mlflow.db", artifacts=str(folder / "models"))
        ingest(workflow, lake, folder)
        print_accuracy(workflow, lake, registry, *train(workflow, lake, registry, folder), is_compared=given.compare)


def write_pictures(data: Path, count: int, folder: Path) -> None:
    """Write the archive of PNG files and the manifest that says class, part and moment of each."""
    manifest = io.StringIO()
    lines = csv.writer(manifest)
    lines.writerow(["file", "label", "part", "taken_at"])
    with zipfile.ZipFile(folder / f"pictures_{KEY}.zip", "w") as archive:  # PNG is compressed already
        for number, (pixels, label, part) in enumerate(read_pictures(data, count)):
            name = f"{number:05}.png"
            picture = io.BytesIO()
            Image.fromarray(pixels).save(picture, "png")
            archive.writestr(name, picture.getvalue())
            lines.writerow([name, CLASSES[label], part, (START + timedelta(minutes=number)).isoformat()])
    (folder / f"manifest_{KEY}.csv").write_text(manifest.getvalue(), encoding="utf-8")


def read_pictures(data: Path, count: int) -> Iterator[tuple[np.ndarray, int, str]]:
    """Yield pixels, class and part of the pictures: five sixths of the first ones, a sixth, and all test pictures."""
    parts = np.repeat(["train", "validation"], [count - count // 6, count // 6])
    for name, chosen in (("train", parts), ("t10k", np.repeat(["test"], 10_000))):
        images = np.frombuffer(
            gzip.decompress((data / f"{name}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16
        )
        labels = np.frombuffer(
            gzip.decompress((data / f"{name}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8
        )
        for pixels, label, part in zip(images.reshape(-1, 28, 28), labels, chosen, strict=False):
            yield pixels, int(label), str(part)


def ingest(workflow: Workflow, lake: Lake, folder: Path) -> None:
    """Run the steps of ingestion, and print what each costs."""
    with measure("ingestion"):
        with measure("  collect"):
            collect_source(
                workflow, "pictures", KEY, lake, project=folder, ingested_at=START, connections=NoConnections()
            )
        with measure("  validate"):
            validated = validate_partition(workflow, KEY, lake, project=folder)
        with measure("  clean"):
            cleaned = clean_partition(workflow, KEY, lake)
        with measure("  publish"):
            publish_partition(workflow, KEY, lake, validated=validated, cleaned=cleaned)


def train(workflow: Workflow, lake: Lake, registry: Registry, folder: Path) -> tuple[str, str]:
    """Run the steps of training, print what each costs, and return the snapshot and the version."""
    as_of = workflow.partition.interval(KEY).end
    with measure("training"):
        with measure("  snapshot"):
            snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
            lacking = releases.check_rows(workflow, lake, snapshot, partition=KEY, as_of=as_of)
            assert lacking is None, lacking
        with measure("  audit of labels"):
            audit_snapshot(workflow, lake, snapshot, partition=KEY, as_of=as_of)
        studies = f"sqlite:///{folder}/studies.db"
        with measure("  tune"):
            releases.tune(workflow, lake, snapshot, studies=studies)
        with measure("  take the best"):
            candidates = workflow.train.candidates
            tuned = [releases.take_best(workflow, lake, snapshot, one, studies=studies) for one in candidates]
        print(*(f"    {one}" for one in tuned), sep="\n", flush=True)
        with measure("  fit"):
            version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)
        with measure("  evaluate"):
            evaluated = evaluating.evaluate(workflow, lake, registry, snapshot, version)
    print(f"gate: {evaluated['verdict']}, {evaluated['metric']} {evaluated['score']:.4f}")
    return snapshot, version


def print_accuracy(
    workflow: Workflow, lake: Lake, registry: Registry, snapshot: str, version: str, *, is_compared: bool
) -> None:
    """Print the share of test pictures whose class is predicted, by the model as it lies in the registry."""
    rows = read_snapshot(workflow, lake, snapshot)
    X, y = make_frame(rows, features_of(workflow, lake, snapshot)), make_target(rows, workflow.table.label)
    is_test = np.asarray(rows.column("part").to_pylist()) == "test"
    ours = predict(registry.load(version), X[is_test])
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"accuracy on {is_test.sum():,} test pictures: {float((ours.predicted == y[is_test]).mean()):.4f}")
    print(f"peak memory: {peaks[0]:,.0f} MiB, and {peaks[1]:,.0f} MiB of the largest process that decodes")
    if is_compared:
        with measure("gradient boosting"):
            plain = HistGradientBoostingClassifier(random_state=0).fit(X[~is_test], y[~is_test])
        theirs = predict(plain, X[is_test])
        for name in ("accuracy", "log_loss"):
            mine, other, gain, error = judge(name, y[is_test], ours, theirs)
            print(
                f"{name}: {mine:.4f}, gradient boosting with its defaults {other:.4f}: gain {gain:+.4f} ± {error:.4f}"
            )


@contextmanager
def measure(name: str) -> Iterator[None]:
    """Print the wall and CPU seconds of a step, those of its processes too."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    yield
    print(f"{name:24}{time.perf_counter() - wall:8.1f} s {sum(os.times()[:4]) - cpu:8.1f} CPU s", flush=True)


if __name__ == "__main__":
    main()
