"""A digest of what was learnt: equal for equal models, however they were fitted, and for no others."""

import functools
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy import sparse
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits
from workflows_for_tests import make_rows, make_workflow

from lakemill.config.training import Candidate
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.training.digest import digest_learnt
from lakemill.training.estimators import make_pipeline

ESTIMATORS = {
    "HistGradientBoostingClassifier": "sklearn.ensemble.HistGradientBoostingClassifier",
    "LogisticRegression": "sklearn.linear_model.LogisticRegression",
    "RandomForestClassifier": "sklearn.ensemble.RandomForestClassifier",
    "GradientBoostingClassifier": "sklearn.ensemble.GradientBoostingClassifier",
    "MLPClassifier": "sklearn.neural_network.MLPClassifier",
    "LGBMClassifier": "lightgbm.LGBMClassifier",
    "XGBClassifier": "xgboost.XGBClassifier",
    "HistGradientBoostingRegressor": "sklearn.ensemble.HistGradientBoostingRegressor",
    "Ridge": "sklearn.linear_model.Ridge",
    "LGBMRegressor": "lightgbm.LGBMRegressor",
    "XGBRegressor": "xgboost.XGBRegressor",
}
SMALLER = {
    "MLPClassifier": {"hidden_layer_sizes": [4], "max_iter": 5},
    "LogisticRegression": {"max_iter": 500},
    "Ridge": {},
}


def fit(name: str, *, threads: int = 1, seed: int = 0) -> Any:
    problem = "regression" if name.endswith(("Regressor", "Ridge")) else "classification"
    workflow = make_workflow("regression" if problem == "regression" else "binary")
    rows = make_rows(
        workflow, "2020-01-01", 300, problem="regression" if problem == "regression" else "binary", seed=seed
    )
    parameters = SMALLER.get(name, {"max_iter" if name.startswith("Hist") else "n_estimators": 10})
    if name.startswith(("LGBM", "XGB")):
        parameters = {**parameters, "n_jobs": threads}
    pipeline = make_pipeline(
        Candidate(estimator=ESTIMATORS[name]), workflow.features, problem=problem, parameters=parameters, seed=0
    )
    with threadpool_limits(threads):
        return pipeline.fit(make_frame(rows, workflow.features), make_target(rows, workflow.table.label))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # five rounds are enough here
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_same_rows_give_the_same_digest_on_any_number_of_threads(name: str) -> None:
    digests = {digest_learnt(fit(name, threads=threads)) for threads in (1, 2, 1)}

    assert len(digests) == 1
    assert digest_learnt(fit(name, seed=1)) not in digests


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # five rounds are enough here
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_model_that_is_kept_and_loaded_has_the_digest_that_it_had(name: str) -> None:
    fitted = fit(name)
    data = skops.io.dumps(fitted)

    loaded = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))

    assert digest_learnt(loaded) == digest_learnt(fitted)


class Holder:
    def __init__(self, value: Any) -> None:
        self.value = value


def test_what_memory_held_between_the_fields_of_a_record_does_not_count() -> None:
    kind = np.dtype({"names": ["a", "b"], "formats": ["u1", "f8"], "offsets": [0, 8], "itemsize": 16})
    one, other = (np.frombuffer(bytes([fill]) * 32, kind).copy() for fill in (1, 2))
    for records in (one, other):
        records["a"], records["b"] = 1, 0.5

    assert one.tobytes() != other.tobytes()
    assert digest_learnt(one) == digest_learnt(other)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({3, 1, 2}, {1, 2, 3}),
        (np.array([[1, 2], [3, 4]]), np.asfortranarray([[1, 2], [3, 4]])),
        (np.float64(0.5), 0.5),
        (sparse.csr_matrix(np.eye(3)), sparse.csc_matrix(np.eye(3))),
        (Holder({"n_jobs": 1, "a": 1}), Holder({"n_jobs": 4, "a": 1})),
        (np.random.default_rng(0), np.random.default_rng(1)),
        (pd.Series(["a", None]), pd.Series(["a", None])),
        (functools.partial(max, 1), functools.partial(max, 1)),
    ],
    ids=[
        "order of keys",
        "order of a set",
        "order in memory",
        "scalar",
        "sparse",
        "threads",
        "chance",
        "texts",
        "partial",
    ],
)
def test_equal_content_is_equal(one: Any, same: Any) -> None:
    assert digest_learnt(one) == digest_learnt(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ("1", 1),
        ([1, 2], (1, 2)),
        ([1, [2]], [[1], 2]),
        (["ab", "c"], ["a", "bc"]),
        (np.array([1, 2]), np.array([[1, 2]])),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array(["a"], dtype=object), np.array(["b"], dtype=object)),
        (Holder(1), Holder(2)),
        (pd.Series([1], index=["a"]), pd.Series([1], index=["b"])),
        (np.log, np.exp),
        (DecisionTreeClassifier(), DecisionTreeClassifier(max_depth=3)),
        (None, ()),
    ],
)
def test_other_content_is_other(one: Any, other: Any) -> None:
    assert digest_learnt(one) != digest_learnt(other)


def test_a_cycle_ends() -> None:
    one, same = Holder(None), Holder(None)
    one.value, same.value = [one], [same]

    assert digest_learnt(one) == digest_learnt(same)


def test_what_cannot_be_taken_apart_is_an_error() -> None:
    with pytest.raises(TypeError):
        digest_learnt(threading.Lock())
