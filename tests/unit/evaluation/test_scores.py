"""What a model says of rows: a row that it refuses has the reason, and costs no other row its score."""

from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline

from lakemill.config.features import Features
from lakemill.evaluation import scores
from lakemill.evaluation.scores import SCHEMA, score_rows

FEATURES = Features(numeric=("x", "y"))


def fit(estimator: Any, *, classes: bool = True) -> Pipeline:
    X = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [0.0, 1.0, 0.0, 1.0]})
    y = ["a", "a", "b", "b"] if classes else [0.0, 1.0, 2.0, 3.0]
    return Pipeline([("estimate", estimator)]).fit(X, y)


def rows_of(x: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"x": pa.array(x, kind), "y": [0.0] * len(x)})


class Counting:
    """A model that doubles, counts how often it is asked, and refuses rows that hold a number."""

    def __init__(self, *refused: float) -> None:
        self.refused, self.asked = refused, 0

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        self.asked += 1
        if bad := sorted(set(X["x"]) & set(self.refused)):
            raise RuntimeError(f"cannot take {bad[0]}")
        return 2 * X["x"].to_numpy()


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf")])
def test_rows_that_lack_what_the_model_needs_have_the_reason_and_the_others_their_score(value: float | None) -> None:
    model = fit(LogisticRegression())  # it takes no missing numbers

    found = score_rows(model, rows_of([0.0, value, 3.0, value], pa.float64()), FEATURES)

    assert found.schema.equals(SCHEMA)
    assert [one is None for one in found.column("score").to_pylist()] == [False, True, False, True]
    assert found.column("predicted").to_pylist() == ["a", None, "b", None]
    reasons = found.column("reason").to_pylist()
    assert (reasons[0], reasons[2]) == (None, None)
    assert all(reasons[at].startswith("the model refuses the row: Input X contains NaN") for at in (1, 3))


def test_a_text_in_a_numeric_column_has_the_reason() -> None:
    model = fit(LinearRegression(), classes=False)

    found = score_rows(model, rows_of(["1.0", "much", "2.5"]), FEATURES)

    assert [one is None for one in found.column("score").to_pylist()] == [False, True, False]
    assert "much" in found.column("reason")[1].as_py()


@pytest.mark.parametrize("places", [[0], [999], [3, 4, 5], list(range(0, 1000, 97))])
def test_single_rows_that_are_refused_are_found_among_many(places: list[int]) -> None:
    x = np.arange(1000.0)
    model = Counting(*x[places])

    found = score_rows(cast(Pipeline, model), rows_of(x.tolist()), FEATURES)

    wanted = [None if at in places else 2.0 * at for at in range(1000)]
    assert found.column("score").to_pylist() == wanted
    assert [at for at, one in enumerate(found.column("reason").to_pylist()) if one] == places
    assert found.column("reason")[places[0]].as_py() == f"the model refuses the row: cannot take {float(places[0])}"
    assert model.asked < 60 * len(places)


def test_rows_that_are_all_refused_alike_are_not_tried_one_by_one() -> None:
    model = Counting(*np.arange(5000.0))

    found = score_rows(cast(Pipeline, model), rows_of(np.arange(5000.0).tolist()), FEATURES)

    assert found.column("score").null_count == 5000
    assert model.asked < 20


def test_where_too_many_are_refused_the_rest_is_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "MOST_TRIES", 10)
    x = np.arange(1000.0)

    found = score_rows(cast(Pipeline, Counting(*x[1::2])), rows_of(x.tolist()), FEATURES)

    assert len(found) == 1000
    assert found.column("reason").is_null().to_pylist() == found.column("score").is_valid().to_pylist()
    assert found.column("score").null_count > 500


def test_a_model_that_gives_no_number_says_so() -> None:
    class Silent:
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return np.where(X["x"] > 1, np.nan, 1.0)

    found = score_rows(cast(Pipeline, Silent()), rows_of([0.0, 2.0]), FEATURES)

    assert found.column("score").to_pylist() == [1.0, None]
    assert found.column("reason").to_pylist() == [None, "the model gives no number"]


def test_a_column_that_is_not_there_is_named() -> None:
    found = score_rows(cast(Pipeline, Counting()), pa.table({"x": [1.0, 2.0]}), FEATURES)
    assert set(found.column("reason").to_pylist()) == {"no column 'y', which the model takes"}


def test_no_rows_have_no_scores() -> None:
    assert score_rows(cast(Pipeline, Counting()), rows_of([], pa.float64()), FEATURES).schema.equals(SCHEMA)
