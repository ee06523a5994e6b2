"""The workflow ``meters``: readings of two meters in three days, recorded in files and replayed through a broker."""

from pathlib import Path

import numpy as np
import pandas as pd
import problems

DAYS = ("2024-05-01", "2024-05-02", "2024-05-03")
READINGS = 120  # a day


def make_readings(day: str, count: int, *, first: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng([first, *day.encode()])
    load = draw.normal(size=count).round(3)
    minutes = pd.to_timedelta(np.arange(first, first + count) * 5, unit="min")
    return pd.DataFrame(
        {
            "meter": np.where(np.arange(count) % 2, "north", "south"),
            "at": (pd.Timestamp(day) + minutes).strftime("%Y-%m-%d %H:%M:%S"),
            "load": load,
            "peak": (load + draw.normal(0, 0.3, count) > 0).astype(int),
        }
    )


def write_meters(project: Path) -> None:
    for day in DAYS:
        make_readings(day, READINGS).to_csv(project / f"include/data/meters_{day}.csv", index=False)
    problems.write_workflow(
        project,
        {
            "workflow": "meters",
            "description": "Is it a peak?",
            "partition": {"every": "day", "start": DAYS[0], "end": DAYS[-1]},
            "collect": {
                "meters": {
                    "kind": "mqtt",
                    "topic": "plant/{meter}/load",
                    "event_time": "at",
                    "key": ["meter", "at"],
                    "types": {"load": "number"},
                    "replay": {"path": "include/data/meters_{partition}.csv", "topic": "plant/{meter}/load"},
                }
            },
            "table": {
                "key": ["meter", "at"],
                "event_time": "at",
                "label": {"column": "peak", "problem": "classification"},
            },
            "features": {"numeric": ["load"], "categorical": ["meter"]},
            "train": {"metric": "roc_auc", "candidates": {"logistic": problems.LOGISTIC}, "budget": {"trials": 2}},
            "monitor": {"rows": 1000},
        },
    )
