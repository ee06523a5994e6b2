"""What the proofs look at, and what each of them says.

Stays out: the proofs.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.preprocessing.splitting import Split


@dataclass(frozen=True)
class Case:
    """One training run.

    Attributes
    ----------
    workflow : Workflow
    rows : pyarrow.Table
        Of the snapshot, by event time and key.
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    split : Split
    pipeline : Pipeline
        The candidate, fitted; all its steps but the last are transformers.
    whole : tuple of (pyarrow.Table, Split) or None
        Where the rows are a sample: key and group of all rows of the snapshot, and their split.
    """

    workflow: Workflow
    rows: pa.Table
    X: pd.DataFrame
    y: np.ndarray
    split: Split
    pipeline: Pipeline
    whole: tuple[pa.Table, Split] | None = None

    @property
    def is_classification(self) -> bool:
        """Whether labels are classes."""
        return self.workflow.table.label.problem == "classification"

    @property
    def seed(self) -> int:
        """What all draws start from."""
        return self.workflow.train.seed

    def draw(self, positions: np.ndarray, most: int) -> np.ndarray:
        """Return at most so many of some positions, in their order."""
        if len(positions) <= most:
            return positions
        return np.sort(np.random.default_rng(self.seed).choice(positions, size=most, replace=False))


@dataclass(frozen=True)
class Proof:
    """What one proof found.

    Attributes
    ----------
    name : str
    holds : bool
    text : str
        With the figures; where it does not hold, what to do next.
    figures : dict
    is_doubtful : bool
        Whether somebody should read the text, although it holds.
    """

    name: str
    holds: bool
    text: str
    figures: dict[str, Any] = field(default_factory=dict)
    is_doubtful: bool = False
