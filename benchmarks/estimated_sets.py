"""NannyML's bundled data sets with labels in both periods, as both sides of ``estimated.py`` read them.

Stays out: estimating.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class BundledSet:
    """A data set of NannyML's wheel: its files, its columns, how it is cut into windows and what is compared."""

    name: str
    files: tuple[str, str, str]
    label: str
    predicted: str
    numeric: list[str]
    categorical: list[str] = field(default_factory=list)
    probabilities: dict[str, str] = field(default_factory=dict)  # column by class; of two classes the second's
    problem: str = "classification"
    rows: int = 5000

    @property
    def compared(self) -> tuple[str, ...]:
        """Metrics that both estimate alike; NannyML's F1 is that of one class where there are two."""
        if self.problem == "regression":
            return "mean_absolute_error", "root_mean_squared_error"
        two = len(self.probabilities) == 1
        return ("roc_auc", "accuracy", "average_precision") if two else ("roc_auc", "accuracy", "f1_macro")


CENSUS = ["MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE", "DREM", "SEX", "RAC1P"]
LOAN = ["salary_range", "repaid_loan_on_prev_car", "size_of_downpayment"]
SCORE = {"1": "y_pred_proba"}


def _name(stem: str, *, ends: str = ".csv", target: str) -> tuple[str, str, str]:
    return f"{stem}_reference{ends}", f"{stem}_analysis{ends}", f"{stem}_analysis_{target}{ends}"


SETS = [
    BundledSet("synthetic car loan", _name("synthetic_car_loan", target="target"), "repaid", "y_pred",
               ["car_value", "debt_to_income_ratio", "loan_length", "driver_tenure"], LOAN, SCORE),
    BundledSet("census employment", _name("employment_MA", ends=".pq", target="target"), "employed", "prediction",
               ["AGEP"], [*CENSUS, "SCHL"], {"1": "predicted_probability"}),
    BundledSet("synthetic sample", _name("synthetic_sample", target="gt"), "work_home_actual", "y_pred",
               ["distance_from_office", "gas_price_per_litre", "public_transportation_cost", "tenure"],
               ["salary_range", "wfh_prev_workday", "workday"], SCORE),
    BundledSet("california housing", _name("california_housing", target="gt"), "clf_target", "y_pred",
               ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"],
               [], SCORE, rows=1000),
    BundledSet("credit cards, 3 classes", _name("mc", target="gt"), "y_true", "y_pred",
               ["app_behavioral_score", "requested_credit_limit", "credit_bureau_score", "stated_income"],
               ["acq_channel", "app_channel", "is_customer"],
               {name: f"y_pred_proba_{name}" for name in ("highstreet_card", "prepaid_card", "upmarket_card")}),
    BundledSet("used cars, a regression", _name("regression_synthetic", target="targets"), "y_true", "y_pred",
               ["car_age", "km_driven", "price_new", "accident_count", "door_count"], ["fuel", "transmission"],
               problem="regression"),
]  # fmt: skip


def read_set(folder: Path, one: BundledSet) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of both periods, the labels joined."""
    reference, analysis, labels = (_read(folder / name) for name in one.files)
    analysis = analysis.drop(columns=one.label, errors="ignore").merge(labels[["id", one.label]], on="id")
    return tuple(rows.dropna(subset=[one.label]).reset_index(drop=True) for rows in (reference, analysis))


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
