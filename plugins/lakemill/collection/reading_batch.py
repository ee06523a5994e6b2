"""Readings on their way into a table, each with the message that it came in; what is refused leaves with its reason.

Values become texts: numbers as they were written, nested ones their JSON text. Stays out: which reading is refused, and
how messages are written.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import pyarrow as pa

from lakemill.collection.delivery import LONGEST_TEXT, Refused

DEEPEST = 100  # levels of nested values
LONGEST_REASON = 300


class Message(NamedTuple):
    """A message as it came.

    Attributes
    ----------
    topic : str
    payload : bytes
    received_at : datetime
        With a time zone.
    """

    topic: str
    payload: bytes
    received_at: datetime


class ReadingBatch:
    """Readings of a micro-batch.

    Attributes
    ----------
    rows : list of dict
        Values by field, as `decode_json` gives them.
    origins : list of (Message, int)
        For each row its message, and its number in it from 1.
    refused : list of (datetime, Refused)
        With when it was received.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.origins: list[tuple[Message, int]] = []
        self.refused: list[tuple[datetime, Refused]] = []

    def add(self, message: Message, number: int, row: dict[str, Any]) -> None:
        """Take a reading."""
        self.rows.append(row)
        self.origins.append((message, number))

    def refuse(self, message: Message, reason: str, number: int | None = None, text: str | None = None) -> None:
        """Take what is no reading: a message, or one entry of it with its text."""
        shown = message.payload[: 4 * LONGEST_TEXT].decode("utf-8", "replace") if text is None else text
        one = Refused(_writable(reason)[:LONGEST_REASON], message.topic, number, _writable(shown)[:LONGEST_TEXT])
        self.refused.append((message.received_at, one))

    def refuse_row(self, place: int, reason: str) -> None:
        """Refuse a row; it stays in place."""
        message, number = self.origins[place]
        self.refuse(message, reason, number, show(self.rows[place]))

    def drop(self, judge: Callable[[dict[str, Any]], str | None]) -> None:
        """Refuse and remove the rows for which there is a reason."""
        self.drop_rows({place: reason for place, row in enumerate(self.rows) if (reason := judge(row)) is not None})

    def drop_rows(self, reasons: dict[int, str]) -> None:
        """Refuse and remove rows, by place."""
        for place, reason in reasons.items():
            self.refuse_row(place, reason)
        kept = [place for place in range(len(self.rows)) if place not in reasons]
        self.rows, self.origins = [self.rows[place] for place in kept], [self.origins[place] for place in kept]

    def rename(self, names: Mapping[str, str]) -> None:
        """Give fields other names, in the rows that have them."""
        if names:
            self.rows = [{names.get(name, name): value for name, value in row.items()} for row in self.rows]

    def as_columns(self) -> dict[str, pa.Array]:
        """Return the rows' values as texts by field; rows with values that are none are refused and removed."""
        try:
            return self._as_columns()
        except (RecursionError, UnicodeEncodeError):
            self.drop(_find_unwritable)
            return self._as_columns()

    def _as_columns(self) -> dict[str, pa.Array]:
        names = dict.fromkeys(chain.from_iterable(self.rows))
        return {name: _as_texts([row.get(name) for row in self.rows]) for name in names}


class _Literal(str):
    """A number as it was written."""

    __slots__ = ()


def _no_value(name: str) -> None:
    """Read NaN and Infinity, which JSON lacks but many write, as no value."""


_DECODER = json.JSONDecoder(parse_float=_Literal, parse_int=_Literal, parse_constant=_no_value)


def decode_json(text: str) -> Any:
    """Read JSON; numbers keep how they were written.

    Parameters
    ----------
    text : str

    Raises
    ------
    ValueError
        If it is none.
    RecursionError
        If it is nested too deep for Python.
    """
    return _DECODER.decode(text)


def as_text(value: Any) -> str | None:
    """Return a value of `decode_json` as text: a nested one as JSON.

    Examples
    --------
    >>> [as_text(value) for value in decode_json('["a", 1.50, true, null, {"b": [2]}]')]
    ['a', '1.50', 'true', None, '{"b": [2]}']

    Raises
    ------
    RecursionError
        If it is nested more than `DEEPEST` levels.
    """
    return value if value is None or isinstance(value, str) else _as_json(value)


def show(value: Any) -> str:
    """Return a value of `decode_json` as people should see it when it is refused."""
    try:
        return _as_json(value)
    except RecursionError:
        return "(nested too deep to be shown)"


def _as_texts(values: list[Any]) -> pa.Array:
    if not set(map(type, values)) <= {str, _Literal, type(None)}:
        values = [as_text(value) for value in values]
    return pa.array(values, pa.string())


def _as_json(value: Any, depth: int = 0) -> str:
    if depth > DEEPEST:
        raise RecursionError
    if isinstance(value, _Literal):
        return value
    if isinstance(value, dict):
        parts = (f"{json.dumps(name, ensure_ascii=False)}: {_as_json(one, depth + 1)}" for name, one in value.items())
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join([_as_json(one, depth + 1) for one in value]) + "]"
    return json.dumps(value, ensure_ascii=False)


def _find_unwritable(row: dict[str, Any]) -> str | None:
    try:
        for value in row.values():
            (as_text(value) or "").encode()
    except RecursionError:
        return "nested too deep"
    except UnicodeEncodeError:
        return "has half of a surrogate pair"
    return None


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
