"""Three hundred damaged inputs of every kind of source: no error, no good row lost, a reason for all that is bad.

They are made by `damage_for_tests`; other seeds and numbers are tried with LAKEMILL_DAMAGE_SEED and LAKEMILL_DAMAGE_COUNT.
"""

import json
import os
from collections import defaultdict
from datetime import datetime, timezone
from typing import Any

import pytest
from damage_for_tests import FILES, LARGEST, LONGEST_LINE, NAMES, ROWS, WRITERS, find_wrong, make_files, make_rows

from lakemill.collection import collect_source
from lakemill.config import Workflow
from lakemill.lake import Lake

SEED = int(os.environ.get("LAKEMILL_DAMAGE_SEED", "1"))
COUNT = int(os.environ.get("LAKEMILL_DAMAGE_COUNT", "300"))
NOW = datetime(2024, 3, 9, tzinfo=timezone.utc)
DAYS = ("2024-03-01", "2024-03-02", "2024-03-03")


def make_parcels(**source: Any) -> Workflow:
    return Workflow.model_validate(
        {
            "workflow": "parcels",
            "description": "What does it cost?",
            "partition": {"every": "day", "start": "2024-03-01"},
            "collect": {"parcels": source},
            "table": {
                "key": ["id"],
                "event_time": "at",
                "label": {"column": "price", "problem": "regression"},
            },
            "features": {"text": ["note"]},
            "train": {
                "metric": "mean_absolute_error",
                "candidates": {"plain": {"estimator": "sklearn.linear_model.LinearRegression"}},
            },
        }
    )


def read_lake(lake: Lake) -> tuple[dict[str, list[tuple]], dict[str, list[str]]]:
    """Rows and reasons by the name of the file that they came in; of an archive, of the archive."""
    rows, reasons = defaultdict(list), defaultdict(list)
    for row in lake.read("raw_parcels").to_pylist():
        rows[row["source_file"].split("/")[2]].append(tuple(row.get(name) for name in NAMES))
    refused = lake.read("quarantine")
    for row in refused.to_pylist() if refused is not None else []:
        reasons[json.loads(row["row"])["source_file"].split("/")[2]] += row["reasons"]
    return rows, reasons


@pytest.mark.parametrize("form", FILES)
def test_of_damaged_files_nothing_good_is_lost_and_all_that_is_bad_is_refused(form, lake, tmp_path):
    damaged = list(make_files(form, COUNT, SEED))
    good: dict[str, list] = {}
    for number, day in enumerate(DAYS):  # the first gives the table its columns, the last has nothing damaged
        (tmp_path / "in" / day).mkdir(parents=True)
        for one in damaged[number * COUNT // 2 : (number + 1) * COUNT // 2]:
            (tmp_path / "in" / day / one.name).write_bytes(one.content)
        for place in range(0, COUNT // 2 if number < 2 else 1, 15):
            name = f"{number * COUNT // 2 + place:03}_good.{form}"
            good[name] = make_rows(1_000_000 + ROWS * len(good))
            (tmp_path / "in" / day / name).write_bytes(WRITERS[form](good[name]))
    parcels = make_parcels(path="in/{partition}/*", largest=LARGEST, longest_line=LONGEST_LINE)

    for day in DAYS:
        collect_source(parcels, "parcels", day, lake, project=tmp_path, ingested_at=NOW, connections=None)

    rows, reasons = read_lake(lake)
    assert {name: rows[name] for name in good} == good
    assert not set(reasons) & set(good)
    wrong = {one.name: find_wrong(one, rows[one.name], reasons[one.name]) for one in damaged}
    assert {name: said for name, said in wrong.items() if said} == {}
    if form not in ("ndjson", "json"):  # whose rows may have any field in a first delivery
        assert set(lake.read("raw_parcels").column_names) <= {
            *NAMES,
            "partition",
            "source_file",
            "source_row",
            "delivery",
            "ingested_at",
        }
