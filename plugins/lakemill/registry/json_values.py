"""Results as JSON values, for XCom, documents and verdicts.

Stays out: which of them are kept.
"""

import dataclasses
import math
from typing import Any

import numpy as np


def make_plain(value: Any) -> Any:
    """Return dataclasses as dicts, tuples as lists, and a figure that is not finite as None, since JSON has no NaN.

    Parameters
    ----------
    value : object
        Frozen values, and what they are made of.

    Returns
    -------
    object

    Examples
    --------
    >>> make_plain({"scores": (0.5, float("nan")), "count": np.int64(3)})
    {'scores': [0.5, None], 'count': 3}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: make_plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: make_plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [make_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
