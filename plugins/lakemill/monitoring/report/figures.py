"""How a report writes figures.

Stays out: what they mean.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo


def format_number(value: float | None) -> str:
    """Return a score or an effect; nothing where it is not known."""
    return "" if value is None else f"{value:.4f}"


def format_value(value: float) -> str:
    """Return a column's value with as many digits as one reads.

    Examples
    --------
    >>> [format_value(value) for value in (1234567.0, 41.98, 0.00012, 10.000000000000002)]
    ['1,234,567', '41.98', '0.00012', '10']
    """
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"


def format_interval(low: float | None, high: float | None) -> str:
    """Return an interval; nothing where it is not known."""
    return "" if low is None or high is None else f"{low:.4f} to {high:.4f}"


def format_p_value(value: float | None) -> str:
    """Return a p-value; nothing where there is none."""
    return "" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def format_span(keys: Sequence[str]) -> str:
    """Return which partitions some are.

    Examples
    --------
    >>> format_span(["2013-01", "2013-02"])
    '2013-01 to 2013-02 (2 partitions)'
    """
    if not keys:
        return "no partition"
    return keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]} ({len(keys)} partitions)"


def format_moment(at: datetime, zone: ZoneInfo) -> str:
    """Return a moment by the clock of a time zone."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def shorten(text: str, letters: int) -> str:
    """Return a text with its middle left out where it has more letters: names often differ at their ends.

    Examples
    --------
    >>> shorten("category with a long name 12", 11)
    'categ…me 12'
    """
    half = (letters - 1) // 2
    return text if len(text) <= letters else f"{text[: letters - 1 - half]}…{text[-half:]}"
