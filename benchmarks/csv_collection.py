"""Collecting a large CSV file against the least that it could cost: parsing it, and encoding the same data as Parquet.

    .venv/bin/python benchmarks/csv_collection.py --gigabytes 5 --runs 3

Each figure is of a process of its own, in turn; the file is read once before, so that all find it in memory alike.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

ROWS = 200_000  # of a block that is written again and again, with other moments


def write_file(path: Path, gigabytes: float) -> int:
    """Write 17 columns: moments, numbers with gaps, texts of few and of many values; return the number of rows."""
    generator = np.random.default_rng(0)
    columns = {f"number_{place}": generator.normal(100, 15, ROWS).round(4) for place in range(8)}
    columns["number_0"][generator.random(ROWS) < 0.05] = np.nan
    few = {f"few_{place}": generator.choice([f"level {level}" for level in range(12)], ROWS) for place in range(4)}
    many = {f"many_{place}": [f"{code:016x}" for code in generator.integers(0, 2**60, ROWS)] for place in range(3)}
    rows = 0
    with path.open("wb") as file:
        while file.tell() < gigabytes * 1e9:
            start = np.datetime64("2024-01-01", "s") + rows // 20
            at = (start + np.arange(ROWS) // 20).astype("datetime64[us]")
            block = pa.table({"id": np.arange(rows, rows + ROWS), "at": at, **columns, **few, **many})
            options = pa_csv.WriteOptions(include_header=rows == 0, quoting_style="none")
            pa_csv.write_csv(block, file, options)
            rows += ROWS
    return rows


def collect(path: Path, folder: Path) -> None:
    """Collect the file as a task does."""
    from lakemill.collection import collect_source
    from lakemill.config import Workflow
    from lakemill.lake import Lake

    workflow = Workflow.model_validate(
        {
            "workflow": "large",
            "description": "How long does it take?",
            "partition": {"every": "year", "start": "2024"},
            "collect": {"rows": {"path": str(path)}},
            "table": {"key": ["id"], "event_time": "at", "label": {"column": "number_1", "problem": "regression"}},
            "features": {"numeric": ["number_2"]},
            "train": {
                "metric": "r2",
                "candidates": {"linear": {"estimator": "sklearn.linear_model.LinearRegression"}},
            },
        }
    )
    now = datetime(2025, 1, 1, tzinfo=timezone.utc)
    lake = Lake(str(folder), "large")
    collected = collect_source(workflow, "rows", "2024", lake, project=Path("/"), ingested_at=now, connections=None)
    assert collected["malformed"] == 0, collected


def parse_and_encode(path: Path, folder: Path) -> None:
    """Do the least: Arrow's own parser and encoder, one after the other, with the same types and settings."""
    names = pa_csv.open_csv(path).schema.names
    texts = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
    reader = pa_csv.open_csv(path, pa_csv.ReadOptions(block_size=8 << 20, use_threads=False), convert_options=texts)
    folder.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(
        folder / "rows.parquet", reader.schema, compression="zstd", compression_level=1, use_dictionary=names
    ) as writer:
        for batch in reader:
            writer.write_batch(batch)


WAYS = {"collect": collect, "parse and encode": parse_and_encode}


def measure(way: str, path: Path) -> dict[str, float]:
    """Run one way in a process of its own."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, __file__, "--way", way, "--file", str(path), "--folder", folder]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def run(way: str, path: Path, folder: Path) -> None:
    """Do the work and say what it took."""
    import lakemill.collection.formats.delimited  # noqa: F401  what is imported is not what is measured

    began, cpu = time.monotonic(), time.process_time()
    WAYS[way](path, folder)
    spent = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**spent, "peak MiB": peak}))


def main() -> None:
    """Measure both ways in turn and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        run(arguments.way, arguments.file, arguments.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        rows = write_file(path, arguments.gigabytes)
        print(f"{path.stat().st_size / 1e9:.2f} GB, {rows:,} rows")
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(arguments.runs):
            for way in WAYS:
                found[way].append(measure(way, path))
        for way, runs in found.items():
            medians = {name: statistics.median(one[name] for one in runs) for name in runs[0]}
            print(f"{way:18}" + "  ".join(f"{name} {value:8.1f}" for name, value in medians.items()))
        pairs = zip(found["collect"], found["parse and encode"], strict=True)
        ratios = sorted(one["seconds"] / other["seconds"] for one, other in pairs)
        print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
