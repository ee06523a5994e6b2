"""The windows of ``drift.py``, judged by Evidently and NannyML as they are without any setting.

They need an environment of their own, since they ask for other versions than Lakemill:

    python -m venv others && others/bin/pip install evidently nannyml "pandas<3"
    others/bin/python benchmarks/drift_of_others.py --windows 100 [--sizes 300,1000,10000]
    others/bin/python benchmarks/drift_of_others.py --speed

A window alarms where any of its 15 columns does; Evidently's verdict of the whole (half of the columns) stands beside.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # read by nannyml when it is imported

import nannyml
import numpy as np
import pandas as pd
from drift_windows import REFERENCE, SHIFT, draw_columns
from evidently import Report
from evidently.presets import DataDriftPreset


def by_evidently(reference: pd.DataFrame, current: pd.DataFrame) -> list[str]:
    """Return the columns that Evidently's preset finds drifted."""
    metrics = Report([DataDriftPreset()]).run(current, reference).dict()["metrics"]
    found = []
    for metric in metrics[1:]:
        given = metric["config"]
        is_p_value = "p_value" in given["method"]
        value = float(metric["value"])
        if value < given["threshold"] if is_p_value else value >= given["threshold"]:
            found.append(given["column"])
    assert len(found) == int(metrics[0]["value"]["count"]), metrics[0]
    return found


def by_nannyml(reference: pd.DataFrame, current: pd.DataFrame) -> list[str]:
    """Return the columns that NannyML's univariate calculator alarms on, in chunks of the window's size."""
    columns = list(reference.columns)
    calculator = nannyml.UnivariateDriftCalculator(column_names=columns, chunk_size=len(current))
    found = calculator.fit(reference).calculate(current).filter(period="analysis").to_df()
    return [name for name in columns if found[name].xs("alert", axis=1, level=1).any(axis=None)]


TOOLS: dict[str, Callable[[pd.DataFrame, pd.DataFrame], list[str]]] = {"Evidently": by_evidently, "NannyML": by_nannyml}


def tell_rates(sizes: list[int], windows: int) -> None:
    """Print how many windows alarm without drift, and with a shift."""
    print("| tool | rows | windows | alarms, no drift | half of the columns | shift found at once |")
    print("|---|---|---|---|---|---|")
    for rows in sizes:
        for name, tool in TOOLS.items():
            draw = np.random.default_rng(rows)
            reference = pd.DataFrame(draw_columns(draw, rows * REFERENCE))
            quiet = [tool(reference, pd.DataFrame(draw_columns(draw, rows))) for _ in range(windows)]
            shifted = [
                tool(reference, pd.DataFrame(draw_columns(draw, rows, shift=SHIFT))) for _ in range(windows // 4)
            ]
            cells = (sum(map(bool, quiet)) / windows, sum(len(one) >= 8 for one in quiet) / windows,
                     sum("column 0" in one for one in shifted) / len(shifted))  # fmt: skip
            print(f"| {name} | {rows:,} | {windows} |", " | ".join(f"{cell:.1%}" for cell in cells), "|", flush=True)


def tell_speed(rows: int) -> None:
    """Print the CPU time of one check of two windows."""
    draw = np.random.default_rng(0)
    reference, current = (pd.DataFrame(draw_columns(draw, rows)) for _ in range(2))
    for name, tool in TOOLS.items():
        begun = time.process_time()
        tool(reference, current)
        print(f"{name}, two windows of {rows:,} rows: {time.process_time() - begun:.1f} s CPU", flush=True)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int)
    parser.add_argument("--sizes", default="300,1000,10000")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # of NannyML about few chunks, one a column
    if given.windows:
        tell_rates([int(size) for size in given.sizes.split(",")], given.windows)
    if given.speed:
        tell_speed(given.rows)


if __name__ == "__main__":
    main()
