"""The gate's rules on simulated pairs of models, beside plain comparisons of point values.

    .venv/bin/python benchmarks/gate.py --draws 1000

Rows have a hidden signal; a model sees it through noise, of which two models share a part. So what a candidate is truly
worth is known: from 200,000 rows. In each draw both score the same new test rows, and are let in by

    plain      a score at least as good as the champion's
    gate       the gate as it is by default: better beyond doubt
    margin     the gate with a margin: not worse than it, beyond doubt

A candidate that is worse by the margin, or equal, may be let in five times in a hundred at most; one that is clearly
better (by four standard errors of the metric that tells least) at least ninety times. The second table has a tenth of
the labels wrong, which the margin knows or does not; the third asks how often a candidate that is nowhere worse is
refused for a slice.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "plugins"))

from lakemill.config.features import Features  # noqa: E402
from lakemill.config.gate import Gate  # noqa: E402
from lakemill.evaluation.ceiling import find_attenuation  # noqa: E402
from lakemill.evaluation.comparison import Difference, measure_figures  # noqa: E402
from lakemill.evaluation.gate import Evidence, LabelNoise  # noqa: E402
from lakemill.evaluation.gate.quality import check_champion  # noqa: E402
from lakemill.evaluation.metrics import METRICS  # noqa: E402
from lakemill.evaluation.predictions import Prediction  # noqa: E402
from lakemill.evaluation.slices import compare_slices, cut_declared, cut_features  # noqa: E402
from lakemill.evaluation.weighted import prepare  # noqa: E402

OF_CLASSES = ("roc_auc", "log_loss", "accuracy", "balanced_accuracy")
OF_VALUES = ("root_mean_squared_error", "mean_absolute_error")
NOISE = 1.2  # of the champion, in standard deviations of the signal
WORSE = 0.08  # more of it, in a candidate that is worse
SHARED = 0.7  # of the noise's variance
MANY, GRID = 200_000, np.linspace(0.05, NOISE, 12)
CLEAR = 4.0  # standard errors
WRONG = 0.1  # of the labels


@dataclass(frozen=True)
class Pair:
    """Test rows, and what champion and candidate say of them."""

    y: np.ndarray
    candidate: Prediction
    champion: Prediction


Maker = Callable[[np.random.Generator, int, float], Pair]


def draw_classes(draw: np.random.Generator, count: int, noise: float) -> Pair:
    """Two classes, a quarter of them positive; the candidate's noise is given."""
    signal, common = draw.normal(size=(2, count))
    y = np.where(draw.random(count) < _logistic(3 * signal - 2), "yes", "no").astype(object)
    return Pair(y, *(_say_class(signal, common, draw.normal(size=count), one) for one in (noise, NOISE)))


def draw_values(draw: np.random.Generator, count: int, noise: float) -> Pair:
    """Numbers, with noise of long tails."""
    y, common = draw.normal(size=count), draw.standard_t(5, size=count)
    both = (_mix(common, draw.standard_t(5, size=count), one) for one in (noise, NOISE))
    return Pair(y, *(Prediction(y + one) for one in both))


def _mix(common: np.ndarray, own: np.ndarray, noise: float) -> np.ndarray:
    return np.asarray(noise * (np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own))


def _say_class(signal: np.ndarray, common: np.ndarray, own: np.ndarray, noise: float) -> Prediction:
    seen = signal + _mix(common, own, noise)
    probability = _logistic(3 * seen / (1 + noise**2) - 1.6)
    probabilities = np.column_stack([1 - probability, probability])
    return Prediction(np.where(probability > 0.5, "yes", "no").astype(object), probabilities, ("no", "yes"))


def _logistic(value: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-value)))


def count_draws(draws: int, what: str) -> Iterable[int]:
    """Number draws, with a bar on the standard error."""
    return track(range(draws), what, console=Console(stderr=True), transient=True)


def find_gain(make: Maker, names: tuple[str, ...], noise: float) -> dict[str, float]:
    """Return what a candidate of this noise is truly better by, in each metric."""
    pair = make(np.random.default_rng(0), MANY, noise)
    once = np.ones((1, MANY))
    found = {}
    for name in names:
        scores = [prepare(METRICS[name], pair.y, one)(once)[0] for one in (pair.candidate, pair.champion)]
        found[name] = float(METRICS[name].gain(*scores))
    return found


def find_clear(make: Maker, names: tuple[str, ...], count: int) -> float:
    """Return the noise of a candidate that is clearly better on so many rows, by each of the metrics."""
    pairs = [make(np.random.default_rng([1, number]), count, NOISE * 0.7) for number in range(60)]
    errors = {
        name: np.std(
            [METRICS[name].gain(*(METRICS[name](one.y, m) for m in (one.candidate, one.champion))) for one in pairs]
        )
        for name in names
    }
    for noise in GRID[::-1]:
        gains = find_gain(make, names, float(noise))
        if min(gains[name] / errors[name] for name in names) >= CLEAR:
            return float(noise)
    return float(GRID[0])


def judge_pairs(
    make: Maker, names: tuple[str, ...], count: int, noise: float, margins: dict[str, float], draws: int
) -> Iterator[dict[str, Any]]:
    """Yield for each draw and metric who lets the candidate in."""
    for number in count_draws(draws, f"{count} rows, noise {noise:.2f}"):
        pair = make(np.random.default_rng([2, number, count]), count, noise)
        metrics = [METRICS[name] for name in names]
        figures = measure_figures(metrics, pair.y, pair.candidate, pair.champion, confidence=0.95, seed=number)
        for metric, figure in zip(metrics, figures, strict=True):
            assert figure.difference is not None
            yield {
                "metric": metric.name,
                "plain": figure.difference.gain >= 0,
                "gate": is_let_in(metric.name, figure.difference),
                "margin": is_let_in(metric.name, figure.difference, margin=margins[metric.name]),
            }


def is_let_in(name: str, difference: Difference, *, margin: float = 0.0, noise: LabelNoise | None = None) -> bool:
    """Return what the gate's rule says of a difference."""
    evidence = Evidence(METRICS[name], 0.0, 0.0, difference, noise=noise)
    return check_champion(evidence, Gate.model_validate({"against_champion": {"margin": margin}})).is_met


def tell_pairs(sizes: list[int], draws: int) -> pd.DataFrame:
    """Return shares of candidates that are let in, by metric, rows and what they are truly worth."""
    rows = []
    for make, names in ((draw_classes, OF_CLASSES), (draw_values, OF_VALUES)):
        margins = {name: -gain for name, gain in find_gain(make, names, NOISE + WORSE).items()}
        for count in sizes:
            noises = {
                "worse by the margin": NOISE + WORSE,
                "equal": NOISE,
                "clearly better": find_clear(make, names, count),
            }
            for what, noise in noises.items():
                gains = find_gain(make, names, noise) if noise != NOISE else dict.fromkeys(names, 0.0)
                found = pd.DataFrame(judge_pairs(make, names, count, noise, margins, draws))
                for name, share in found.groupby("metric", sort=False).mean().iterrows():
                    told = {"metric": name, "rows": count, "candidate": what, "true gain": gains[str(name)]}
                    rows.append({**told, **(100 * share).to_dict()})
    return pd.DataFrame(rows)


def tell_noise(count: int, draws: int) -> pd.DataFrame:
    """Return how often a candidate that is worse by the margin is let in where a tenth of the labels is wrong."""
    name, noise = "roc_auc", NOISE + 0.35
    margin = -find_gain(draw_classes, (name,), noise)[name]
    found = []
    for number in count_draws(draws, "wrong labels"):
        draw = np.random.default_rng([3, number])
        pair = draw_classes(draw, count, noise)
        is_yes = pair.y == "yes"
        labels = np.where(is_yes ^ (draw.random(count) < WRONG), "yes", "no").astype(object)
        share = float(is_yes.mean())
        shown = find_attenuation(
            METRICS[name], np.array([1 - share, share]), np.array([[1 - WRONG, WRONG], [WRONG, 1 - WRONG]])
        )
        figure = measure_figures([METRICS[name]], labels, pair.candidate, pair.champion, confidence=0.95, seed=number)[
            0
        ]
        assert figure.difference is not None
        audit = LabelNoise(WRONG, WRONG, WRONG, None, shown)
        found.append(
            {
                "rows": count,
                "true gain": -margin,
                "shown": figure.difference.gain,
                "margin": 100 * is_let_in(name, figure.difference, margin=margin),
                "margin that knows": 100 * is_let_in(name, figure.difference, margin=margin, noise=audit),
            }
        )
    return pd.DataFrame(found).mean().to_frame().T


def tell_slices(count: int, draws: int) -> pd.DataFrame:
    """Return how often a candidate that is as good as the champion everywhere is refused for a slice."""
    rows = []
    for name in ("roc_auc", "log_loss", "balanced_accuracy"):
        found = [count_failed(name, count, number) for number in count_draws(draws, f"slices, {name}")]
        slices = int(np.mean([one for one, *_ in found]))
        plain, gate, strict = (100 * float(np.mean([one[place] > 0 for one in found])) for place in (1, 2, 3))
        told = {"metric": name, "rows": count, "slices": slices, "plain": plain, "gate": gate, "no tolerance": strict}
        rows.append(told)
    return pd.DataFrame(rows)


def count_failed(name: str, count: int, number: int) -> tuple[int, int, int, int]:
    """Return how many slices there are, and how many fail by the point value, by the gate, and without tolerance."""
    draw = np.random.default_rng([4, number])
    pair = draw_classes(draw, count, NOISE)
    X = pd.DataFrame({f"x{one}": draw.normal(size=count) for one in range(12)})
    X["kind"] = draw.choice(list("abcde"), count)
    declared = pd.DataFrame(
        {"origin": draw.choice(["x", "y", "z"], count), "carrier": draw.integers(0, 12, count).astype(str)}
    )
    cuts = [*cut_declared(declared), *cut_features(X, Features(numeric=tuple(X.columns[:-1]), categorical=("kind",)))]
    span = {"roc_auc": 0.5, "log_loss": 0.6, "balanced_accuracy": 0.5}[name]
    both = [
        compare_slices(
            METRICS[name], pair.y, pair.candidate, pair.champion, cuts, tolerance=tolerance, floor=None, seed=0
        )
        for tolerance in (0.02 * span, 0.0)
    ]
    plain = sum(one.gain < 0 for one in both[0])
    return len(both[0]), plain, *(sum(one.is_worse for one in found) for found in both)  # type: ignore[return-value]  # of two


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1000])
    given = parser.parse_args()
    formats = {"float_format": lambda value: f"{value:.4g}", "index": False}
    print(f"let in, % of {given.draws} draws\n{tell_pairs(given.rows, given.draws).to_string(**formats)}\n", flush=True)
    print(f"worse by the margin, {WRONG:.0%} of labels wrong, let in, %")
    print(tell_noise(4000, given.draws).to_string(**formats), flush=True)
    few = max(1, given.draws // 5)
    print(f"\nnowhere worse, refused for a slice, % of {few} draws\n{tell_slices(5000, few).to_string(**formats)}")


if __name__ == "__main__":
    main()
