"""Event times of readings: texts in ISO 8601 or seconds since 1970, and the partitions that they lie in.

Stays out: refusing what has none.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.text_types import read_instants
from lakemill.config import Partition

INSTANT = pa.timestamp("us", "UTC")
NUMBER = r"^\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*$"
FINER_THAN_KEPT = r"(\.\d{6})\d+"
YEAR_1, YEAR_9999 = -62135510400, 253402128000  # in seconds since 1970, a day within, for any time zone


def read_event_times(texts: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Read texts as moments: in ISO 8601, or as numbers of seconds since 1970.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray of string
    zone : str
        Of texts without one.

    Returns
    -------
    pyarrow.ChunkedArray of timestamp[us, UTC]
        Null where there is no moment, or none of the years 1 to 9999.

    Examples
    --------
    >>> texts = pa.chunked_array([["2024-03-01T12:00", "1709290800.5", "noon"]])
    >>> read_event_times(texts, "Europe/Paris").cast(pa.string()).to_pylist()
    ['2024-03-01 11:00:00.000000Z', '2024-03-01 11:00:00.500000Z', None]
    """
    is_number = pc.fill_null(pc.match_substring_regex(texts, NUMBER), False)
    if pc.all(is_number).as_py():
        return _read_seconds(texts)
    if not pc.any(is_number).as_py():
        return _read_iso(texts, zone)
    none = pa.scalar(None, pa.string())
    numbers = _read_seconds(pc.if_else(is_number, texts, none))
    return pc.coalesce(numbers, _read_iso(pc.if_else(is_number, none, texts), zone))


def cut_by_partition(rows: pa.Table, times: pa.ChunkedArray, partition: Partition) -> Iterator[tuple[str, pa.Table]]:
    """Yield rows by the partition of their event time, in the order of time.

    Parameters
    ----------
    rows : pyarrow.Table
    times : pyarrow.ChunkedArray of timestamp[us, UTC]
        Their event times, none missing.
    partition : Partition

    Yields
    ------
    key : str
    rows : pyarrow.Table
    """
    local = pc.local_timestamp(times.cast(pa.timestamp("us", partition.timezone)))
    starts = pc.floor_temporal(local, unit=partition.every)
    distinct = pc.unique(starts).sort()
    for start in distinct:
        key = start.as_py().strftime(partition.key_format)
        yield key, rows if len(distinct) == 1 else rows.filter(pc.equal(starts, start))


def _read_iso(texts: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    if pc.any(pc.match_substring_regex(texts, FINER_THAN_KEPT)).as_py():
        texts = pc.replace_substring_regex(texts, FINER_THAN_KEPT, r"\1")
    return _within_years(read_instants(texts, zone)[0])


def _read_seconds(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    seconds = pc.utf8_trim_whitespace(texts).cast(pa.float64())
    is_known = pc.and_(pc.greater(seconds, float(YEAR_1)), pc.less(seconds, float(YEAR_9999)))
    seconds = pc.if_else(is_known, seconds, pa.scalar(None, pa.float64()))
    return pc.round(pc.multiply(seconds, 1e6)).cast(pa.int64()).cast(INSTANT)


def _within_years(times: pa.ChunkedArray) -> pa.ChunkedArray:
    seconds = times.cast(pa.timestamp("s", "UTC"), safe=False).cast(pa.int64())
    is_known = pc.and_(pc.greater(seconds, YEAR_1), pc.less(seconds, YEAR_9999))
    return pc.if_else(is_known, times, pa.scalar(None, INSTANT))
