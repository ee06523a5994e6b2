"""Whether training got slower: its CPU seconds a row beside those of earlier trainings.

Stays out: gathering times (``registry.training_times``), and what the gate says of it (``gate.py``).
"""

import math
from dataclasses import dataclass
from statistics import median

from lakemill.config.gate import TrainingTime


@dataclass(frozen=True)
class Pace:
    """How long a part of a training took, and how long the same took before.

    Attributes
    ----------
    what : str
        Like ``trials of boosting``.
    rows : int
        That were fitted.
    seconds : float
        CPU seconds of fitting them.
    earlier : tuple of float
        CPU seconds a row of the same part of earlier trainings.
    """

    what: str
    rows: int
    seconds: float
    earlier: tuple[float, ...] = ()

    @property
    def usual(self) -> float:
        """CPU seconds that as many rows took before: by the median, which one odd training does not move."""
        return median(self.earlier) * self.rows if self.earlier else math.nan

    @property
    def times(self) -> float:
        """How many times as long as before; NaN where there is nothing to compare with."""
        return self.seconds / self.usual if self.earlier and self.usual > 0 else math.nan

    def is_slower(self, limits: TrainingTime) -> bool:
        """Tell whether it is slower by a factor and by seconds that count.

        Examples
        --------
        >>> now = Pace("trials of boosting", rows=1000, seconds=30.0, earlier=(0.010, 0.011, 0.5))
        >>> now.is_slower(TrainingTime(times=2.0)), now.is_slower(TrainingTime(times=3.0))
        (True, False)
        """
        return self.times >= limits.times and self.seconds - self.usual >= limits.seconds

    def __str__(self) -> str:
        return (
            f"{self.what} took {self.seconds:.1f} CPU s to fit {self.rows:,} rows, {self.times:.1f} times the usual "
            f"{self.usual:.1f} s of {len(self.earlier)} earlier training(s)"
        )
