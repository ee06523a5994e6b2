"""Which of the tuned models is fitted: the best, the cheapest that is about as good, or the best that a limit allows.

Stays out: measuring (``measuring.py``), and how sure a score is (``evaluation.standard_errors``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lakemill.config.choosing import Choose

# The same fit measured twice on a busy machine differs by less than this; below a tenth of a second all fits are cheap.
SAME_TIMES = 2.0
SAME_SECONDS = 0.1


@dataclass(frozen=True)
class Option:
    """A candidate with parameters that could be fitted.

    Attributes
    ----------
    candidate : str
    parameters : dict
    score : float
        On validation rows, greater is better; NaN where it is not defined.
    standard_error : float
        Of the score; NaN where it is not known.
    seconds : float
        CPU seconds that fitting it on all training and validation rows is expected to take; NaN where not known.
    trial : int or None
        Number of the trial that it was tried in.
    """

    candidate: str
    parameters: dict[str, Any]
    score: float
    standard_error: float = math.nan
    seconds: float = math.nan
    trial: int | None = None


@dataclass(frozen=True)
class Choice:
    """What is fitted, and why.

    Attributes
    ----------
    option : Option
    reason : str
    """

    option: Option
    reason: str


def choose(finalists: Sequence[Option], trials: Sequence[Option], how: Choose) -> Choice:
    """Choose what is fitted.

    Parameters
    ----------
    finalists : sequence of Option
        What tuning made of each candidate, in the workflow file's order; the best is taken from these alone.
    trials : sequence of Option
        All that was tried. Of a candidate, trials with a better score than its finalist are not looked at: the
        finalist was preferred to them.
    how : Choose

    Returns
    -------
    Choice

    Notes
    -----
    One standard error of the best score: Breiman, Friedman, Olshen and Stone, Classification and Regression Trees
    (1984), section 3.4.3. Times are noisy, so fits whose expected times differ by less than ``SAME_TIMES``, or
    are all below ``SAME_SECONDS``, count as equally cheap, and the better score decides; of equal ones the first.

    Examples
    --------
    >>> boosting, logistic = Option("boosting", {}, 0.72, 0.01, 9.0), Option("logistic", {}, 0.715, 0.01, 0.5)
    >>> choose([boosting, logistic], [], Choose(rule="cheapest")).option.candidate
    'logistic'
    """
    best = max(finalists, key=_rank)
    if how.best_under is None and how.rule == "best":
        return Choice(best, "the best score")
    held = {one.candidate: one for one in finalists}
    known = [one for one in (*finalists, *trials) if math.isfinite(one.seconds) and math.isfinite(one.score)]
    options = [one for one in known if one.candidate in held and one.score <= _rank(held[one.candidate])]
    if not options:
        return Choice(best, "the best score: no times are known")
    if how.best_under is not None:
        return _choose_under(options, how.best_under.total_seconds())
    if not math.isfinite(best.standard_error):
        return Choice(best, "the best score: its standard error is not known")
    as_good = [one for one in options if one.score >= best.score - best.standard_error]
    if not as_good:
        return Choice(best, "the best score: no times are known of what is as good")
    cheapest = _find_cheapest(as_good)
    if cheapest is best or _is_as_cheap(best.seconds, min(one.seconds for one in as_good)):
        return Choice(best, "the best score, and nothing as good within one standard error is cheaper")
    return Choice(
        cheapest,
        f"the cheapest within one standard error ({best.standard_error:.2g}) of the best score: "
        f"{_tell(cheapest.seconds)} of fitting expected, {_tell(best.seconds)} of the best",
    )


def find_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which points no other one beats: none is both at least as cheap and at least as good, and better in one.

    Parameters
    ----------
    points : sequence of (float, float)
        Seconds, less is better, and score, greater is better; one that is not a number is on no front.

    Returns
    -------
    list of int
        Positions by seconds; of points that are the same the first.

    Examples
    --------
    >>> find_front([(1.0, 0.6), (2.0, 0.5), (3.0, 0.8), (3.0, 0.7)])
    [0, 2]
    """
    known = [place for place, point in enumerate(points) if all(map(math.isfinite, point))]
    front: list[int] = []
    for place in sorted(known, key=lambda place: (points[place][0], -points[place][1])):
        if not front or points[place][1] > points[front[-1]][1]:
            front.append(place)
    return front


def _choose_under(options: list[Option], limit: float) -> Choice:
    quick = [one for one in options if one.seconds <= limit]
    if quick:
        best = max(quick, key=_rank)
        return Choice(best, f"the best score under {limit:g} s: {_tell(best.seconds)} of fitting expected")
    cheapest = _find_cheapest(options)
    told = f"none is under {limit:g} s: the best of about the cheapest, {_tell(cheapest.seconds)} of fitting expected"
    return Choice(cheapest, told)


def _find_cheapest(options: list[Option]) -> Option:
    least = min(one.seconds for one in options)
    return max((one for one in options if _is_as_cheap(one.seconds, least)), key=_rank)


def _is_as_cheap(seconds: float, least: float) -> bool:
    return seconds <= max(SAME_TIMES * least, SAME_SECONDS)


def _rank(option: Option) -> float:
    return option.score if math.isfinite(option.score) else -math.inf


def _tell(seconds: float) -> str:
    return f"{seconds:.3g} CPU s" if math.isfinite(seconds) else "an unknown time"
