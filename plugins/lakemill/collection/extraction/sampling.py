"""Which frames stand for a film.

Stays out: what is made of them.
"""


def sample_evenly(count: int, wanted: int) -> frozenset[int]:
    """Return the numbers of the frames that stand for a film: the middles of equal parts of it.

    Parameters
    ----------
    count : int
        Frames of the film.
    wanted : int

    Returns
    -------
    frozenset of int
        From 0; all of them where there are no more than are wanted.

    Examples
    --------
    >>> sorted(sample_evenly(100, 4)), sorted(sample_evenly(3, 4))
    ([12, 37, 62, 87], [0, 1, 2])
    """
    if count <= wanted:
        return frozenset(range(count))
    return frozenset((2 * part + 1) * count // (2 * wanted) for part in range(wanted))
