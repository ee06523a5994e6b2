"""Samples of training rows: sizes, shares, ages, and that they are the same on every machine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakemill.preprocessing.splitting import Split
from lakemill.training.sampling import allocate, draw_by_age, draw_sample, rebase

COUNTS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30)), min_size=1, max_size=8)


@given(COUNTS, st.integers(0, 300))
def test_what_is_shared_out_is_all_there_is_room_for_and_never_more(parts, size):
    rooms, weights = [room for room, _ in parts], [weight for _, weight in parts]

    given_ = allocate(size, rooms, weights)

    assert sum(given_) == min(size, sum(rooms))
    assert all(0 <= one <= room for one, room in zip(given_, rooms, strict=True))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=400), st.integers(1, 400), st.integers(0, 3))
def test_a_draw_takes_each_row_once_in_order_and_some_of_each_class(codes, size, seed):
    rows, codes = np.arange(len(codes)) * 3, np.asarray(codes)

    drawn = draw_by_age(rows, codes, size, seed=seed)

    assert (np.diff(drawn) > 0).all()
    assert np.isin(drawn, rows).all()
    assert len(drawn) >= min(size, len(rows))
    assert set(codes[drawn // 3]) == set(codes)


def test_a_draw_is_this_one_on_every_machine():
    assert draw_by_age(np.arange(800), np.zeros(800, dtype=int), 32, seed=1).tolist() == DRAWN
    assert draw_by_age(np.arange(800), np.zeros(800, dtype=int), 32, seed=2).tolist() != DRAWN


DRAWN = [
    46,
    51,
    169,
    196,
    213,
    251,
    267,
    332,
    351,
    376,
    393,
    405,
    417,
    434,
    481,
    500,
    512,
    515,
    575,
    580,
    664,
    675,
    676,
    682,
    685,
    691,
    705,
    707,
    716,
    726,
    740,
    753,
]


def make_split(count):
    return Split(*np.split(np.arange(count), [count * 7 // 10, count * 85 // 100]))


@pytest.mark.parametrize("is_classification", [True, False])
def test_test_rows_are_all_scored_unless_their_predictions_do_not_fit(is_classification):
    split, labels = make_split(40_000), np.asarray(["a", "b"] * 20_000 if is_classification else range(40_000))
    asked = {"most": 5000, "is_classification": is_classification, "seed": 0}

    roomy = draw_sample(split, labels, memory=2**30, **asked)
    tight = draw_sample(split, labels, memory=6 * 8 * 3 * 1500, **asked)

    assert roomy.scored.tolist() == split.test.tolist()
    assert len(tight.scored) == (1500 if is_classification else 2250)
    assert len(roomy.positions) == 5000
    assert len(roomy.proved) == 1000


def test_a_split_of_a_sample_is_that_of_the_same_rows():
    split, generator = make_split(1000), np.random.default_rng(0)
    chosen = np.sort(generator.choice(1000, size=300, replace=False))

    small = rebase(split, chosen)

    for name, part in split.parts.items():
        assert chosen[small.parts[name]].tolist() == [at for at in part if at in set(chosen.tolist())]
