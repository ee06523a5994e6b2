"""Drift: false alarms and power on simulated windows, the speed of profiles, and NannyML's two bundled data sets.

    .venv/bin/python benchmarks/drift.py --windows 1000 [--sizes 300,1000,10000,1000000]
    .venv/bin/python benchmarks/drift.py --speed
    .venv/bin/python benchmarks/drift.py --nannyml FOLDER    # nannyml/datasets/data of its unzipped wheel

Windows come one after the other, as partitions do: each is held against the reference, chance and the windows before
it, and alarms as the workflow file's defaults say. Beside it stands what a Kolmogorov-Smirnov test at 0.05 in each
column, with nothing corrected, makes of the same profiles.
"""

import argparse
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from drift_windows import COLUMNS, REFERENCE, SHIFT, draw_columns, draw_values

from lakemill.config.monitoring import Monitor
from lakemill.monitoring.drift import ColumnDrift, compare_profiles
from lakemill.monitoring.limits import Earlier
from lakemill.monitoring.sketches import ColumnProfile, merge, profile_column

PAST, SEQUENCE = 12, 100  # windows that are the past at first, and that follow
MOST_VALUES = 15_000_000_000  # simulated for one size; fewer windows are made where that is not enough
Profiles = Mapping[str, ColumnProfile]


@dataclass
class Watch:
    """One stream of windows, held against one reference."""

    reference: Profiles
    monitor: Monitor
    past: dict[tuple[str, str], deque[Earlier]] = field(default_factory=dict)
    found: dict[str, list[bool]] = field(default_factory=dict)

    def judge(self, current: Profiles) -> tuple[list[str], list[ColumnDrift]]:
        """Return the columns that alarm, and all that was compared."""
        drifts = compare_profiles(self.reference, current, self.monitor, past=self.past)
        return [one.column for one in drifts if one.alarms(self.found.get(one.column, ()), self.monitor)], drifts

    def learn(self, drifts: list[ColumnDrift]) -> None:
        """Make a window the past of those after it."""
        for drift in drifts:
            self.found.setdefault(drift.column, []).append(drift.is_found)
            for test in () if drift.is_found else drift.tests:
                held = self.past.setdefault((drift.column, test.statistic), deque(maxlen=self.monitor.history))
                held.append(Earlier(test.difference.effect, test.difference.chance))

    def watch(self, current: Profiles) -> list[str]:
        """Judge a window, learn it, and return the columns that alarm."""
        alarms, drifts = self.judge(current)
        self.learn(drifts)
        return alarms


def draw_window(draw: np.random.Generator, rows: int, *, shift: float = 0.0) -> Profiles:
    """Profile a window."""
    return {name: sketch(name, values) for name, values in draw_columns(draw, rows, shift=shift).items()}


def sketch(name: str, values: np.ndarray) -> ColumnProfile:
    """Profile numbers."""
    return profile_column(name, pa.chunked_array([values]), "numeric")


def merge_all(windows: list[Profiles]) -> Profiles:
    """Merge windows into one reference."""
    return {name: reduce(merge, [window[name] for window in windows]) for name in windows[0]}


def simulate(rows: int, windows: int) -> dict[str, object]:
    """Return how many windows alarmed without drift, and how many shifts were found."""
    windows = min(windows, MOST_VALUES // (rows * COLUMNS))
    alarms = plain = 0
    first, second, unlearnt, shifts = 0, 0, 0, 0
    for begin in range(0, windows, SEQUENCE):
        draw = np.random.default_rng([rows, begin])
        watch = Watch(merge_all([draw_window(draw, rows) for _ in range(REFERENCE)]), Monitor())
        for _ in range(PAST):
            watch.watch(draw_window(draw, rows))
        for number in range(min(SEQUENCE, windows - begin)):
            drifts = watch.judge(draw_window(draw, rows))
            alarms += bool(drifts[0])
            plain += any(_p_value(drift) < 0.05 for drift in drifts[1])
            if number % 4 == 0:  # a shift that begins here; the stream goes on as if it had not been
                results = _shift(watch, draw, rows)
                first, second, unlearnt = first + results[0], second + results[1], unlearnt + results[2]
                shifts += 1
            watch.learn(drifts[1])
    return {"rows": rows, "windows": windows, "alarms": alarms, "plain": plain, "shifts": shifts,
            "at once": first, "within 2": second, "without a past": unlearnt}  # fmt: skip


def _shift(watch: Watch, draw: np.random.Generator, rows: int) -> tuple[bool, bool, bool]:
    """Tell whether two windows with a shift alarm: the first, any of both, and any of both where nothing was learnt."""
    pair = [draw_window(draw, rows, shift=SHIFT) for _ in range(2)]
    alarms = []
    for past, found in ((watch.past, watch.found), ({}, {})):
        copy = Watch(watch.reference, watch.monitor, {key: deque(held, held.maxlen) for key, held in past.items()},
                     {name: list(held) for name, held in found.items()})  # fmt: skip
        alarms.append(["column 0" in copy.watch(window) for window in pair])
    return alarms[0][0], any(alarms[0]), any(alarms[1])


def _p_value(drift: ColumnDrift) -> float:
    return next(one.difference.p_value for one in drift.tests if one.statistic == "kolmogorov_smirnov")


def tell_rates(sizes: list[int], windows: int) -> None:
    """Print the table of false alarms and power."""
    headings = ("rows", "windows", "alarms, no drift", "KS at 0.05, no drift",
                "shifts", "found at once", "within 2 windows", "with no past")  # fmt: skip
    print("|", " | ".join(headings), "|")
    print("|" + "---|" * len(headings))
    for rows in sizes:
        one = simulate(rows, windows)
        share = {name: f"{one[name] / one['windows']:.1%}" for name in ("alarms", "plain")}
        power = {name: f"{one[name] / one['shifts']:.1%}" for name in ("at once", "within 2", "without a past")}
        cells = (f"{rows:,}", one["windows"], *share.values(), one["shifts"], *power.values())
        print("|", " | ".join(map(str, cells)), "|", flush=True)


def tell_speed(rows: int, runs: int) -> None:
    """Print the CPU time of a scan by DuckDB, of making profiles, and of a check, on one core; the least of runs."""
    draw = np.random.default_rng(0)
    names = [f"c{number}" for number in range(COLUMNS)]
    with TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{side}.parquet") for side in ("reference", "current")]
        for path in paths:
            columns = {name: draw_values(draw, number, rows) for number, name in enumerate(names)}
            pq.write_table(pa.table(columns), path)
        one_core = duckdb.connect(config={"threads": 1})
        what = ", ".join(f"count({name}), avg({name}), stddev({name}), min({name}), max({name})" for name in names)
        sketches: list[Profiles] = []

        def profile() -> None:
            table = pq.read_table(paths[0], use_threads=False)
            sketches.append({name: profile_column(name, table.column(name), "numeric") for name in names})

        times = {
            f"DuckDB: count, mean, deviation, extremes of {COLUMNS} columns": lambda: one_core.execute(
                f"SELECT {what} FROM '{paths[0]}'"  # a path of this script
            ).fetchall(),
            "profiles": profile,
        }
        for name, act in times.items():
            print(f"{name}: {_least(act, runs):.3f} s CPU")
        paths.reverse()
        profile()
        current, reference = sketches[-1], sketches[0]
        past = {(name, test.statistic): [Earlier(0.01, 1e-6)] * 24
                for name in names for test in compare_profiles(reference, current, Monitor())[0].tests}  # fmt: skip
        check = _least(lambda: compare_profiles(reference, current, Monitor(), past=past), runs)
        print(f"check of two windows from profiles, 24 partitions of past: {check * 1000:.1f} ms CPU")


def _least(act: Callable[[], object], runs: int) -> float:
    found = []
    for _ in range(runs):
        begun = time.process_time()
        act()
        found.append(time.process_time() - begun)
    return min(found)


@dataclass(frozen=True)
class BundledSet:
    """A data set of NannyML's wheel, and how it is cut into windows: by a column, or every so many rows."""

    name: str
    numeric: list[str]
    categorical: list[str]
    by: str | None = None
    rows: int = 5000
    mixed_within: str | None = None  # rows come in an order drawn within each value of this column


LOAN = ["salary_range", "repaid_loan_on_prev_car", "size_of_downpayment"]
CENSUS = ["MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY"]
CENSUS += ["DEAR", "DEYE", "DREM", "SEX", "RAC1P", "SCHL"]
SETS = [
    BundledSet("synthetic_car_loan", ["car_value", "debt_to_income_ratio", "loan_length", "driver_tenure"], LOAN),
    BundledSet("employment_MA", ["AGEP"], CENSUS, by="year"),
    BundledSet("employment_MA", ["AGEP"], CENSUS),
    BundledSet("employment_MA", ["AGEP"], CENSUS, mixed_within="year"),
]


def tell_sets(folder: Path) -> None:
    """Print which windows of NannyML's sets alarm, in which columns; windows of the reference are the past."""
    for one in SETS:
        reference, analysis = (_mix(_read(folder, f"{one.name}_{part}"), one) for part in ("reference", "analysis"))
        past = [_profile(chunk, one) for _, chunk in _cut(reference, one)]
        watch = Watch(merge_all(past[: max(1, len(past) // 2)]), Monitor())
        for window in past[max(1, len(past) // 2) :]:
            watch.learn(watch.judge(window)[1])
        watch.reference = merge_all(past)
        order = f", mixed within each {one.mixed_within}" if one.mixed_within else ""
        print(f"{one.name} by {one.by or f'{one.rows} rows'}{order}: {len(past)} windows of reference")
        for begins, chunk in _cut(analysis, one):
            print(f"  from {begins}: {', '.join(watch.watch(_profile(chunk, one))) or 'nothing'}")


def _read(folder: Path, name: str) -> pd.DataFrame:
    path = folder / f"{name}.csv"
    return pd.read_csv(path) if path.exists() else pd.read_parquet(folder / f"{name}.pq")


def _mix(rows: pd.DataFrame, one: BundledSet) -> pd.DataFrame:
    return rows.groupby(one.mixed_within).sample(frac=1.0, random_state=0) if one.mixed_within else rows


def _cut(rows: pd.DataFrame, one: BundledSet) -> Iterator[tuple[object, pd.DataFrame]]:
    if one.by:
        yield from rows.groupby(one.by)
        return
    for start in range(0, len(rows) - one.rows + 1, one.rows):
        chunk = rows.iloc[start : start + one.rows]
        yield chunk["timestamp"].iloc[0] if "timestamp" in chunk else f"row {start}", chunk


def _profile(rows: pd.DataFrame, one: BundledSet) -> Profiles:
    kinds = dict.fromkeys(one.numeric, "numeric") | dict.fromkeys(one.categorical, "categorical")
    table = pa.Table.from_pandas(rows[list(kinds)], preserve_index=False)
    return {name: profile_column(name, table.column(name), kind) for name, kind in kinds.items()}


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, help="simulated windows of each size")
    parser.add_argument("--sizes", default="300,1000,10000,1000000")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the windows that --speed takes")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--nannyml", type=Path, help="folder with NannyML's data sets")
    given = parser.parse_args()
    if given.windows:
        tell_rates([int(size) for size in given.sizes.split(",")], given.windows)
    if given.speed:
        tell_speed(given.rows, given.runs)
    if given.nannyml:
        tell_sets(given.nannyml)


if __name__ == "__main__":
    main()
