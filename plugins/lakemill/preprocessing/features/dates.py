"""Columns of moments: their parts as numbers, and as points on a circle where they come round.

Stays out: reading moments, which are UTC here.
"""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from lakemill.config.features import Transform

# how many of a part there are, and the first, where it comes round
CYCLES = {
    "month": (12, 1),
    "day": (31, 1),
    "weekday": (7, 0),
    "hour": (24, 0),
    "minute": (60, 0),
    "day_of_year": (366, 1),
}
PANDAS = {"weekday": "day_of_week"}  # as pandas calls it


def transform_dates(settings: Transform, *, timezone: str) -> Pipeline:
    """Return the unfitted transformer of columns of moments.

    Parameters
    ----------
    settings : Transform
    timezone : str
        In which a moment has its hour and its day.

    Returns
    -------
    Pipeline
        Parts, the median in place of missing ones, standardised.
    """
    parts = DateParts(parts=list(settings.parts), cycles=settings.cycles, timezone=timezone)
    return make_pipeline(parts, SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())


class DateParts(TransformerMixin, BaseEstimator):
    """Makes moments into parts; nothing is learnt.

    Parameters
    ----------
    parts : list of str
        As in a workflow file.
    cycles : bool
        Whether sine and cosine stand beside parts that come round.
    timezone : str

    Examples
    --------
    >>> moments = pd.DataFrame({"at": pd.to_datetime(["2024-07-01 22:30", None])})
    >>> DateParts(parts=["hour", "weekday"], cycles=False, timezone="Europe/Berlin").fit_transform(moments).tolist()
    [[0.0, 1.0, 0.0], [nan, nan, 1.0]]
    """

    def __init__(self, parts: list[str] | None = None, cycles: bool = True, timezone: str = "UTC") -> None:
        self.parts = parts
        self.cycles = cycles
        self.timezone = timezone

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn nothing but the names of the columns."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return, for each column, its parts, their cycles, and whether the moment is missing."""
        columns = []
        for name in X.columns:
            moments = pd.to_datetime(X[name]).dt.tz_localize("UTC").dt.tz_convert(self.timezone)
            for part in self.parts or ():
                values = getattr(moments.dt, PANDAS.get(part, part)).to_numpy(dtype="float64", na_value=np.nan)
                columns.append(values)
                if self.cycles and part in CYCLES:
                    count, first = CYCLES[part]
                    angle = 2 * np.pi * (values - first) / count
                    columns += [np.sin(angle), np.cos(angle)]
            columns.append(moments.isna().to_numpy(dtype="float64"))
        return np.column_stack(columns)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the parts."""
        names = []
        for name in self.feature_names_in_:
            for part in self.parts or ():
                cycles = ["_sin", "_cos"] if self.cycles and part in CYCLES else []
                names += [f"{name}_{part}{ending}" for ending in ["", *cycles]]
            names.append(f"{name}_missing")
        return np.asarray(names, dtype=object)
