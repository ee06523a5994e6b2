"""Values and rows as keys of fixed width, equal where the values are: whole numbers exactly, texts by 128 bits.

Two different keys among n rows are taken for one with a probability of n * n / 2**129: about 1e-21 for 10**9 rows.
Stays out: what is concluded from equal keys.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakemill.validation.one_pass.slices import Slice

Lane = NDArray[np.uint64]
WORD = 8

# odd constants of the golden ratio and of splitmix64; the second lane starts from others than the first
_SEEDS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def exact_keys(rows: Slice, name: str) -> Lane:
    """Return the values of a column of numbers, moments or booleans as keys; those of missing values mean nothing.

    Equal numbers have equal keys, so 0.0 and -0.0 have the same.
    """
    values = rows.values(name)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    if values.null_count:
        values = values.fill_null(0)
    found = values.to_numpy(zero_copy_only=False)
    if pa.types.is_floating(values.type):
        return (found + 0.0).view(np.uint64)
    return found.astype(np.int64, copy=False).view(np.uint64)


def text_keys(texts: pa.Array) -> tuple[Lane, Lane]:
    """Return two lanes of 64 bits for each text, which together are its key.

    Examples
    --------
    >>> one, other = text_keys(pa.array(["a", "b", "a"]))
    >>> bool(one[0] == one[2]), bool(one[0] == one[1])
    (True, False)
    """
    starts, lengths, words = _as_words(texts)
    size = lengths.astype(np.uint64)
    lanes = [_mix(size + seed) for seed in _SEEDS]
    longest = int(lengths.max(initial=0))
    shortest = int(lengths.min(initial=0))
    for place in range(0, longest, WORD):
        if shortest == longest:  # one text starts where the other ends: no need to gather
            word = words[place : place + longest * len(texts) : longest] & _ones(min(WORD, longest - place))
            lanes = [_mix(lane ^ (word * seed)) for lane, seed in zip(lanes, _SEEDS, strict=True)]
            continue
        reach = np.flatnonzero(lengths > place)
        word = words[starts[reach] + place] & _ones(np.minimum(WORD, lengths[reach] - place))
        for lane, seed in zip(lanes, _SEEDS, strict=True):
            lane[reach] = _mix(lane[reach] ^ (word * seed))
    return lanes[0], lanes[1]


def _ones(size: Any) -> Any:
    """Return a word of which the first bytes are all ones, so many as are given, at least one."""
    return np.uint64(2**64 - 1) >> np.asarray((WORD - size) * 8).astype(np.uint64)


def row_keys(rows: Slice, names: tuple[str, ...]) -> tuple[Lane, Lane]:
    """Return the keys of whole rows; a missing value equals a missing value."""
    lanes = [np.full(rows.rows, seed) for seed in _SEEDS]
    for name in names:
        one, other = _column_keys(rows, name)
        missing = rows.missing(name).to_numpy(zero_copy_only=False) if rows.values(name).null_count else None
        for lane, key, seed in zip(lanes, (one, other), _SEEDS, strict=True):
            # a key that is missing is mixed another way, so that it equals no value
            lane[:] = _mix(lane * seed + _mix(key + seed))
            if missing is not None:
                lane[missing] = _mix(~lane[missing])
    return lanes[0], lanes[1]


def _column_keys(rows: Slice, name: str) -> tuple[Lane, Lane]:
    if rows.kinds[name] != "text":
        key = exact_keys(rows, name)
        return key, key
    return rows.once(("text keys", name), lambda: keys_of_texts(rows, name))


def keys_of_texts(rows: Slice, name: str) -> tuple[Lane, Lane]:
    """Return the keys of a column of texts; a missing text has that of an empty one."""
    values = rows.values(name)
    if not isinstance(values, pa.DictionaryArray):
        return text_keys(values.fill_null("") if values.null_count else values)
    one, other = text_keys(pa.concat_arrays([values.dictionary, pa.array([""], values.dictionary.type)]))
    places = values.indices.fill_null(len(values.dictionary)).to_numpy(zero_copy_only=False)
    return one[places], other[places]


def _as_words(texts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Any]:
    """Return starts and lengths of texts, and the words of eight bytes that start at each byte."""
    wide = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64), np.zeros(1, np.uint64)
    ends = np.frombuffer(offsets, wide)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    first, last = int(ends[0]), int(ends[-1])
    # a copy with room behind the last text, of which a word is read too
    held = np.zeros(last - first + WORD, np.uint8)
    held[: last - first] = np.frombuffer(data, np.uint8)[first:last]
    words = np.ndarray((last - first + 1,), np.dtype("<u8"), buffer=held, strides=(1,))
    return ends[:-1] - first, np.diff(ends), words


def _mix(key: Any) -> Any:
    """Mix 64 bits as splitmix64 does: one to one, each bit touching all others."""
    key = key ^ (key >> np.uint64(30))
    key *= _MIX_1
    key ^= key >> np.uint64(27)
    key *= _MIX_2
    key ^= key >> np.uint64(31)
    return key
