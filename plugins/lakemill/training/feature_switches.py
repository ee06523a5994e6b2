"""What a model's parameters say of its features: groups that are switched off, and single ones that were left out.

Stays out: who decides so (tuning, ``registry.feature_selection``).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from lakemill.config.features import WITHOUT, Features
from lakemill.config.training import SWITCH

LEFT_OUT = f"{SWITCH}{WITHOUT}"


def of_estimator(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are the estimator's.

    Examples
    --------
    >>> of_estimator({"C": 1.0, "features.weather": False})
    {'C': 1.0}
    """
    return {name: value for name, value in parameters.items() if not name.startswith(SWITCH)}


def find_left_out(features: Features, parameters: Mapping[str, Any]) -> frozenset[str]:
    """Return the features that a model with these parameters has not.

    Parameters
    ----------
    features : Features
    parameters : mapping of str to object
        ``features.<group>`` False leaves out a group, ``features.without`` names single ones.

    Returns
    -------
    frozenset of str

    Examples
    --------
    >>> features = Features(numeric=("temp", "wind", "hour"), groups={"weather": ("temp", "wind")})
    >>> sorted(find_left_out(features, {"C": 1.0, "features.weather": False}))
    ['temp', 'wind']
    >>> sorted(find_left_out(features, {"features.weather": True, "features.without": ["hour"]}))
    ['hour']
    """
    off = (group for group in features.groups if parameters.get(f"{SWITCH}{group}") is False)
    named = (name for group in off for name in features.columns_of(group))
    return frozenset({*named, *parameters.get(LEFT_OUT, ())}) & frozenset(features.columns)


def without_single(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a trial tried: single features are left out after the trials."""
    return {name: value for name, value in parameters.items() if name != LEFT_OUT}


def leave_out(parameters: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return parameters of a model without some more features."""
    return {**parameters, LEFT_OUT: sorted({*parameters.get(LEFT_OUT, ()), *names})}


def turn(parameters: Mapping[str, Any], group: str, *, on: bool) -> dict[str, Any]:
    """Return parameters of a model with a group of features, or without it."""
    return {**parameters, f"{SWITCH}{group}": on}
