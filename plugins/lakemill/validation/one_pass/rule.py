"""What a rule is: it reads an expectation's arguments, says what to gather, and judges what was gathered.

The rules stand in ``rules/``, by what they speak of. Stays out: how slices come by, and the form of a result.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from lakemill.validation.one_pass.arguments import Arguments
from lakemill.validation.one_pass.folds import Condition, Fold, Folds
from lakemill.validation.one_pass.slices import NOWHERE, Positions

Style = Literal["values", "nulls", "pairs", "records"]


@dataclass(frozen=True, eq=False)
class RowsVerdict:
    """Which rows fail, of how many.

    Attributes
    ----------
    style : str
        How Great Expectations shows failing rows: by the value, the pair of values, or the record; of ``nulls`` it
        counts no missing values apart.
    columns : tuple of str
        What is shown of a row.
    rows, ignored : int
        All, and those of these that are not spoken of.
    mostly : float in [0, 1]
        The share that must not fail.
    failing : ndarray of int64
        Positions.
    shown : pyarrow.Table or None
        The columns of the first failing rows; None: still to be looked up.
    """

    style: Style
    columns: tuple[str, ...]
    rows: int
    ignored: int
    mostly: float
    failing: Positions = field(default_factory=lambda: NOWHERE)
    shown: pa.Table | None = None


@dataclass(frozen=True)
class TableVerdict:
    """What was observed of the table or a column as a whole.

    Attributes
    ----------
    success : bool
    result : dict
        As Great Expectations has it, in its JSON form.
    """

    success: bool
    result: dict[str, Any]


Verdict = RowsVerdict | TableVerdict


@dataclass(frozen=True, eq=False)
class Check:
    """An expectation made ready: what to gather, and the judgement of it.

    Attributes
    ----------
    folds : tuple of Fold
    judge : callable
        Function without arguments, to be called after the pass.
    """

    folds: tuple[Fold, ...]
    judge: Callable[[], Verdict]


Rule = Callable[[Arguments, Folds, Condition], Check]
