"""Texts in mixed formats read as moments in UTC, with the hours that come twice a year and never.

Stays out: what a moment should be.
"""

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import Dates
from lakemill.preprocessing.cleaning.cells import (
    are_set,
    as_texts,
    combine,
    count,
    handle,
    merge,
    put_column,
    show_examples,
)
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect

INSTANT = pa.timestamp("us", "UTC")
LOCAL = pa.timestamp("us")
WITH_ZONE = r"[T\s]\d{2}:?\d{2}.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
PLAIN = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})?)?$"
YEAR_1, YEAR_9999 = -62135510400.0, 253402128000.0  # in seconds since 1970, a day within
TWICE, NEVER = "a local time that comes twice", "a local time that never comes"


def read_dates(rule: Dates, rows: pa.Table, context: Context) -> Cleaned:
    """Read texts as moments in UTC; times without a zone are in the rule's, else in the partition's."""
    zone = rule.timezone or context.timezone
    parts = []
    for name in rule.columns:
        part = _read_column(rule, rows, name, zone)
        rows = part.rows
        parts.append(part)
    return merge(parts, rows)


def _read_column(rule: Dates, rows: pa.Table, name: str, zone: str) -> Cleaned:
    column = rows.column(name)
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return Cleaned(put_column(rows, name, column.cast(INSTANT, safe=False)))
    plain: pa.Array | None = None
    if pa.types.is_temporal(column.type):
        aware, local = pa.nulls(len(column), INSTANT), combine(column.cast(LOCAL, safe=False))
    else:
        texts = as_texts(column)
        encoded = combine(texts.dictionary_encode())
        found_aware, found_local = parse_dates(encoded.dictionary, rule.all_formats)
        aware, local = found_aware.take(encoded.indices), found_local.take(encoded.indices)
        plain = are_set(pc.match_substring_regex(texts, PLAIN))
    instants, twice, never = localise(local, zone, ambiguous=rule.ambiguous, nonexistent=rule.nonexistent)
    instants = pc.coalesce(aware, instants)
    settled = put_column(rows, name, instants)
    parts = []
    read = pc.or_(pc.is_valid(aware), pc.is_valid(local))
    bad = pc.and_(pc.is_valid(column), pc.invert(read))
    for mask, action, why in (
        (bad, rule.unreadable, "cannot be read as a date"),
        (twice, rule.ambiguous, TWICE),
        (never, rule.nonexistent, NEVER),
    ):
        if action in ("quarantine", "missing"):
            parts.append(handle(rows, name, mask, action=action, why=why))
        elif found := count(mask):
            examples = show_examples(column, instants, are_set(mask))
            parts.append(Cleaned(rows, (Effect(name, f"{why}: the {action} taken", cells=found, examples=examples),)))
    if plain is not None:
        changed = are_set(pc.and_(pc.is_valid(instants), pc.invert(plain)))
        if cells := count(changed):
            done = Effect(name, "read as a date", cells=cells, examples=show_examples(column, instants, changed))
            parts.insert(0, Cleaned(rows, (done,)))
    return merge(parts, settled)


def parse_dates(texts: pa.Array, formats: tuple[str, ...]) -> tuple[pa.Array, pa.Array]:
    """Read texts by the first format that fits.

    Parameters
    ----------
    texts : pyarrow.Array of string
    formats : tuple of str
        strptime's, or ``iso``, ``seconds``, ``milliseconds``.

    Returns
    -------
    aware : pyarrow.Array of timestamp[us, UTC]
        Where the text says its zone.
    local : pyarrow.Array of timestamp[us]
        Where it does not.

    Examples
    --------
    >>> aware, local = parse_dates(pa.array(["31.01.2013", "2013-01-31T10:00Z", "?"]), ("iso", "%d.%m.%Y"))
    >>> local[0].as_py().isoformat(), aware[1].as_py().isoformat(), local[2].as_py()
    ('2013-01-31T00:00:00', '2013-01-31T10:00:00+00:00', None)
    """
    texts = pc.utf8_trim_whitespace(texts)
    aware, local = pa.nulls(len(texts), INSTANT), pa.nulls(len(texts), LOCAL)
    for pattern in formats:
        is_open = pc.and_(pc.is_null(aware), pc.is_null(local))
        if not count(is_open):
            break
        left = pc.if_else(is_open, texts, pa.scalar(None, pa.string()))
        has_zone = are_set(pc.match_substring_regex(left, WITH_ZONE)) if pattern == "iso" else None
        for is_aware in (True, False):
            if pattern == "iso":
                chosen = pc.if_else(has_zone if is_aware else pc.invert(has_zone), left, pa.scalar(None, pa.string()))
            elif is_aware == ("%z" in pattern or pattern in SINCE_1970):
                chosen = left
            else:
                continue
            read = _read_by(pattern, chosen, is_aware)
            if is_aware:
                aware = pc.coalesce(aware, read)
            else:
                local = pc.coalesce(local, read)
    return aware, local


def localise(local: pa.Array, zone: str, *, ambiguous: str, nonexistent: str) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Bring local times to UTC.

    Parameters
    ----------
    local : pyarrow.Array of timestamp[us]
    zone : str
    ambiguous, nonexistent : str
        ``earliest`` or ``latest``; else these are missing.

    Returns
    -------
    instants : pyarrow.Array of timestamp[us, UTC]
    twice, never : pyarrow.Array of bool
        Which times come twice, and never.

    Examples
    --------
    >>> local = pa.array(["2013-11-03T01:30", "2013-03-10T02:30"]).cast(LOCAL)
    >>> instants, *_ = localise(local, "America/New_York", ambiguous="latest", nonexistent="latest")
    >>> instants.cast(pa.string()).to_pylist()
    ['2013-11-03 06:30:00.000000Z', '2013-03-10 07:00:00.000000Z']
    """
    either = {
        end: pc.assume_timezone(local, timezone=zone, ambiguous=end, nonexistent=end) for end in ("earliest", "latest")
    }
    never = are_set(pc.not_equal(pc.local_timestamp(either["latest"]), local))
    differs = are_set(pc.not_equal(either["earliest"].cast(INSTANT), either["latest"].cast(INSTANT)))
    twice = pc.and_(differs, pc.invert(never))
    none = pa.scalar(None, INSTANT)
    instants = either["latest"].cast(INSTANT)
    for mask, choice in ((twice, ambiguous), (never, nonexistent)):
        if choice == "earliest":
            instants = pc.if_else(mask, either["earliest"].cast(INSTANT), instants)
        elif choice != "latest":
            instants = pc.if_else(mask, none, instants)
    return instants, twice, never


def _since_1970(per_second: float) -> Callable[[pa.Array], pa.Array]:
    def read(texts: pa.Array) -> pa.Array:
        is_number = are_set(pc.match_substring_regex(texts, r"^-?\d+(\.\d+)?$"))
        seconds = pc.divide(pc.if_else(is_number, texts, pa.scalar(None, pa.string())).cast(pa.float64()), per_second)
        is_known = are_set(pc.and_(pc.greater(seconds, YEAR_1), pc.less(seconds, YEAR_9999)))
        seconds = pc.if_else(is_known, seconds, pa.scalar(None, pa.float64()))
        return pc.round(pc.multiply(seconds, 1e6)).cast(pa.int64()).cast(INSTANT)

    return read


SINCE_1970 = {"seconds": _since_1970(1.0), "milliseconds": _since_1970(1000.0)}


def _read_by(pattern: str, texts: pa.Array, is_aware: bool) -> pa.Array:
    if pattern in SINCE_1970:
        return SINCE_1970[pattern](texts)
    wanted = INSTANT if is_aware else LOCAL
    where = pc.indices_nonzero(pc.is_valid(texts))
    if len(where) == 0:
        return pa.nulls(len(texts), wanted)
    given = pd.Series(texts.take(where).to_pylist(), dtype=object)
    read = pd.to_datetime(given, format="ISO8601" if pattern == "iso" else pattern, errors="coerce", utc=is_aware)
    moments = (read.dt.tz_convert(None) if is_aware else read).to_numpy()
    found = pa.array(moments).cast(LOCAL, safe=False).cast(wanted)
    places = pc.index_in(pa.array(range(len(texts)), pa.int64()), where.cast(pa.int64()))
    return found.take(places)
