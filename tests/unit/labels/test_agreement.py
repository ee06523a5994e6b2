"""Annotators: agreement by hand, and a careless one found out."""

import numpy as np
import pandas as pd
import pytest

from lakemill.labels.agreement import krippendorff, weigh_classes, weigh_values

NAN = np.nan


@pytest.mark.parametrize(
    ("given", "is_nominal", "alpha"),
    [
        ([[0, 0], [1, 1]], True, 1.0),
        ([[0, 1], [1, 0]], True, -0.5),  # D_o 1; D_e 2*2*2/(4*3) = 2/3
        ([[0, 0], [0, 0]], True, 1.0),
        ([[0, NAN], [NAN, 1]], True, NAN),
        ([[1, 1], [2, 2], [3, 3], [1, 3]], False, 1 - (8 / 8) / (96 / 56)),  # squared differences of ordered pairs
    ],
)
def test_alpha(given: list[list[float]], is_nominal: bool, alpha: float) -> None:
    assert krippendorff(np.array(given, dtype=float), is_nominal=is_nominal) == pytest.approx(alpha, nan_ok=True)


def test_alpha_of_the_textbooks_data() -> None:
    """Krippendorff's own example of four observers, twelve units, nominal: 0.743."""
    rows = """1 1 . 1|2 2 3 2|3 3 3 3|3 3 3 3|2 2 2 2|1 2 3 4|4 4 4 4|1 1 2 1|2 2 2 2|. 5 5 5|. . 1 1|. . 3 ."""
    given = [[NAN if one == "." else float(one) for one in row.split()] for row in rows.split("|")]

    assert krippendorff(np.array(given), is_nominal=True) == pytest.approx(0.743, abs=0.001)


def test_a_careless_annotator_has_the_lowest_quality_and_is_outvoted() -> None:
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 3, 400)
    given = {
        name: np.where(draw.random(400) < care, truth, draw.integers(0, 3, 400)).astype(float)
        for name, care in (("anna", 0.95), ("ben", 0.9), ("carl", 0.3))
    }
    frame = pd.DataFrame(given)
    frame.loc[:9] = NAN
    frame.loc[10:60, "ben"] = NAN
    probabilities = np.full((400, 3), 0.2)
    probabilities[np.arange(400), truth] = 0.6

    found = weigh_classes(frame, probabilities)

    assert min(found.quality, key=lambda name: found.quality[name]) == "carl"
    assert found.labelled == {"anna": 390, "ben": 339, "carl": 390}
    assert (found.consensus[:10] == -1).all()
    assert (found.consensus[10:] == truth[10:]).mean() > 0.95


def test_values_are_weighed_by_the_others() -> None:
    draw = np.random.default_rng(0)
    truth = draw.normal(0, 1, 200)
    frame = pd.DataFrame({name: truth + draw.normal(0, s, 200) for name, s in (("a", 0.1), ("b", 0.1), ("c", 3.0))})

    found = weigh_values(frame)

    assert min(found.quality, key=lambda name: found.quality[name]) == "c"
    assert np.abs(found.consensus - truth).mean() < 0.15
    assert found.alpha < krippendorff(frame[["a", "b"]].to_numpy(), is_nominal=False)


def test_nobody_labelled_anything() -> None:
    found = weigh_classes(pd.DataFrame({"a": [NAN, NAN], "b": [NAN, NAN]}), np.full((2, 2), 0.5))

    assert np.isnan(found.alpha)
    assert (found.consensus.tolist(), found.labelled) == ([-1, -1], {"a": 0, "b": 0})
