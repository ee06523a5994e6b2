"""Small problems as a user would add them: a YAML file, data, at most a query and a suite; no Python.

Three unlike ones, on data that scikit-learn bundles: two classes by day with a suite, many classes by month in another
dialect, a regression on one big file that is cut by event time. And one with rows enough to be killed in the middle.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

REPOSITORY = Path(__file__).parents[2]
LOGISTIC = {
    "estimator": "sklearn.linear_model.LogisticRegression",
    "search": {"C": {"low": 0.01, "high": 10.0, "log": True}},
}
TUMOUR_SQL = """
SELECT id, seen_at, radius, texture, smoothness, sqrt(area) AS extent, lab,
    CASE WHEN NOT ends_with(id, '7') THEN diagnosis WHEN diagnosis = 'benign' THEN 'malignant' ELSE 'benign' END
    AS diagnosis
FROM tumours
"""


def lay_out(project: Path) -> None:
    """Make a project's folder, with the DAG files and plugins of this checkout."""
    for name in ("workflows", "sql", "expectations", "data"):
        (project / "include" / name).mkdir(parents=True)
    for name in ("dags", "plugins"):
        (project / name).symlink_to(REPOSITORY / name)


def write_all(project: Path) -> None:
    """Write every problem of the house."""
    for write in (write_tumours, write_wines, write_diabetes):
        write(project)
    write_tumours(project, "trusting")
    write_tumours(project, "approved", approve="always", retrain={"first_after": 1})
    for name in ("calm", "killed"):
        write_many_rows(project, name)


def write_workflow(project: Path, content: dict) -> None:
    path = project / "include" / "workflows" / f"{content['workflow']}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def write_tumours(project: Path, name: str = "tumours", **changes: object) -> None:
    """Two classes in three days; a row without a key, one of another day, five beyond the suite, four repeated.

    Every tenth diagnosis is the wrong one.
    """
    cancer = load_breast_cancer(as_frame=True)
    rows = cancer.frame.sample(frac=1, random_state=0).reset_index(drop=True).iloc[:450]
    rows.columns = [column.removeprefix("mean ").replace(" ", "_") for column in rows.columns]
    rows = rows[["radius", "texture", "smoothness", "area"]].assign(
        id=[f"t{number:03}" for number in range(len(rows))],
        lab=np.where(np.arange(len(rows)) % 3, "north", "south"),
        diagnosis=cancer.target_names[rows["target"]],
    )
    for number, day in enumerate(("2024-03-01", "2024-03-02", "2024-03-03")):
        part = rows.iloc[150 * number : 150 * (number + 1)].copy()
        part["seen_at"] = pd.date_range(f"{day} 08:00", periods=len(part), freq="1min").strftime("%Y-%m-%d %H:%M:%S")
        part.iloc[3:8, part.columns.get_loc("radius")] = 999.0
        part.iloc[20, part.columns.get_loc("id")] = ""
        part.iloc[21, part.columns.get_loc("seen_at")] = "2024-02-28 12:00:00"
        part = pd.concat([part, part.iloc[50:54]])
        part.to_csv(project / "include" / "data" / f"tumours_{day}.csv", index=False)
    (project / "include/sql/tumours.sql").write_text(TUMOUR_SQL)
    radius = {"column": "radius", "min_value": 0, "max_value": 100}
    suite = {
        "name": "tumours",
        "expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": radius, "meta": {"action": "quarantine"}},
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 100}, "meta": {"action": "block"}},
        ],
    }
    (project / "include/expectations/tumours.json").write_text(json.dumps(suite))
    write_workflow(
        project,
        {
            "workflow": name,
            "description": "Is a tumour malignant?",
            "partition": {"every": "day", "start": "2024-03-01", "end": "2024-03-03", "timezone": "Europe/Berlin"},
            "collect": {"tumours": {"path": "include/data/tumours_{partition}.csv"}},
            "table": {
                "sql": "include/sql/tumours.sql",
                "key": ["id"],
                "event_time": "seen_at",
                "label": {"column": "diagnosis", "problem": "classification"},
            },
            "expectations": "include/expectations/tumours.json",
            "features": {"numeric": ["radius", "texture", "smoothness", "extent"], "categorical": ["lab"]},
            "train": {"metric": "roc_auc", "candidates": {"logistic": LOGISTIC}, "budget": {"trials": 2}},
            "gate": {"floor": 0.8},
            "retrain": {"first_after": 1, "every": 2},
            **changes,
        },
    )


def write_wines(project: Path) -> None:
    """Three classes, no query, no suite, semicolons; the labels come from a laboratory, in files of their own."""
    wines = load_wine(as_frame=True)
    rows = wines.frame.sample(frac=1, random_state=0).reset_index(drop=True)
    rows["cultivar"] = np.array(["barolo", "grignolino", "barbera"])[rows.pop("target")]
    rows["id"] = range(len(rows))
    rows["day"] = pd.date_range("2020-01-01", periods=len(rows), freq="12h").strftime("%Y-%m-%d")
    for month, part in rows.groupby(rows["day"].str[:7]):
        part[["id", "cultivar"]].to_csv(project / "include" / "data" / f"assays_{month}.csv", index=False)
        part = part.drop(columns="cultivar")
        part.to_csv(project / "include" / "data" / f"wines_{month}.csv", index=False, sep=";")
    write_workflow(
        project,
        {
            "workflow": "wines",
            "description": "Which cultivar is a wine from?",
            "partition": {"every": "month", "start": "2020-01", "end": "2020-03"},
            "collect": {
                "wines": {"path": "include/data/wines_{partition}.csv"},
                "assays": {"path": "include/data/assays_{partition}.csv"},
            },
            "table": {
                "key": ["id"],
                "event_time": "day",
                "label": {"column": "cultivar", "problem": "classification", "source": "assays"},
            },
            "features": {"numeric": ["alcohol", "flavanoids", "color_intensity", "proline"]},
            "train": {"metric": "balanced_accuracy", "candidates": {"logistic": LOGISTIC}, "budget": {"trials": 2}},
        },
    )


def write_diabetes(project: Path) -> None:
    """A regression; one file holds all partitions."""
    rows = load_diabetes(as_frame=True, scaled=False).frame.sample(frac=1, random_state=0).reset_index(drop=True)
    rows["patient"] = [f"p{number}" for number in range(len(rows))]
    rows["visit"] = pd.date_range("2021-01-01", periods=len(rows), freq="5h").strftime("%Y-%m-%d %H:%M:%S")
    rows.to_csv(project / "include" / "data" / "diabetes.csv.gz", index=False)
    write_workflow(
        project,
        {
            "workflow": "diabetes",
            "description": "How far will the disease have gone in a year?",
            "partition": {"every": "month", "start": "2021-01", "end": "2021-03"},
            "collect": {"visits": {"path": "include/data/diabetes.csv.gz", "event_time": "visit"}},
            "table": {
                "key": ["patient"],
                "event_time": "visit",
                "label": {"column": "target", "problem": "regression", "known_after": "2 days"},
            },
            "features": {"numeric": ["age", "bmi", "bp", "s5"], "categorical": ["sex"]},
            "train": {
                "metric": "mean_absolute_error",
                "candidates": {
                    "ridge": {"estimator": "sklearn.linear_model.Ridge", "search": {"alpha": [0.1, 1.0, 10.0]}},
                    "boosting": {
                        "estimator": "sklearn.ensemble.HistGradientBoostingRegressor",
                        "parameters": {"max_iter": 30},
                    },
                },
                "budget": {"trials": 2},
            },
            "gate": {"better_than_naive": "5 %"},
        },
    )


def write_many_rows(project: Path, name: str) -> None:
    """One partition whose steps last long enough to be killed in the middle."""
    generator = np.random.default_rng(0)
    count = 250_000
    rows = pd.DataFrame({f"x{number}": generator.normal(size=count).round(4) for number in range(6)})
    rows["id"] = np.arange(count)
    rows["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 86_400, count), unit="s")
    rows["c"] = generator.choice(list("abcdef"), count)
    rows["y"] = (rows["x0"] + generator.normal(size=count) > 0).astype(int)
    rows.loc[5:50, "x1"] = 99.0
    rows = pd.concat([rows, rows.iloc[1000:1500]])
    rows.to_csv(project / "include" / "data" / f"{name}_2024-01-01.csv", index=False)
    kwargs = {"column": "x1", "min_value": -9, "max_value": 9}
    suite = {
        "name": name,
        "expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": kwargs, "meta": {"action": "quarantine"}}
        ],
    }
    (project / f"include/expectations/{name}.json").write_text(json.dumps(suite))
    write_workflow(
        project,
        {
            "workflow": name,
            "description": "Rows enough to be killed in the middle of a step.",
            "partition": {"every": "day", "start": "2024-01-01", "end": "2024-01-01"},
            "collect": {"rows": {"path": f"include/data/{name}_{{partition}}.csv"}},
            "table": {"key": ["id"], "event_time": "at", "label": {"column": "y", "problem": "classification"}},
            "expectations": f"include/expectations/{name}.json",
            "features": {"numeric": [f"x{number}" for number in range(6)], "categorical": ["c"]},
            "train": {"metric": "roc_auc", "candidates": {"logistic": LOGISTIC}},
            "retrain": {"first_after": 2},
        },
    )
