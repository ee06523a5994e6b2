"""Texts as weighted counts of their runs, or as components of these."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lakemill.config.features import Features, Transform
from lakemill.preprocessing.features import make_frame, make_transformer

TEXTS = ["red wool scarf", "red silk scarf", "blue wool hat", "", "old blue hat"] * 10
X = pd.DataFrame({"said": np.array(TEXTS, dtype=object)})


def fitted(frame: pd.DataFrame = X, *, sparse: bool = True, **settings):
    features = Features(text=("said",), transform=Transform(**settings))
    return make_transformer(features, encode="one_hot", sparse=sparse, seed=0).fit(frame)


@pytest.mark.parametrize(
    ("settings", "sparse", "width"),
    [
        ({}, True, 4096),
        ({"buckets": 64}, True, 64),
        ({}, False, 50),
        ({"components": 3}, True, 3),
        ({"components": 3, "tokens": "characters", "ngrams": (2, 4)}, False, 3),
        ({"components": 90, "buckets": 8}, False, 7),
    ],
)
def test_a_text_has_so_many_columns(settings, sparse, width):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert fitted(sparse=sparse, **settings).transform(X).shape == (50, width)


def test_equal_texts_are_equal_and_alike_ones_nearer():
    found = np.asarray(fitted().transform(X).todense())

    np.testing.assert_array_equal(found[0], found[5])
    assert found[0] @ found[1] > found[0] @ found[4]
    assert not found[3].any()


@pytest.mark.parametrize(("tokens", "alike"), [("words", False), ("characters", True)])
def test_characters_see_what_words_do_not(tokens, alike):
    found = np.asarray(fitted(tokens=tokens).transform(pd.DataFrame({"said": ["scarf", "scarfs"]})).todense())

    assert (found[0] @ found[1] > 0) == alike


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")  # the share of a variance that is not there
@pytest.mark.parametrize("sparse", [True, False])
def test_a_column_without_any_text_is_taken(sparse):
    empty = X.assign(said=np.array([""] * 50, dtype=object))

    found = fitted(empty, sparse=sparse).transform(X)

    assert np.isfinite(found.toarray() if sparse else found).all()


def test_missing_texts_are_empty_ones():
    frame = make_frame(pa.table({"said": ["a b", None]}), Features(text=("said",)))

    assert frame["said"].tolist() == ["a b", ""]


def test_a_row_does_not_depend_on_the_rows_beside_it():
    transformer = fitted(sparse=False, components=3)

    np.testing.assert_allclose(transformer.transform(X)[7], transformer.transform(X.iloc[[7]])[0], atol=1e-12)
