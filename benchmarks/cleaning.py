"""What cleaning finds and what it costs: seeded faults, near-duplicates with truth, and the time of each rule.

    .venv/bin/python benchmarks/cleaning.py                 # all parts
    .venv/bin/python benchmarks/cleaning.py --only near     # faults, near or speed

Data is made by seeded generators (those of the tests) or is FEBRL's; seeds here are others than in the tests.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "unit"))

from faults_for_tests import RULES as FAULT_RULES
from faults_for_tests import make_clean, measure, put_faults
from records_for_tests import count_pairs, make_records, read_febrl

from lakemill.config.cleaning import NearDuplicates
from lakemill.preprocessing.cleaning import RULES, Context
from lakemill.preprocessing.cleaning.near_duplicates import group_rows


def show_faults(rows: int) -> None:
    """Print by kind of fault the share found and the share of good rows touched."""
    results, lost = measure(rows, seed=100)
    print(f"seeded faults in {rows:,} rows")
    print(f"{'kind':22}{'seeded':>8}{'found':>9}{'good rows touched':>20}")
    for one in results:
        print(f"{one.kind:22}{one.seeded:>8,}{one.found / one.seeded:>9.2%}{one.touched / one.good:>20.3%}")
    print(f"good rows lost: {lost}\n")


def show_near(sizes: list[int]) -> None:
    """Print precision and recall by pairs, and rows a second."""
    sets = {f"FEBRL {number}": read_febrl(number) for number in ("1", "2", "3", "4")}
    print("near-duplicates, the rule's defaults")
    print(f"{'set':34}{'rows':>9}{'precision':>11}{'recall':>9}{'s':>8}{'rows/s':>9}")
    for name, (rows, persons) in sets.items():
        _show_set(name, rows, persons)
    for size in sizes:
        for households in (0.0, 0.1):
            _show_set(
                f"like FEBRL, {households:.0%} in households", *make_records(size, seed=200, households=households)
            )
    print()


def _show_set(name: str, rows: pa.Table, persons: np.ndarray) -> None:
    rule = NearDuplicates(rule="near_duplicates", columns=tuple(rows.column_names))
    began = time.perf_counter()
    groups = group_rows(rule, rows)
    took = time.perf_counter() - began
    precision, recall = count_pairs(groups, persons)
    print(f"{name:34}{len(rows):>9,}{precision:>11.4f}{recall:>9.4f}{took:>8.2f}{len(rows) / took:>9,.0f}", flush=True)


def show_speed(rows: int) -> None:
    """Print the time of each rule on rows made of a faulty part, repeated, with numbers that all differ."""
    from pydantic import TypeAdapter

    from lakemill.config.cleaning import CleaningRule

    part, _ = put_faults(make_clean(20_000, seed=7), seed=7)
    table = pa.concat_tables([part] * (rows // len(part) + 1)).slice(0, rows)
    table = table.set_column(0, "id", pa.array(range(rows), pa.int64()))
    draw = np.random.default_rng(0)
    amounts = pa.array([f"{value:.4f}".replace(".", ",") for value in draw.lognormal(5, 1, rows)])
    table = table.set_column(table.column_names.index("amount"), "amount", amounts)
    others = [
        {"rule": "strip", "columns": ["city"]},
        {"rule": "text", "columns": ["city"]},
        {"rule": "replace", "columns": ["stock"], "values": {9999: None}},
        {"rule": "range", "columns": ["weight"], "low": 30, "high": 150},
        {"rule": "require", "condition": "weight > 0 AND stock >= -1"},
        {"rule": "duplicates", "whole_row": True},
    ]
    context = Context(("id",), "at", "UTC")
    print(f"time of a rule on {rows:,} rows")
    for written in [*others, *(one for one in FAULT_RULES if one["rule"] != "near_duplicates")]:
        rule = TypeAdapter(CleaningRule).validate_python(written)
        RULES[rule.rule](rule, table.slice(0, 1000), context)
        began = time.perf_counter()
        RULES[rule.rule](rule, table, context)
        print(f"{rule.rule:14}{', '.join(rule.named):14}{time.perf_counter() - began:>8.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["faults", "near", "speed"])
    parser.add_argument("--fault-rows", type=int, default=20_000)
    parser.add_argument("--near-rows", type=int, nargs="+", default=[5_000, 20_000, 100_000])
    parser.add_argument("--speed-rows", type=int, default=1_000_000)
    chosen = parser.parse_args()
    if chosen.only in (None, "faults"):
        show_faults(chosen.fault_rows)
    if chosen.only in (None, "near"):
        show_near(chosen.near_rows)
    if chosen.only in (None, "speed"):
        show_speed(chosen.speed_rows)


if __name__ == "__main__":
    main()
