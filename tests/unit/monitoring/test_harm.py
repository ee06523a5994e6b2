"""What drift does to predictions: columns that the model leans on do harm, others none."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline

from lakemill.monitoring.harm import measure_harm
from lakemill.monitoring.sketches import ColumnProfile, profile_column


def sketch(values: np.ndarray) -> ColumnProfile:
    kind = "categorical" if values.dtype == object else "numeric"
    return profile_column("x", pa.chunked_array([pa.array(values, from_pandas=True)]), kind)


def frame(*, shift: float = 0.0, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame({name: draw.normal(shift, 1, 2000) for name in ("strong", "weak", "idle")})


def fit() -> Pipeline:
    rows = frame()
    return make_pipeline(LinearRegression()).fit(rows, 3 * rows["strong"] + rows["weak"])


def test_columns_are_ranked_by_how_far_their_drift_moves_the_predictions() -> None:
    now = frame(shift=2.0, seed=1)
    reference, current = ({name: sketch(side[name].to_numpy()) for name in side} for side in (frame(), now))

    found = measure_harm(fit(), now, reference, current, seed=0)

    assert list(found) == ["strong", "weak", "idle"]
    assert [found[name].raised for name in found] == pytest.approx([6, 2, 0], abs=0.2)


def test_columns_that_have_not_moved_do_no_harm() -> None:
    rows = frame()
    same = {name: sketch(rows[name].to_numpy()) for name in rows}

    assert max(one.moved for one in measure_harm(fit(), rows, same, same, seed=0).values()) < 0.1


class Share:
    """A model whose value is 1 for red and for gaps."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return ((X["colour"] == "red") | X["size"].isna()).to_numpy(dtype=float)


@pytest.mark.parametrize(
    ("column", "before", "after", "raised"),
    [
        ("colour", [0.2, 0.8], [0.7, 0.3], 0.5),
        ("colour", [0.7, 0.3], [0.2, 0.8], -0.5),
        ("size", [0.0, 1.0], [0.4, 0.6], 0.4),
        ("size", [0.4, 0.6], [0.0, 1.0], -0.4),
    ],
    ids=["more red", "less red", "more gaps", "fewer gaps"],
)
def test_shares_are_put_back_to_those_of_the_reference(
    column: str, before: list[float], after: list[float], raised: float
) -> None:
    values = {"colour": np.array(["red", "blue"], dtype=object), "size": np.array([np.nan, 1.0])}[column]
    sides = [np.repeat(values, np.round(np.array(shares) * 2000).astype(int)) for shares in (before, after)]
    rows = pd.DataFrame({"colour": ["blue"] * 2000, "size": [1.0] * 2000}).assign(**{column: sides[1]})

    found = measure_harm(Share(), rows, {column: sketch(sides[0])}, {column: sketch(sides[1])}, seed=0)

    assert found[column].raised == pytest.approx(raised, abs=0.04)
