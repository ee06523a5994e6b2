"""How like two rows are: the share of what their columns tell in which they agree.

A column of many values tells more than one of few: by log2 of the odds that two rows agree in it by chance. Texts agree
in part where few letters differ; how like texts are that have nothing to do with each other is measured on the rows.
Stays out: which rows to compare (``blocking.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from lakemill.preprocessing.cleaning.cells import as_texts, combine

SAMPLE = 20_000  # pairs of rows taken by chance
UNLIKE = 0.95  # share of these that is less alike than what begins to count
LEAST_UNLIKE, MOST_UNLIKE = 0.5, 0.9  # where all values are alike, a letter still counts
FAR_APART = 3  # letters: fewer are a slip
CONTRADICTION = 1.0  # what values tell against that are unlike and far apart
EXCHANGED = 0.8  # how far two columns agree whose values stand in each other's place
EXPLAINED_BITS = 2  # up to four rows that agree with each may be duplicates
AT_ONCE = 200_000  # pairs


@dataclass(frozen=True)
class Compared:
    """One column, ready to be compared.

    Attributes
    ----------
    codes : ndarray of int64
        Number of each row's value, -1 where missing; of numbers, of their place in steps of ``within``.
    bits : float
        What it tells.
    texts : ndarray of object
        Values by code, of texts.
    numbers : ndarray of float64
        By row, of numbers.
    within : float, optional
        How far apart numbers may be; None for texts.
    """

    codes: np.ndarray
    bits: float
    texts: np.ndarray
    numbers: np.ndarray
    within: float | None = None


def prepare(column: pa.ChunkedArray, within: float | None = None) -> Compared:
    """Make a column ready to be compared; texts without regard to case and white space around them."""
    nothing = np.array([], dtype=float)
    if within is not None:
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        there = np.isfinite(numbers)
        steps = np.floor(np.where(there, numbers, 0) / within)
        codes = np.where(there, np.unique(steps, return_inverse=True)[1], -1).astype(np.int64)
        return Compared(codes, _tell(codes), nothing.astype(object), np.where(there, numbers, np.nan), within)
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(as_texts(column)))
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    encoded = combine(pa.chunked_array([combine(texts)]).dictionary_encode())
    codes = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    values = np.array(encoded.dictionary.to_pylist(), dtype=object)
    return Compared(codes, _tell(codes), values, nothing)


def measure_bits(columns: dict[str, Compared]) -> dict[tuple[str, ...], float]:
    """Return what each column and each pair of columns tells."""
    found: dict[tuple[str, ...], float] = {(name,): column.bits for name, column in columns.items()}
    for one, other in combinations(columns, 2):
        first, second = columns[one].codes, columns[other].codes
        there = (first >= 0) & (second >= 0)
        joined = first[there] * (second.max(initial=0) + 1) + second[there]
        found[one, other] = _tell(np.unique(joined, return_inverse=True)[1])
    return found


def weigh(bits: dict[tuple[str, ...], float], rows: int) -> dict[str, float]:
    """Return what each column tells beside those that tell more: a postcode that follows from the suburb tells nothing.

    Only where more rows agree in both columns than duplicates would explain.

    Examples
    --------
    >>> weigh({("suburb",): 9.0, ("postcode",): 8.5, ("name",): 8.0,
    ...     ("suburb", "postcode"): 9.5, ("suburb", "name"): 13.0, ("postcode", "name"): 13.0}, 10_000)
    {'suburb': 9.0, 'postcode': 0.5, 'name': 8.0}
    """
    most = np.log2(max(rows, 2)) - EXPLAINED_BITS
    weights: dict[str, float] = {}
    for (name,) in sorted((names for names in bits if len(names) == 1), key=lambda names: -bits[names]):
        own = bits[(name,)]
        together = {other: bits.get((name, other), bits.get((other, name), 0.0)) for other in weights}
        shared = [own + bits[(other,)] - joint for other, joint in together.items() if joint <= most]
        weights[name] = own - max(0.0, min(own, max(shared, default=0.0)))
    return weights


def score_pairs(
    columns: Sequence[Compared], weights: Sequence[float], pairs: np.ndarray, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compare pairs of rows in all columns.

    Parameters
    ----------
    columns : sequence of Compared
    weights : sequence of float
        What each column tells beside the others, in bits.
    pairs : ndarray of int64 of shape (n_pairs, 2)
    rows : int

    Returns
    -------
    share : ndarray of float64
        In [0, 1]: of what the columns tell that both rows have, the part in which they agree. 0 where they have none.
    bits : ndarray of float64
        How much they agree in.
    """
    draw = np.random.default_rng(0)  # the same rows, the same sample
    by_chance = draw.integers(0, max(rows, 1), (SAMPLE if rows > 1 else 0, 2))
    unlike = [_measure_unlike(column, by_chance, rows) for column in columns]
    share, bits = np.zeros(len(pairs)), np.zeros(len(pairs))
    for start in range(0, len(pairs), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        share[part], bits[part] = _score(columns, np.array(weights), unlike, pairs[part])
    return share, bits


def _score(
    columns: Sequence[Compared], weights: np.ndarray, unlike: list[float], pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    shape = (len(columns), len(pairs))
    alike, there, contradicts = np.zeros(shape), np.zeros(shape, bool), np.zeros(shape, bool)
    for place, column in enumerate(columns):
        found, there[place], apart = _compare(column, pairs)
        alike[place] = np.clip((found - unlike[place]) / (1 - unlike[place]), 0, 1)
        contradicts[place] = there[place] & (alike[place] <= 0) & (apart >= FAR_APART)
    _forgive_exchanged(columns, pairs, alike, contradicts)
    agreed, against, told = weights @ (alike * there), weights @ contradicts, weights @ there
    share = np.divide(agreed - CONTRADICTION * against, told, out=np.zeros(len(pairs)), where=told > 0)
    return np.maximum(share, 0), agreed


def _measure_unlike(column: Compared, by_chance: np.ndarray, rows: int) -> float:
    """Return how like values are that have nothing to do with each other: nothing counts up to there."""
    if column.within is not None or not len(by_chance):
        return 0.0
    differs = column.codes[by_chance[:, 0]] != column.codes[by_chance[:, 1]]
    alike, there, _ = _compare(column, by_chance[differs])
    share = min(UNLIKE, 1 - 2 / rows)  # of few rows, duplicates are no small part of all pairs
    measured = float(np.quantile(alike[there], share)) if there.any() else 0.0
    return min(max(measured, LEAST_UNLIKE), MOST_UNLIKE)


def _forgive_exchanged(
    columns: Sequence[Compared], pairs: np.ndarray, alike: np.ndarray, contradicts: np.ndarray
) -> None:
    """Let two columns agree whose values stand in each other's place, such as first and last name."""
    for one, other in combinations(range(len(columns)), 2):
        if columns[one].within is not None or columns[other].within is not None:
            continue
        both = np.flatnonzero(contradicts[one] & contradicts[other])
        if not len(both):
            continue
        left, right = pairs[both, 0], pairs[both, 1]
        first, second = (columns[place].texts[columns[place].codes[left]] for place in (one, other))
        third, fourth = (columns[place].texts[columns[place].codes[right]] for place in (one, other))
        exchanged = both[(first == fourth) & (second == third)]
        for place in (one, other):
            alike[place, exchanged] = EXCHANGED
            contradicts[place, exchanged] = False


def _tell(codes: np.ndarray) -> float:
    """Return log2 of the odds against two rows agreeing by chance (the collision entropy), in bits."""
    counts = np.bincount(codes[codes >= 0])
    return float(-np.log2(np.sum((counts / counts.sum()) ** 2))) if counts.sum() else 0.0


def _compare(column: Compared, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how like values are, in [0, 1], where both rows have one, and by how many letters they differ."""
    one, other = column.codes[pairs[:, 0]], column.codes[pairs[:, 1]]
    there = (one >= 0) & (other >= 0)
    if column.within is not None:
        apart = np.abs(column.numbers[pairs[:, 0]] - column.numbers[pairs[:, 1]])
        far = np.where(apart > FAR_APART * column.within, FAR_APART, 0)
        return np.where(there, np.clip(1 - apart / column.within, 0, 1), 0), there, far
    alike, apart = (there & (one == other)).astype(float), np.zeros(len(pairs))
    differs = np.flatnonzero(there & (one != other))
    size = np.int64(len(column.texts) + 1)
    low, high = np.minimum(one[differs], other[differs]), np.maximum(one[differs], other[differs])
    distinct, inverse = np.unique(low * size + high, return_inverse=True)  # many pairs have the same two values
    if len(distinct):
        first, second = (column.texts[codes].tolist() for codes in np.divmod(distinct, size))
        letters = cpdist(first, second, scorer=OSA.distance, dtype=np.int32)
        longer = np.maximum([len(text) for text in first], [len(text) for text in second])
        alike[differs], apart[differs] = (1 - letters / longer)[inverse], letters[inverse]
    return alike, there, apart
