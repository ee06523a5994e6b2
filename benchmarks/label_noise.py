"""Label errors of pictures of clothes: which are found, how many there seem to be, and what putting them right gains.

A part of Fashion-MNIST (MIT; Debian's package dataset-fashion-mnist) with label noise that is seeded: even (any other
class) or by class (its likeliest confusion). Labels are audited by the product's own judge; the score is the accuracy
of a logistic regression on clean test pictures, fitted on the noisy labels, without the flagged rows, with the flagged
rows put right (as by a person who answers the queue), and on the true labels.

    python benchmarks/label_noise.py --data /usr/share/datasets/fashion-mnist
"""

import argparse
import gzip
import statistics
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lakemill.config.features import Features
from lakemill.labels.errors import count_confidently, find_wrong_classes
from lakemill.labels.judges import make_judge, predict_classes
from lakemill.labels.noise import estimate_noise

CONFUSED_WITH = np.array([6, 3, 4, 0, 6, 7, 0, 9, 5, 7])  # T-shirt with shirt, sandal with sneaker, ...
HEAD = (
    "noise      true  estimate     interval  counted  clear  flagged  precision  recall    noisy  dropped  "
    "corrected  true labels  audit s"
)


def read_part(folder: Path, name: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    with gzip.open(folder / f"{name}-images-idx3-ubyte.gz") as images:
        X = np.frombuffer(images.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / f"{name}-labels-idx1-ubyte.gz") as labels:
        y = np.frombuffer(labels.read(), np.uint8, offset=8).astype(int)
    rows = np.random.default_rng(seed).choice(len(y), min(count, len(y)), replace=False)
    pixels = X[rows].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)  # 2 x 2 pixels made one
    return pixels / 255, y[rows]


def add_noise(y: np.ndarray, rate: float, kind: str, seed: int) -> np.ndarray:
    draw = np.random.default_rng(1000 + seed)
    wrong = draw.choice(len(y), round(rate * len(y)), replace=False)
    labels = y.copy()
    labels[wrong] = (y[wrong] + draw.integers(1, 10, len(wrong))) % 10 if kind == "even" else CONFUSED_WITH[y[wrong]]
    return labels


def score(X: np.ndarray, labels: np.ndarray, X_test: np.ndarray, y_test: np.ndarray) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=200))
    return float(model.fit(X, labels).score(X_test, y_test))


def measure(folder: Path, count: int, rate: float, kind: str, seed: int) -> dict[str, float]:
    X, y = read_part(folder, "train", count, seed)
    X_test, y_test = read_part(folder, "t10k", 4000, seed)
    labels = add_noise(y, rate, kind, seed)
    is_wrong = labels != y
    frame = pd.DataFrame(X, columns=[f"p{number}" for number in range(X.shape[1])])
    features = Features(numeric=tuple(frame.columns))
    began = time.perf_counter()
    judged = predict_classes(
        lambda: make_judge(features, problem="classification", seed=0), frame, labels, count=10, folds=5, seed=0
    )
    noise = estimate_noise(labels, judged)
    flagged = find_wrong_classes(labels, judged, noise).is_flagged
    seconds = time.perf_counter() - began
    hits = (flagged & is_wrong).sum()
    return {
        "true": is_wrong.mean(),
        "estimate": noise.rate,
        "low": noise.low,
        "high": noise.high,
        "counted": count_confidently(labels, judged),
        "clear": float(noise.is_clear),
        "flagged": flagged.sum(),
        "precision": hits / max(flagged.sum(), 1),
        "recall": hits / max(is_wrong.sum(), 1),
        "noisy": score(X, labels, X_test, y_test),
        "dropped": score(X[~flagged], labels[~flagged], X_test, y_test),
        "corrected": score(X, np.where(flagged, y, labels), X_test, y_test),
        "true labels": score(X, y, X_test, y_test),
        "seconds": seconds,
    }


def tell(name: str, found: dict[str, float]) -> str:
    return (
        f"{name:9} {found['true']:6.3f}  {found['estimate']:8.3f}  {found['low']:.3f}-{found['high']:.3f}  "
        f"{found['counted']:6.3f}  {found['clear']:5.2f}  {found['flagged']:7.0f}  {found['precision']:9.3f}  "
        f"{found['recall']:6.3f}  {found['noisy']:7.4f}  {found['dropped']:7.4f}  {found['corrected']:9.4f}  "
        f"{found['true labels']:11.4f}  {found['seconds']:7.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.0, 0.05, 0.1, 0.2])
    given = parser.parse_args()
    if not (given.data / "train-images-idx3-ubyte.gz").is_file():
        parser.error(f"no Fashion-MNIST in {given.data}: apt-get install dataset-fashion-mnist, or give --data")
    print(HEAD)
    for kind in ("even", "by class"):
        for rate in given.rates:
            if rate == 0 and kind == "by class":
                continue
            runs = [measure(given.data, given.rows, rate, kind, seed) for seed in range(given.seeds)]
            for seed, found in enumerate(runs):
                print(tell(f"{kind} {seed}", found), flush=True)
            print(tell("  mean", {name: statistics.mean(run[name] for run in runs) for name in runs[0]}), flush=True)
            worst = max(abs(run["estimate"] - run["true"]) for run in runs)
            inside = sum(run["low"] <= run["true"] <= run["high"] for run in runs)
            print(f"          estimate off by {worst:.3f} at most; {inside} of {len(runs)} intervals hold the truth")


if __name__ == "__main__":
    main()
