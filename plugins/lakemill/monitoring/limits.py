"""Limits learnt from the past: how much a statistic varied between partitions when nothing was wrong.

Chance is not all that makes partitions differ: days and months do. The variance beyond chance is learnt from earlier
partitions, shrunk to none where there are few, and a new difference is held against both together.
Stays out: which partitions are the past (``drift_table.py``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import chi2, f

from lakemill.monitoring.differences import Difference

PRIOR = 4  # the past begins as if so many partitions had differed by chance alone
MOST_CERTAIN = 1e6  # degrees of freedom from which on an estimate is as good as known
LEAST_OF_A_SEASON = 4  # partitions of one season by which it is judged alone


@dataclass(frozen=True)
class Earlier:
    """What a statistic said of an earlier partition, when nothing was wrong.

    Attributes
    ----------
    effect, chance : float
        As in `Difference`.
    is_of_season : bool
        Whether it was the same month, weekday or hour.
    """

    effect: float
    chance: float
    is_of_season: bool = False


@dataclass(frozen=True)
class Limit:
    """A difference held against the past.

    Attributes
    ----------
    p_value : float
        How often a partition of the same past differs as much; 0 where there is no past.
    usual : float
        Root of the mean square that the past and chance make expect; NaN where there is no past.
    partitions : int
        The past's number.
    """

    p_value: float
    usual: float
    partitions: int


def hold_against_past(difference: Difference, past: Sequence[Earlier]) -> Limit:
    """Tell how unusual a difference is among those of the past.

    Parameters
    ----------
    difference : Difference
    past : sequence of Earlier

    Returns
    -------
    Limit
        Of the season's partitions where there are enough of them; else the milder of all of the past and of the season.

    Notes
    -----
    A square of an effect is taken as s chi2(k) / k, with s = chance + excess. Chance is known; the excess is the
    past's mean of effect**2 - chance, `PRIOR` partitions without any put to it. So the square by s is an F(k, m). As
    excess or chance makes up s, k lies between 1 and the statistic's degrees of freedom, m between past + PRIOR and
    infinity (Satterthwaite, 1946). It is the prediction interval of a random-effects model (Higgins et al., 2009),
    with a prior.

    Examples
    --------
    >>> alike, apart = ([Earlier(effect, 0.0001)] * 12 for effect in (0.01, 0.1))
    >>> now = Difference(effect=0.1, p_value=1e-20, chance=0.0001)
    >>> [round(hold_against_past(now, past).p_value, 2) for past in (alike, apart)]
    [0.0, 0.27]
    """
    if not past:
        return Limit(0.0, math.nan, 0)
    season = [one for one in past if one.is_of_season]
    if len(season) >= LEAST_OF_A_SEASON:
        return _predict(difference, season)
    return max((_predict(difference, part) for part in (past, season) if part), key=lambda limit: limit.p_value)


def _predict(difference: Difference, past: Sequence[Earlier]) -> Limit:
    number = len(past)
    excess = max(0.0, sum(one.effect**2 - one.chance for one in past) / (number + PRIOR))
    expected = difference.chance + excess
    if expected == 0:
        return Limit(0.0 if difference.effect else 1.0, 0.0, number)
    freedom = expected**2 / (difference.chance**2 / difference.freedom + excess**2)
    certainty = (number + PRIOR) * (expected / excess) ** 2 if excess else math.inf
    ratio = difference.effect**2 / expected
    # F's limit where nothing is estimated: scipy's F knows no infinite degrees of freedom
    p_value = f.sf(ratio, freedom, certainty) if certainty < MOST_CERTAIN else chi2.sf(ratio * freedom, freedom)
    return Limit(float(p_value), math.sqrt(expected), number)
