"""Validating 5 million rows by 25 expectations: ours, Great Expectations on pandas, and a plain scan by DuckDB.

    .venv/bin/python benchmarks/validation.py --rows 5000000 --runs 3

Each figure is of a process of its own, in turn, from a Parquet file that has been read before. Imports are not in the
seconds; of Great Expectations, whose import ours does without, they are told apart.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BLOCK = 250_000  # rows that are made at a time
DEPOTS = [f"depot {place}" for place in range(12)]
STATES = ["sent", "moving", "late", "lost", "there"]


def write_file(path: Path, rows: int) -> None:
    """Write moments, numbers with gaps, texts of few and of many values; one row in 10,000 is faulty."""
    generator = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, BLOCK):
        size = min(BLOCK, rows - start)
        table = _block(generator, start, size)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd", compression_level=1)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def _block(generator: Any, start: int, size: int) -> pa.Table:
    sent = np.datetime64("2024-01-01", "us") + (start + np.arange(size)) * np.timedelta64(3, "s")
    weights = generator.normal(100, 15, size)
    weights[generator.random(size) < 0.0001] = 1e6
    widths = generator.normal(50, 5, size)
    codes = generator.integers(0, 2**60, size)
    few = {"depot": DEPOTS, "state": STATES, "carrier": ["A", "B", "C"]}
    return pa.table(
        {
            "id": np.arange(start, start + size),
            "code": [f"{code:016x}" for code in codes],
            "reference": [f"REF-{code % 10**9:09d}" for code in codes],
            "sent_at": pa.array(sent, pa.timestamp("us", "UTC")),
            "due_at": pa.array(sent + np.timedelta64(2, "D"), pa.timestamp("us", "UTC")),
            "weight": weights,
            "width": pa.array(widths, mask=generator.random(size) < 0.05),
            "height": widths + np.abs(generator.normal(10, 2, size)),
            "price": np.abs(generator.normal(20, 5, size)).round(2),
            "pieces": generator.integers(1, 20, size),
            "zone": generator.integers(1, 9, size),
            "rating": pa.array(generator.integers(1, 6, size), mask=generator.random(size) < 0.3),
            "insured": generator.random(size) < 0.5,
            **{name: generator.choice(values, size) for name, values in few.items()},
        }
    )


def expect(name: str, **kwargs: Any) -> dict[str, Any]:
    """Write an expectation as a suite has it."""
    return {"type": f"expect_{name}", "kwargs": kwargs, "meta": {}}


START, END = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
# each with the same check in SQL: the number of rows that fail, or a value
CHECKS: list[tuple[dict[str, Any], str]] = [
    (expect("table_row_count_to_be_between", min_value=1),
     "count(*)"),
    (expect("column_values_to_not_be_null", column="id"),
     "count_if(id IS NULL)"),
    (expect("column_values_to_not_be_null", column="sent_at"),
     "count_if(sent_at IS NULL)"),
    (expect("column_values_to_not_be_null", column="width", mostly=0.9),
     "count_if(width IS NULL)"),
    (expect("column_values_to_be_unique", column="id"),
     "count(*) - count(DISTINCT id)"),
    (expect("column_values_to_be_unique", column="code"),
     "count(*) - count(DISTINCT code)"),
    (expect("column_values_to_be_between", column="weight", min_value=0, max_value=1000),
     "count_if(weight NOT BETWEEN 0 AND 1000)"),
    (expect("column_values_to_be_between", column="width", min_value=0, max_value=200),
     "count_if(width NOT BETWEEN 0 AND 200)"),
    (expect("column_values_to_be_between", column="height", min_value=0),
     "count_if(height < 0)"),
    (expect("column_values_to_be_between", column="price", min_value=0, max_value=500),
     "count_if(price NOT BETWEEN 0 AND 500)"),
    (expect("column_values_to_be_between", column="pieces", min_value=1, max_value=100),
     "count_if(pieces NOT BETWEEN 1 AND 100)"),
    (expect("column_values_to_be_between", column="rating", min_value=1, max_value=5),
     "count_if(rating NOT BETWEEN 1 AND 5)"),
    (expect("column_values_to_be_between", column="sent_at", min_value=START, max_value=END),
     "count_if(sent_at NOT BETWEEN '2024-01-01' AND '2025-01-01')"),
    (expect("column_values_to_be_in_set", column="depot", value_set=DEPOTS),
     f"count_if(depot NOT IN {tuple(DEPOTS)})"),
    (expect("column_values_to_be_in_set", column="state", value_set=STATES),
     f"count_if(state NOT IN {tuple(STATES)})"),
    (expect("column_values_to_be_in_set", column="zone", value_set=list(range(1, 9))),
     "count_if(zone NOT IN (1,2,3,4,5,6,7,8))"),
    (expect("column_values_to_not_be_in_set", column="carrier", value_set=["X", "Y"]),
     "count_if(carrier IN ('X', 'Y'))"),
    (expect("column_values_to_match_regex", column="code", regex="^[0-9a-f]{16}$"),
     "count_if(NOT regexp_matches(code, '^[0-9a-f]{16}$'))"),
    (expect("column_values_to_match_regex", column="reference", regex=r"^REF-\d{9}$"),
     r"count_if(NOT regexp_matches(reference, '^REF-\d{9}$'))"),
    (expect("column_value_lengths_to_equal", column="code", value=16),
     "count_if(length(code) != 16)"),
    (expect("column_pair_values_a_to_be_greater_than_b", column_A="due_at", column_B="sent_at"),
     "count_if(NOT due_at > sent_at)"),
    (expect("column_mean_to_be_between", column="price", min_value=10, max_value=30),
     "avg(price)"),
    (expect("column_stdev_to_be_between", column="height", min_value=1, max_value=20),
     "stddev_samp(height)"),
    (expect("column_max_to_be_between", column="pieces", max_value=100),
     "max(pieces)"),
    (expect("column_distinct_values_to_equal_set", column="carrier", value_set=["A", "B", "C"]),
     "count(DISTINCT carrier)"),
]  # fmt: skip


def by_lakemill(path: Path) -> list[str]:
    """Validate as the step does, from the file."""
    from lakemill.validation.expectations import run_suite

    return [outcome.observed for outcome in run_suite(path, [one for one, _ in CHECKS], where="benchmark")]


def by_great_expectations(path: Path) -> list[str]:
    """Validate one frame by Great Expectations, asking for the failing rows, which ours gives too."""
    from great_expectations.expectations.registry import get_expectation_impl

    from lakemill.validation.by_great_expectations import import_quietly

    gx = import_quietly()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pq.read_table(path).to_pandas()})
    made = [get_expectation_impl(one["type"])(**one["kwargs"]) for one, _ in CHECKS]
    # all at once, so that it computes only once what several need
    validated = batch.validate(gx.ExpectationSuite("rows", expectations=made), result_format="COMPLETE")
    return [
        f"{one.expectation_config.type}: {one.result.get('unexpected_count', one.result.get('observed_value'))}"
        for one in validated.results
    ]


def by_duckdb(path: Path) -> list[str]:
    """Only count, in one query over the file: a plain scan with the same checks."""
    import duckdb

    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        query = f"SELECT {', '.join(sql for _, sql in CHECKS)} FROM '{path}'"
        row = connection.execute("SET TimeZone = 'UTC'").execute(query).fetchone()
    return [str(value) for value in row or ()]


def import_for(way: str) -> None:
    """Import what a way needs, which is not measured with it."""
    import pyarrow.compute
    import pyarrow.dataset  # noqa: F401

    if way == "duckdb scan":
        import duckdb  # noqa: F401
    else:
        import lakemill.validation.expectations  # noqa: F401
    if way == "great expectations":
        from lakemill.validation.by_great_expectations import import_quietly

        import_quietly()


WAYS = {"lakemill": by_lakemill, "duckdb scan": by_duckdb, "great expectations": by_great_expectations}


def run(way: str, path: Path, *, say: bool) -> None:
    """Do the work and say what it took."""
    began = time.monotonic()
    import_for(way)
    imported = time.monotonic() - began
    began, cpu = time.monotonic(), time.process_time()
    found = WAYS[way](path)
    spent = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu, "import": imported}
    if say:
        print("\n".join(f"  {one['type']}: {text}" for (one, _), text in zip(CHECKS, found, strict=True)))
    print(json.dumps({**spent, "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measure(way: str, path: Path) -> dict[str, float]:
    """Run one way in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--way", way, "--file", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main() -> None:
    """Measure all ways in turn and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help="only this way, with what it finds")
    parser.add_argument("--file", type=Path, help="the file to read, which is written if it is not there")
    arguments = parser.parse_args()
    if arguments.way and arguments.file and arguments.file.exists():
        run(arguments.way, arguments.file, say=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "rows.parquet"
        if not path.exists():
            write_file(path, arguments.rows)
        print(
            f"{path.stat().st_size / 1e6:.0f} MB, {pq.read_metadata(path).num_rows:,} rows, {len(CHECKS)} expectations"
        )
        path.read_bytes()
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(arguments.runs):
            for way in WAYS:
                found[way].append(measure(way, path))
        medians = {way: {name: statistics.median(one[name] for one in runs) for name in runs[0]} for way, runs in found.items()}  # fmt: skip  # noqa: E501
        for way, median in medians.items():
            print(f"{way:20}" + "  ".join(f"{name} {value:8.2f}" for name, value in median.items()))
        for other in ("great expectations", "duckdb scan"):
            shares = {name: medians["lakemill"][name] / medians[other][name] for name in ("seconds", "cpu")}
            print(f"lakemill / {other}: " + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))


if __name__ == "__main__":
    main()
