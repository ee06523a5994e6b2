"""Which rows to compare: those that share enough in one of several blocks; never all with all.

Stays out: comparing them (``likeness.py``).
"""

from collections.abc import Sequence

import numpy as np

MOST_PASSES = 40
FEW_COLUMNS = 5  # so few that rows are also compared with their neighbours in the order of one column
SPARE_BITS = 2  # a block may be found by so much less than what names one row


def choose_blocks(bits: dict[tuple[str, ...], float], rows: int) -> list[tuple[str, ...]]:
    """Choose columns, alone or in pairs, that tell nearly enough to name a row.

    Parameters
    ----------
    bits : dict of tuple of str to float
        What each column, and each pair of columns, tells.
    rows : int

    Returns
    -------
    list of tuple of str
        The most telling first; at most 40. Where nothing tells enough, the ten best pairs, or the one column.

    Examples
    --------
    >>> bits = {("mail",): 10.0, ("name",): 6.0, ("town",): 3.0, ("mail", "name"): 10.0, ("name", "town"): 9.0}
    >>> choose_blocks(bits, 1000)
    [('mail',), ('name', 'town')]
    """
    needed = np.log2(max(rows, 2)) - SPARE_BITS
    strong = {names[0] for names in bits if len(names) == 1 and bits[names] >= needed}
    enough = [names for names in bits if bits[names] >= needed and (len(names) == 1 or not strong & {*names})]
    if not enough:
        pairs: list[tuple[str, ...]] = sorted(filter(_is_pair, bits), key=lambda names: -bits[names])
        return pairs[:10] or list(bits)
    return sorted(enough, key=lambda names: -bits[names])[:MOST_PASSES]


def pair_in_blocks(codes: dict[str, np.ndarray], blocks: Sequence[tuple[str, ...]], window: int) -> np.ndarray:
    """Pair rows that are equal in the columns of a block, each with so many after it in the order of the rows.

    Parameters
    ----------
    codes : dict of str to ndarray of int64
        Number of each row's value; -1 where missing, which equals nothing.
    blocks : sequence of tuple of str
    window : int
        So the number of pairs is at most rows * window * blocks, however large a block.

    Returns
    -------
    ndarray of int64 of shape (n_pairs, 2)
        Each pair once, the earlier row first.
    """
    found = []
    for names in blocks:
        joined = codes[names[0]]
        there = joined >= 0
        for name in names[1:]:
            there &= codes[name] >= 0
            joined = joined * (codes[name].max(initial=0) + 1) + codes[name]
        places = np.flatnonzero(there)
        places = places[np.argsort(joined[places], kind="stable")]
        found += _pair_neighbours(places, window, joined[places])
    return _each_once(found)


def pair_neighbours(texts: dict[str, np.ndarray], window: int) -> np.ndarray:
    """Pair rows that lie near each other in the order of one column's texts, read forwards or backwards.

    So values that differ are found too, unless they differ at both ends.
    """
    found = []
    for values in texts.values():
        there = np.flatnonzero(values != "")
        for given in (values[there], np.array([text[::-1] for text in values[there]], dtype=object)):
            found += _pair_neighbours(there[np.argsort(given, kind="stable")], window)
    return _each_once(found)


def _is_pair(names: tuple[str, ...]) -> bool:
    return len(names) == 2


def _pair_neighbours(places: np.ndarray, window: int, block: np.ndarray | None = None) -> list[np.ndarray]:
    found = []
    for step in range(1, min(window, len(places) - 1) + 1):
        one, other = places[:-step], places[step:]
        if block is not None:
            is_same = block[:-step] == block[step:]
            if not is_same.any():
                break
            one, other = one[is_same], other[is_same]
        found.append(np.column_stack([np.minimum(one, other), np.maximum(one, other)]))
    return found


def _each_once(pairs: list[np.ndarray]) -> np.ndarray:
    if not pairs:
        return np.empty((0, 2), np.int64)
    together = np.concatenate(pairs)
    size = np.int64(together.max(initial=0) + 1)
    return np.column_stack(np.divmod(np.unique(together[:, 0] * size + together[:, 1]), size))
