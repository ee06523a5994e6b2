"""A sample of training rows that fits into memory: drawn by class and age, the same on every machine.

All arithmetic that decides is of whole numbers. Stays out: reading rows.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.preprocessing.splitting import Split
from lakemill.preprocessing.splitting.by_value import number_values

COPIES = 6  # of a row in memory where a step needs most: as delivered, as a frame, parts of it, transformed, coded
LEAST_ROWS = 1000  # whatever the memory
NUMBER_BYTES = 8
TEXT_BYTES = 16  # beside its own
AGES = tuple(range(7, 29, 3))  # weights of eight bands of rows: of the newest are drawn 4 times as many
LEAST_OF_CLASS = 30
MOST_PROVED = 20_000  # test rows that leakage is looked for in
MOST_VALIDATED = 50_000  # validation rows that a trial is scored on


@dataclass(frozen=True)
class Sample:
    """Which rows of a split are used where not all fit into memory; positions, each in order.

    Attributes
    ----------
    fit : ndarray of int64
        Training and validation rows that are in memory.
    proved : ndarray of int64
        Test rows that are in memory, for the proofs of no leakage.
    scored : ndarray of int64
        Test rows that are scored, piece by piece: all, unless their predictions do not fit.
    """

    fit: np.ndarray
    proved: np.ndarray
    scored: np.ndarray

    @property
    def positions(self) -> np.ndarray:
        """All rows that are in memory."""
        return np.sort(np.concatenate([self.fit, self.proved]))


def measure_row(rows: pa.Table) -> int:
    """Return the bytes that a row takes as a frame, on average.

    Parameters
    ----------
    rows : pyarrow.Table
        The first ones of a snapshot.

    Examples
    --------
    >>> measure_row(pa.table({"size": [1.0, 2.0], "name": ["four", "seventeen"]}))
    30
    """
    total = 0
    for column in rows.columns:
        if pa.types.is_string(column.type):
            total += TEXT_BYTES + (pc.sum(pc.binary_length(column)).as_py() or 0) // max(len(rows), 1)
        else:
            total += NUMBER_BYTES
    return max(1, total)


def count_affordable(row_bytes: int, memory: int) -> int:
    """Return how many rows may be in memory.

    Parameters
    ----------
    row_bytes : int
        As from `measure_row`.
    memory : int
        Bytes.

    Returns
    -------
    int

    Examples
    --------
    >>> count_affordable(128, 2 * 2**30)
    2796202
    """
    return max(LEAST_ROWS, memory // (COPIES * row_bytes))


def draw_sample(
    split: Split, labels: np.ndarray, *, most: int, memory: int, is_classification: bool, seed: int
) -> Sample:
    """Draw the rows that are used of a split.

    Parameters
    ----------
    split : Split
    labels : ndarray
        Of all rows that positions count.
    most : int
        Rows in memory, as from `count_affordable`.
    memory : int
        Bytes, for the predictions of test rows.
    is_classification : bool
    seed : int

    Returns
    -------
    Sample
        Of all rows in order of time, some 4 times as many of the newest eighth as of the oldest, of each class.
    """
    proved = draw_evenly(split.test, min(MOST_PROVED, most // 5), seed)
    fit = np.sort(split.fit)
    codes = number_values(labels[fit]) if is_classification else np.zeros(len(fit), dtype="int64")
    values = 1 + (int(codes.max(initial=0)) + 1 if is_classification else 1)  # a label, and a probability a class
    scored = draw_evenly(split.test, max(LEAST_ROWS, memory // (COPIES * NUMBER_BYTES * values)), seed)
    return Sample(draw_by_age(fit, codes, most - len(proved), seed=seed), proved, scored)


def draw_by_age(rows: np.ndarray, codes: np.ndarray, size: int, *, seed: int) -> np.ndarray:
    """Draw rows so that each class keeps its share, and newer rows have better chances than older ones.

    Parameters
    ----------
    rows : ndarray of int64
        In order of time.
    codes : ndarray of int64 of shape (n_rows,)
        The class of each, counted from 0.
    size : int
        How many; more where classes are so rare that some rows of each take more.
    seed : int

    Returns
    -------
    ndarray of int64
        In order. Of each class its rows are cut into eight bands of as many rows, and drawn from these by `AGES`.

    Examples
    --------
    >>> drawn = draw_by_age(np.arange(8000), np.zeros(8000, dtype=int), 1400, seed=0)
    >>> np.histogram(drawn, bins=8, range=(0, 8000))[0].tolist()
    [70, 100, 130, 160, 190, 220, 250, 280]
    """
    if size >= len(rows):
        return rows
    counts = np.bincount(codes).tolist()
    drawn = []
    for code, wanted in enumerate(allocate(size, counts, counts)):
        members = rows[codes == code]
        bands = np.array_split(members, len(AGES))
        sizes = [len(band) for band in bands]
        taken = allocate(
            max(wanted, min(LEAST_OF_CLASS, len(members))),
            sizes,
            [age * count for age, count in zip(AGES, sizes, strict=True)],
        )
        for number, (band, count) in enumerate(zip(bands, taken, strict=True)):
            drawn.append(np.random.default_rng([seed, code, number]).choice(band, size=count, replace=False))
    return np.sort(np.concatenate(drawn))


def draw_evenly(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return at most so many of some rows, in their order, each with the same chance."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, size=most, replace=False))


def allocate(size: int, capacities: list[int], weights: list[int]) -> list[int]:
    """Share a number out by weights, as far as there is room; what is over goes to the others.

    Parameters
    ----------
    size : int
    capacities, weights : list of int
        Of each, 0 or more.

    Returns
    -------
    list of int
        Their sum is the size, or that of the capacities if this is less; the largest remainders are rounded up.

    Examples
    --------
    >>> allocate(10, [100, 100, 1], [1, 1, 2]), allocate(9, [2, 2], [1, 1])
    ([5, 4, 1], [2, 2])
    """
    given = [0] * len(capacities)
    left = min(size, sum(capacities))
    places = [place for place, room in enumerate(capacities) if room and weights[place]]
    while places:
        total = sum(weights[place] for place in places)
        full = [place for place in places if left * weights[place] >= capacities[place] * total]
        if not full:
            break
        for place in full:
            given[place] = capacities[place]
        left -= sum(capacities[place] for place in full)
        places = [place for place in places if place not in full]
    if places:
        shares = {place: divmod(left * weights[place], total) for place in places}
        over = left - sum(whole for whole, _ in shares.values())
        raised = sorted(places, key=lambda place: (-shares[place][1], place))[:over]
        for place in places:
            given[place] = shares[place][0] + (place in raised)
    return given


def rebase(split: Split, chosen: np.ndarray) -> Split:
    """Return a split of some rows, with the positions that they have among themselves.

    Parameters
    ----------
    split : Split
    chosen : ndarray of int64
        Positions, in order.

    Returns
    -------
    Split

    Examples
    --------
    >>> whole = Split(np.array([0, 1, 2]), np.array([3, 4]), np.array([5]))
    >>> rebase(whole, np.array([1, 2, 4, 5]))
    Split(train=array([0, 1]), validation=array([2]), test=array([3]), left_out=array([], dtype=int64), folds=())
    """

    def find(rows: np.ndarray) -> np.ndarray:
        return np.searchsorted(chosen, rows[np.isin(rows, chosen, assume_unique=True)])

    return Split(
        find(split.train),
        find(split.validation),
        find(split.test),
        left_out=find(split.left_out),
        folds=tuple((find(train), find(held)) for train, held in split.folds),
    )
