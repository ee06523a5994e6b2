"""What a split is.

Stays out: how it is made.
"""

from dataclasses import dataclass, field, replace

import numpy as np

Fold = tuple[np.ndarray, np.ndarray]


def _none() -> np.ndarray:
    return np.empty(0, dtype="int64")


@dataclass(frozen=True)
class Split:
    """Positions of rows, disjoint, each in order of time.

    Attributes
    ----------
    train, validation, test : ndarray of int64
    left_out : ndarray of int64
        Rows in a gap between the parts.
    folds : tuple of (ndarray, ndarray)
        Training and validation rows of each fold, all of them from `fit`; empty where tuning is on the validation rows.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    left_out: np.ndarray = field(default_factory=_none)
    folds: tuple[Fold, ...] = ()

    @property
    def fit(self) -> np.ndarray:
        """Training and validation rows: what the final model is fitted on."""
        return np.concatenate([self.train, self.validation])

    @property
    def parts(self) -> dict[str, np.ndarray]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def tuning(self) -> tuple[Fold, ...]:
        """What a trial fits and scores: the folds, or the training and the validation rows."""
        return self.folds or ((self.train, self.validation),)

    def without(self, rows: np.ndarray) -> "Split":
        """Return the same without some rows, but for the test set: what is judged by is chosen by nobody.

        Examples
        --------
        >>> Split(np.array([0, 1]), np.array([2]), np.array([3])).without(np.array([1, 3])).train.tolist()
        [0]
        """
        if len(rows) == 0:
            return self
        return replace(
            self,
            train=np.setdiff1d(self.train, rows),
            validation=np.setdiff1d(self.validation, rows),
            folds=tuple((np.setdiff1d(train, rows), np.setdiff1d(held, rows)) for train, held in self.folds),
        )
