"""What is fitted: by score, by cost among what is as good, or by score under a limit; the same for noisy times."""

import math

import numpy as np
import pytest

from lakemill.config.choosing import Choose
from lakemill.training.choosing import Option, choose, find_front

NAN = math.nan
BEST, CHEAPEST, UNDER = Choose(), Choose(rule="cheapest"), Choose.model_validate({"best_under": "10 seconds"})


def option(candidate: str, score: float, seconds: float = NAN, error: float = 0.01, trial: int | None = 0) -> Option:
    return Option(candidate, {"trial": trial}, score, error, seconds, trial)


SLOW = option("slow", 0.80, 100.0, trial=3)
QUICK = option("quick", 0.795, 1.0)
POOR = option("poor", 0.70, 0.5)


@pytest.mark.parametrize(
    ("how", "finalists", "trials", "chosen"),
    [
        (BEST, [SLOW, QUICK, POOR], [], SLOW),
        (BEST, [QUICK, option("same", 0.795, 0.01)], [], QUICK),
        (BEST, [option("undefined", NAN, 1.0), POOR], [], POOR),
        (CHEAPEST, [SLOW, QUICK, POOR], [], QUICK),
        (CHEAPEST, [SLOW, POOR], [QUICK], SLOW),  # of a candidate that is no finalist
        (CHEAPEST, [SLOW, POOR], [option("slow", 0.791, 9.0, trial=1)], option("slow", 0.791, 9.0, trial=1)),
        (CHEAPEST, [SLOW, POOR], [option("slow", 0.789, 9.0, trial=1)], SLOW),
        (CHEAPEST, [SLOW, POOR], [option("slow", 0.81, 9.0, trial=1)], SLOW),  # tuning preferred its finalist to it
        (CHEAPEST, [SLOW, option("nearly", 0.799, 60.0)], [], SLOW),  # about as cheap: the better score
        (CHEAPEST, [option("a", 0.8, 0.09), option("b", 0.799, 0.001)], [], option("a", 0.8, 0.09)),
        (CHEAPEST, [option("a", 0.8, NAN), QUICK], [], QUICK),
        (CHEAPEST, [option("a", 0.8, NAN), POOR], [], option("a", 0.8, NAN)),
        (CHEAPEST, [option("a", 0.8, 9.0, NAN), QUICK], [], option("a", 0.8, 9.0, NAN)),
        (UNDER, [SLOW, QUICK, POOR], [], QUICK),
        (UNDER, [SLOW, QUICK], [option("slow", 0.796, 10.0, trial=1)], option("slow", 0.796, 10.0, trial=1)),
        (UNDER, [SLOW, option("other", 0.9, 30.0)], [], option("other", 0.9, 30.0)),  # none is: the cheapest
        (UNDER, [option("a", 0.8, NAN), option("b", 0.9, NAN)], [], option("b", 0.9, NAN)),
    ],
)
def test_the_choice(how: Choose, finalists: list[Option], trials: list[Option], chosen: Option) -> None:
    assert repr(choose(finalists, trials, how).option) == repr(chosen)  # NaN equals itself there


@pytest.mark.parametrize(
    ("how", "finalists", "reason"),
    [
        (BEST, [SLOW], "the best score"),
        (CHEAPEST, [SLOW, QUICK], "the cheapest within one standard error (0.01) of the best score: 1 CPU s of"),
        (CHEAPEST, [SLOW, POOR], "the best score, and nothing as good within one standard error is cheaper"),
        (UNDER, [SLOW, QUICK], "the best score under 10 s: 1 CPU s of fitting expected"),
        (UNDER, [SLOW], "none is under 10 s: the best of about the cheapest, 100 CPU s of fitting expected"),
        (CHEAPEST, [option("a", 0.8, NAN)], "the best score: no times are known"),
        (CHEAPEST, [option("a", 0.8, 1.0, NAN)], "the best score: its standard error is not known"),
    ],
)
def test_the_reason(how: Choose, finalists: list[Option], reason: str) -> None:
    assert choose(finalists, [], how).reason.startswith(reason)


def test_noise_of_a_quarter_changes_no_choice_between_clear_costs() -> None:
    draw = np.random.default_rng(0)
    clear = [option("a", 0.800, 40.0), option("b", 0.798, 5.0), option("c", 0.797, 4.5), option("d", 0.795, 4.2)]
    chosen = set()
    for _ in range(200):
        noisy = [Option(**{**vars(one), "seconds": one.seconds * draw.uniform(0.8, 1.25)}) for one in clear]
        chosen.add(choose(noisy, [], CHEAPEST).option.candidate)

    assert chosen == {"b"}


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([(1.0, 0.5)], [0]),
        ([(2.0, 0.5), (1.0, 0.5)], [1]),
        ([(1.0, 0.5), (1.0, 0.6)], [1]),
        ([(1.0, 0.5), (1.0, 0.5)], [0]),
        ([(3.0, 0.9), (1.0, 0.5), (2.0, 0.4)], [1, 0]),
        ([(1.0, NAN), (NAN, 0.9), (2.0, 0.1)], [2]),
    ],
)
def test_the_front(points: list[tuple[float, float]], front: list[int]) -> None:
    assert find_front(points) == front


def test_no_point_beats_one_of_the_front_and_each_other_is_beaten() -> None:
    draw = np.random.default_rng(1)
    points = [tuple(one) for one in draw.integers(0, 12, (60, 2)).astype(float)]

    def is_beaten(place: int) -> bool:
        seconds, score = points[place]
        return any(s <= seconds and r >= score and (s, r) != (seconds, score) for s, r in points)

    front = find_front(points)
    assert not any(is_beaten(place) for place in front)
    others = [place for place in range(60) if place not in front and points[place] not in [points[f] for f in front]]
    assert others
    assert all(is_beaten(place) for place in others)
