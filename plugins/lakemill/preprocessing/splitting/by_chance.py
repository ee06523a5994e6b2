"""Rows split at random, by a seed: plainly, with the shares of each class kept, or whole groups at a time.

scikit-learn's own splitters; positions come back in order.
Stays out: splits that stay when rows are added (``by_value.py``).
"""

from collections.abc import Callable

import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, StratifiedKFold, train_test_split

from lakemill.preprocessing.splitting.parts import Fold, Split

Cut = Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]]


def split_at_random(
    count: int, *, validation: float, test: float, seed: int, classes: np.ndarray | None = None
) -> Split:
    """Split rows at random.

    Parameters
    ----------
    count : int
        Rows that there are.
    validation, test : float in (0, 1)
        Shares of the rows.
    seed : int
    classes : ndarray of shape (count,), optional
        Their shares are kept in each part.

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If a part would be empty, or a class has too few rows for all parts.

    Examples
    --------
    >>> split = split_at_random(20, validation=0.2, test=0.2, seed=0)
    >>> len(split.train), len(split.validation), len(split.test)
    (12, 4, 4)
    """

    def cut(rows: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
        kept = None if classes is None else classes[rows]
        size = max(1, round(share * len(rows)))
        older, newer = train_test_split(rows, test_size=size, random_state=seed, stratify=kept)
        return older, newer

    return _cut_twice(count, validation, test, cut)


def split_by_group(groups: np.ndarray, *, validation: float, test: float, seed: int) -> Split:
    """Split groups at random: all rows of one belong to the same part.

    Parameters
    ----------
    groups : ndarray of shape (n_rows,)
    validation, test : float in (0, 1)
        Shares of the groups.
    seed : int

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If there are fewer than three groups.

    Examples
    --------
    >>> split = split_by_group(np.repeat(list("abcdef"), 2), validation=0.2, test=0.2, seed=0)
    >>> len(split.train), len(split.validation), len(split.test)
    (8, 2, 2)
    """

    def cut(rows: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
        size = max(1, round(share * len(set(groups[rows]))))
        splitter = GroupShuffleSplit(n_splits=1, test_size=size, random_state=seed)
        older, newer = next(splitter.split(rows, groups=groups[rows]))
        return rows[older], rows[newer]

    return _cut_twice(len(groups), validation, test, cut)


def fold_at_random(rows: np.ndarray, *, folds: int, seed: int, classes: np.ndarray | None = None) -> tuple[Fold, ...]:
    """Make folds at random, with the shares of classes kept where they are given for all rows.

    Raises
    ------
    ValueError
        If there are fewer rows, or rows of a class, than folds.
    """
    splitter = (KFold if classes is None else StratifiedKFold)(folds, shuffle=True, random_state=seed)
    kept = None if classes is None else classes[rows]
    return tuple((rows[train], rows[held]) for train, held in splitter.split(rows, kept))


def fold_by_group(rows: np.ndarray, groups: np.ndarray, *, folds: int, seed: int) -> tuple[Fold, ...]:
    """Make folds of whole groups.

    Raises
    ------
    ValueError
        If there are fewer groups than folds.
    """
    splitter = GroupKFold(folds, shuffle=True, random_state=seed)
    return tuple((rows[train], rows[held]) for train, held in splitter.split(rows, groups=groups[rows]))


def _cut_twice(count: int, validation: float, test: float, cut: Cut) -> Split:
    rest, judged = cut(np.arange(count), test)
    rest, judged = np.sort(rest), np.sort(judged)
    train, tuned = cut(rest, validation / (1 - test))
    return Split(np.sort(train), np.sort(tuned), judged)
