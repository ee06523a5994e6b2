"""What a cleaning rule is given and what it gives back: ``(rule, rows, context) -> Cleaned``.

Stays out: any rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from lakemill.config.cleaning import Reference


@dataclass(frozen=True)
class Effect:
    """What a rule did to one column, or to whole rows, for one cause.

    Attributes
    ----------
    column : str
        Empty for whole rows.
    why : str
        The cause in words, without values; what was learnt stands in it.
    cells, dropped, refused, flagged : int
        Cells changed; rows dropped, refused, flagged.
    examples : tuple of str
        At most five, ``before -> after``.
    """

    column: str = ""
    why: str = ""
    cells: int = 0
    dropped: int = 0
    refused: int = 0
    flagged: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Rows that a rule refuses for one reason.

    Attributes
    ----------
    rows : pyarrow.Array of bool
        By row of what the rule was given, no null.
    reason : str
    """

    rows: pa.Array
    reason: str


@dataclass(frozen=True)
class Cleaned:
    """What a rule makes of rows.

    Attributes
    ----------
    rows : pyarrow.Table
        Refused ones among them; without those that were dropped.
    effects : tuple of Effect
        Of causes that something came of.
    refusals : tuple of Refusal
    kept : pyarrow.Array of int64, optional
        Positions of ``rows`` among what the rule was given; None where it drops nothing.
    """

    rows: pa.Table
    effects: tuple[Effect, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    kept: pa.Array | None = None


def _no_past(columns: Sequence[str], partitions: int) -> pa.Table | None:
    return None


def _no_reference(rule: Reference) -> pa.Array:
    return pa.array([], pa.string())


@dataclass(frozen=True)
class Context:
    """What a rule may know beside its rows.

    Attributes
    ----------
    key : tuple of str
    event_time : str
    timezone : str
        The partition's.
    interval : tuple of datetime, optional
        Where event times must lie: the start, and the end that does not belong to it.
    read_past : callable
        ``(columns, partitions)`` -> clean rows of so many partitions before this one, None where there are none.
    read_known : callable
        ``(rule)`` -> the values that a ``reference`` knows, as texts.
    """

    key: tuple[str, ...]
    event_time: str = ""
    timezone: str = "UTC"
    interval: tuple[datetime, datetime] | None = None
    read_past: Callable[[Sequence[str], int], pa.Table | None] = field(default=_no_past)
    read_known: Callable[[Reference], pa.Array] = field(default=_no_reference)
