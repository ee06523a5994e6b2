"""How long scoring a row takes: candidate and champion in turn on the same rows, by the clock, several times.

By the clock and not by CPU seconds, since a model that waits keeps those waiting who want its scores. Stays out: what
is too long.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import pandas as pd
from sklearn.pipeline import Pipeline

from lakemill.evaluation.predictions import predict

REPEATS = 7
FEW_ROWS, MOST_ROWS = 20, 2_000
LONGEST = 0.1  # seconds of one repeat that are aimed at


@dataclass(frozen=True)
class ScoringPace:
    """Seconds a row, one for each repeat.

    Attributes
    ----------
    rows : int
        Scored at once.
    candidate, champion : tuple of float
        In the order in which they were measured, in turn; no champion's where there is none.
    """

    rows: int
    candidate: tuple[float, ...]
    champion: tuple[float, ...] = ()

    @property
    def usual(self) -> float:
        """The candidate's seconds a row: the median."""
        return median(self.candidate)

    @property
    def least(self) -> float:
        """The candidate's seconds a row at its fastest, which a busy machine does not make longer."""
        return min(self.candidate)

    @property
    def times(self) -> float | None:
        """How many times as long as the champion, each repeat held against that beside it; None without one."""
        if not self.champion:
            return None
        return median(one / max(other, 1e-12) for one, other in zip(self.candidate, self.champion, strict=True))


def measure_scoring(
    candidate: tuple[Pipeline, pd.DataFrame],
    champion: tuple[Pipeline, pd.DataFrame] | None = None,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> ScoringPace:
    """Measure how long a row takes to score.

    Parameters
    ----------
    candidate, champion : tuple of (Pipeline, DataFrame)
        Fitted, and the same rows as each takes them.
    clock : callable
        Returns seconds.

    Returns
    -------
    ScoringPace
    """
    models = [candidate] if champion is None else [candidate, champion]

    def take(model: tuple[Pipeline, pd.DataFrame], rows: int) -> float:
        began = clock()
        predict(model[0], model[1].iloc[:rows])
        return (clock() - began) / rows

    held = len(candidate[1])
    few = min(FEW_ROWS, held)
    slowest = max(min(take(model, few) for _ in range(2)) for model in models)  # the first call also warms up
    rows = int(min(held, max(few, min(MOST_ROWS, LONGEST / max(slowest, 1e-9)))))
    found: list[list[float]] = [[] for _ in models]
    for _ in range(REPEATS):
        for place, model in enumerate(models):
            found[place].append(take(model, rows))
    return ScoringPace(rows, *(tuple(one) for one in found))
