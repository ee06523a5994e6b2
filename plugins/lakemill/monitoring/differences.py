"""How two profiles of a column differ: one small function a statistic, and the table of them.

A statistic that is tested says what chance alone makes of it; one that is not describes. All are read from profiles,
never from rows. Stays out: how much is too much (``limits.py``, ``drift.py``).
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import gammaln, kolmogorov
from scipy.stats import binom, chi2_contingency, norm

from lakemill.monitoring.sketches import OTHERS, ColumnProfile

SHARES = np.linspace(0, 1, 101)  # quantiles of both sides at which distribution functions are compared
DECILES = np.linspace(0.1, 0.9, 9)
LEAST_EXPECTED = 5  # rows of a category, by chance alone, on the smaller side (Cochran, 1954)
# Kolmogorov's K**2 has the mean pi**2 / 12, and the variance of a chi-square with so many degrees of freedom, scaled
KOLMOGOROV_MEAN, KOLMOGOROV_FREEDOM = math.pi**2 / 12, 5.0
SHIFT = math.sqrt(2 * math.pi)  # standard deviations that a normal is shifted by, for each unit of Kolmogorov distance
RANK_FLOOR = SHIFT / (2 * math.sqrt(math.pi))  # what such a shift adds to P(current > reference)


@dataclass(frozen=True)
class Difference:
    """What one statistic says of a column.

    Attributes
    ----------
    effect : float
        The statistic, 0 where both sides are alike.
    p_value : float
        How often chance alone makes as much, in [0, 1]; NaN where the statistic only describes.
    chance : float
        Mean of the effect's square under chance alone.
    freedom : float
        Degrees of freedom of that square.
    """

    effect: float
    p_value: float = math.nan
    chance: float = 0.0
    freedom: float = 1.0


@dataclass(frozen=True)
class Pair:
    """Two profiles of one column and one kind, both with values, and what several statistics need of them."""

    reference: ColumnProfile
    current: ColumnProfile

    @property
    def chance(self) -> float:
        """1 / n + 1 / m of the rows with a value: the variance of a difference of means, in standard deviations."""
        return 1 / self.reference.values + 1 / self.current.values

    @cached_property
    def points(self) -> np.ndarray:
        """Quantiles of both sides; each twice, so that values that many rows have are a step."""
        found = [side.digest.get_quantile(share) for side in (self.reference, self.current) for share in SHARES]
        return _doubled(np.array(found))

    @cached_property
    def ranks(self) -> np.ndarray:
        """Both distribution functions at the points, shape (2, points)."""
        return np.array([_rank(side, self.points) for side in (self.reference, self.current)])

    @cached_property
    def counts(self) -> np.ndarray:
        """Rows of both by category, or by bins of the reference's deciles with what lies beyond it; (2, bins)."""
        if self.reference.kind == "categorical":
            return _align(self.reference.categories, self.current.categories)
        edges = _doubled(np.array([*self.reference.extremes, *map(self.reference.digest.get_quantile, DECILES)]))
        sides = (self.reference, self.current)
        shares = [np.diff(_rank(side, edges), prepend=0.0, append=1.0) * side.values for side in sides]
        counts = np.maximum(np.array(shares), 0.0)
        return np.asarray(counts[:, counts.sum(axis=0) > 0])


def kolmogorov_smirnov(pair: Pair) -> Difference:
    """Greatest distance of the distribution functions, in [0, 1]; p by Kolmogorov's limit distribution."""
    distance = float(np.abs(pair.ranks[0] - pair.ranks[1]).max())
    p_value = float(kolmogorov(distance / math.sqrt(pair.chance)))
    return Difference(distance, p_value, KOLMOGOROV_MEAN * pair.chance, KOLMOGOROV_FREEDOM)


def rank_shift(pair: Pair) -> Difference:
    """How far P(current > reference) lies from one half; p by Mann and Whitney (1947), ties half each way."""
    reference, current = (np.concatenate([[0.0], ranks, [1.0]]) for ranks in pair.ranks)
    above = float((np.diff(current) * (reference[1:] + reference[:-1])).sum() / 2)
    return _normal(above - 0.5, pair.chance / 12)


def total_variation(pair: Pair) -> Difference:
    """Half the sum of differences of the categories' shares, in [0, 1]; p by chi-square, rare categories together."""
    counts = pair.counts
    shares = counts / counts.sum(axis=1, keepdims=True)
    together = counts.sum(axis=0) / counts.sum()
    deviations = np.sqrt(together * (1 - together) * pair.chance)
    freedom = max(1.0, len(together) - 1.0)
    by_chance = (deviations.sum() / math.sqrt(2 * math.pi)) ** 2 * (1 + (math.pi / 2 - 1) / freedom)
    p_value = _chi_square(_pool_rare(counts))
    return Difference(float(np.abs(shares[0] - shares[1]).sum() / 2), p_value, float(by_chance), freedom)


def new_categories(pair: Pair) -> Difference:
    """Share of current rows whose category the reference has not; p by how many it has once only (Good, 1953)."""
    held = pair.reference.categories
    if held[OTHERS] or pair.current.categories[OTHERS]:  # what was counted among the others may be in them
        return Difference(0.0, 1.0)
    new = sum(count for name, count in pair.current.categories.items() if name not in held)
    once = sum(1 for count in held.values() if count == 1)
    unseen = min(1.0, (once + 2 * math.sqrt(once + 1) + 1) / pair.reference.values)
    return Difference(new / pair.current.values, float(binom.sf(new - 1, pair.current.values, unseen)))


def vanished_categories(pair: Pair) -> Difference:
    """Share of reference rows whose category comes no more; p of the most frequent of them, times their number."""
    held, seen = pair.reference.categories, pair.current.categories
    if held[OTHERS] or seen[OTHERS]:
        return Difference(0.0, 1.0)
    gone = [count / pair.reference.values for name, count in held.items() if not seen[name]]
    if not gone:
        return Difference(0.0, 1.0)
    # exchangeable rows: none of the values of both that are this category lies among the current ones
    rows = round(max(gone) * pair.reference.values)
    total = pair.reference.values + pair.current.values
    log_p = _log_choose(pair.reference.values, rows) - _log_choose(total, rows)
    return Difference(sum(gone), min(1.0, len(held) * math.exp(min(0.0, log_p))))


def out_of_range(pair: Pair) -> Difference:
    """Share of current values beyond the reference's extremes; p by how the extremes of two samples of one kind lie."""
    least, greatest = pair.reference.extremes
    low, high = pair.current.extremes
    below = _rank(pair.current, np.array([least]))[0] if low < least else 0.0
    above = 1 - _rank(pair.current, np.array([np.nextafter(greatest, np.inf)]))[0] if high > greatest else 0.0
    n, m = pair.current.values, pair.reference.values
    log_p = [_log_choose(n, rows) - _log_choose(n + m, rows) for rows in (round(below * n), round(above * n))]
    return Difference(float(below + above), min(1.0, 2 * math.exp(min(0.0, *log_p))))


def null_share(reference: ColumnProfile, current: ColumnProfile) -> Difference:
    """Change of the share of rows without a value; p by chi-square."""
    together = (reference.nulls + current.nulls) / (reference.count + current.count)
    p_value = _chi_square(np.array([[one.nulls, one.values] for one in (reference, current)], dtype=float))
    by_chance = together * (1 - together) * (1 / reference.count + 1 / current.count)
    return Difference(abs(reference.null_share - current.null_share), p_value, by_chance)


def population_stability(pair: Pair) -> Difference:
    """PSI of the categories or of bins at the reference's deciles, half a row added to each."""
    reference, current = _smoothed(pair.counts)
    return Difference(float(((current - reference) * np.log(current / reference)).sum()))


def jensen_shannon(pair: Pair) -> Difference:
    """Square root of the Jensen-Shannon divergence (base 2) of what PSI is made of, in [0, 1]."""
    sides = _smoothed(pair.counts)
    middle = sides.mean(axis=0)
    return Difference(math.sqrt(max(0.0, float((sides * np.log2(sides / middle)).sum() / 2))))


def wasserstein(pair: Pair) -> Difference:
    """Earth mover's distance, the outermost hundredths left out, in standard deviations that the quartiles tell of.

    So no single value counts, neither in the distance nor in its unit (IQR / 1.349; where that is 0, the reference's
    standard deviation).
    """
    tails = [[side.digest.get_quantile(share) for side in (pair.reference, pair.current)] for share in (0.01, 0.99)]
    is_inside = (pair.points >= min(tails[0])) & (pair.points <= max(tails[1]))
    apart = np.abs(pair.ranks[0] - pair.ranks[1])[is_inside]
    moved = float(((apart[1:] + apart[:-1]) / 2 * np.diff(pair.points[is_inside])).sum())
    quartiles = [pair.reference.digest.get_quantile(share) for share in (0.25, 0.75)]
    scale = (quartiles[1] - quartiles[0]) / 1.349 or pair.reference.standard_deviation
    return Difference(moved / scale if scale else (math.inf if moved else 0.0))


@dataclass(frozen=True)
class Statistic:
    """A line of the table.

    Attributes
    ----------
    kinds : frozenset of str
        Columns that it is for.
    measure : callable
        Of a `Pair`.
    floor : float or None
        Its least effect, for each unit of the workflow's ``monitor.effect``; None: it describes, and nothing is tested.
    """

    kinds: frozenset[str]
    measure: Callable[[Pair], Difference]
    floor: float | None = None


_NUMERIC, _CATEGORICAL = frozenset({"numeric"}), frozenset({"categorical"})
# floors: the effect of that shift of a normal which has the Kolmogorov-Smirnov distance 1, for small shifts
STATISTICS: dict[str, Statistic] = {
    "kolmogorov_smirnov": Statistic(_NUMERIC, kolmogorov_smirnov, 1.0),
    "rank_shift": Statistic(_NUMERIC, rank_shift, RANK_FLOOR),
    "out_of_range": Statistic(_NUMERIC, out_of_range, 1.0),
    "total_variation": Statistic(_CATEGORICAL, total_variation, 1.0),
    "new_categories": Statistic(_CATEGORICAL, new_categories, 1.0),
    "vanished_categories": Statistic(_CATEGORICAL, vanished_categories, 1.0),
    "population_stability": Statistic(_NUMERIC | _CATEGORICAL, population_stability),
    "jensen_shannon": Statistic(_NUMERIC | _CATEGORICAL, jensen_shannon),
    "wasserstein": Statistic(_NUMERIC, wasserstein),
}
NULL_SHARE = "null_share"  # of every column, also where a side has no values
OF_ALL_COLUMNS = "classifier"  # of all columns together, see together.py; in the unit of rank_shift
FLOORS: dict[str, float] = {NULL_SHARE: 1.0, OF_ALL_COLUMNS: RANK_FLOOR}
FLOORS |= {name: one.floor for name, one in STATISTICS.items() if one.floor is not None}


def measure_differences(reference: ColumnProfile, current: ColumnProfile) -> dict[str, Difference]:
    """Return what every statistic of the column's kind says.

    Parameters
    ----------
    reference, current : ColumnProfile
        Of one kind, both with rows.

    Returns
    -------
    dict of str to Difference
        By name; `NULL_SHARE` alone where a side has no values.
    """
    found = {NULL_SHARE: null_share(reference, current)}
    if min(reference.values, current.values) == 0:
        return found
    pair = Pair(reference, current)
    return found | {name: one.measure(pair) for name, one in STATISTICS.items() if reference.kind in one.kinds}


def _normal(effect: float, variance: float) -> Difference:
    return Difference(abs(effect), float(2 * norm.sf(abs(effect) / math.sqrt(variance))), variance)


def _doubled(points: np.ndarray) -> np.ndarray:
    return np.unique(np.concatenate([points, np.nextafter(points, np.inf)]))


def _rank(side: ColumnProfile, points: np.ndarray) -> np.ndarray:
    return np.array(side.digest.get_cdf(points.tolist())[:-1])


def _align(reference: Counter[str], current: Counter[str]) -> np.ndarray:
    """Return the counts of both by category; what one may have counted among its others is one with them."""
    sides = (reference, current)
    apart = set(reference) | set(current)
    for side in sides:
        apart = apart & set(side) if side[OTHERS] else apart
    names = sorted(apart - {OTHERS})
    counts = np.array([[side[name] for name in names] + [0] for side in sides], dtype=float)
    counts[:, -1] = [sum(side.values()) for side in sides] - counts.sum(axis=1)
    return counts


def _pool_rare(counts: np.ndarray) -> np.ndarray:
    """Put the others (last) and categories too rare for chi-square together; new ones are rare or others by chance."""
    expected = counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum()
    rare = expected < LEAST_EXPECTED
    rare[-1] = True
    return np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])


def _chi_square(counts: np.ndarray) -> float:
    table = counts[:, counts.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return 1.0
    return float(chi2_contingency(table).pvalue)


def _smoothed(counts: np.ndarray) -> np.ndarray:
    added = counts + 0.5
    return np.asarray(added / added.sum(axis=1, keepdims=True))


def _log_choose(total: int, drawn: int) -> float:
    return float(gammaln(total + 1) - gammaln(drawn + 1) - gammaln(total - drawn + 1))
