"""Numeric columns: imputed, told where they were missing, scaled.

Stays out: reading numbers (``frames.py``).
"""

from collections.abc import Callable
from typing import Any

from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from lakemill.config.features import Transform

SCALERS: dict[str, Callable[[int], Any]] = {
    "standard": lambda seed: StandardScaler(),
    "min_max": lambda seed: MinMaxScaler(),
    "robust": lambda seed: RobustScaler(),
    "quantile": lambda seed: QuantileTransformer(
        n_quantiles=100, output_distribution="normal", subsample=None, random_state=seed
    ),
    "power": lambda seed: PowerTransformer(),
    "unit_norm": lambda seed: Normalizer(),
}


def transform_numbers(settings: Transform, *, seed: int) -> Any:
    """Return the unfitted transformer of numeric columns.

    Parameters
    ----------
    settings : Transform
    seed : int

    Returns
    -------
    Pipeline, FeatureUnion or "passthrough"
        First the numbers, then an indicator for each column that had missing values in training.
    """
    scaler = [SCALERS[settings.scale](seed)] if settings.scale != "none" else []
    if settings.scale == "standard" and settings.impute != "none":  # the indicators are standardised with the numbers
        return make_pipeline(_impute(settings, indicator=settings.indicator), *scaler)
    imputer = [_impute(settings, indicator=False)] if settings.impute != "none" else []
    numbers = make_pipeline(*imputer, *scaler) if imputer or scaler else "passthrough"
    if not settings.indicator:
        return numbers
    missing = MissingIndicator(features="missing-only", error_on_new=False)
    return FeatureUnion([("numbers", numbers), ("missing", missing)])


def _impute(settings: Transform, *, indicator: bool) -> SimpleImputer:
    fill = settings.fill if settings.impute == "constant" else None
    return SimpleImputer(strategy=settings.impute, fill_value=fill, add_indicator=indicator, keep_empty_features=True)
