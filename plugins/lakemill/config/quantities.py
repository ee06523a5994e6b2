"""Small quantities as people write them in a workflow file: ``1 day``, ``15 %``, ``2013-01``.

Stays out: what they are used for.
"""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

UNITS = {
    "millisecond": timedelta(milliseconds=1),
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}


def read_duration(value: Any) -> timedelta:
    """Read ``2 hours`` and the like.

    Parameters
    ----------
    value : str or timedelta

    Returns
    -------
    timedelta

    Raises
    ------
    ValueError
        If it is not a number and a unit, or longer than a timedelta can be.

    Examples
    --------
    >>> read_duration("1 day")
    datetime.timedelta(days=1)
    """
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*", str(value))
    if not match or match[2] not in UNITS:
        raise ValueError(f"must be a number and one of {', '.join(UNITS)}, like '1 day'; got {value!r}")
    try:
        return float(match[1]) * UNITS[match[2]]
    except OverflowError:
        raise ValueError(f"must be less than a billion days; got {value!r}") from None


def read_share(value: Any) -> float:
    """Read ``15 %`` or ``0.15``.

    Parameters
    ----------
    value : str or float

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If it is no share.

    Examples
    --------
    >>> read_share("15 %"), read_share(0.2)
    (0.15, 0.2)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", str(value))
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"must be a share like '15 %' or 0.15; got {value!r}")
    return share


BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def read_byte_size(value: Any) -> int:
    """Read ``16 MB`` or a number of bytes.

    Parameters
    ----------
    value : str or int

    Returns
    -------
    int
        Above 0.

    Raises
    ------
    ValueError
        If it is no size.

    Examples
    --------
    >>> read_byte_size("1.5 kB"), read_byte_size(20)
    (1500, 20)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(value))
    size = int(float(match[1]) * BYTES.get(match[2] or "B", 0)) if match else 0
    if size < 1:
        raise ValueError(f"must be a number and one of {', '.join(BYTES)}, like '16 MB'; got {value!r}")
    return size


ByteSize = Annotated[int, BeforeValidator(read_byte_size, json_schema_input_type=int | str)]
Duration = Annotated[timedelta, BeforeValidator(read_duration, json_schema_input_type=str)]
Share = Annotated[float, BeforeValidator(read_share, json_schema_input_type=float | str)]
Confidence = Annotated[Share, Field(gt=0, lt=1)]
