"""Real data: what was planted is refused, and what is merely good is not."""

import numpy as np
import pytest
from leakage_for_tests import fit_case, read_flights, read_power, read_prompts, read_toy, with_column, with_sections

from lakemill.evaluation.leakage import prove

ALONE = "no feature tells nearly all alone"


@pytest.fixture(scope="module")
def flights():
    return read_flights("2013-01")


def find_failed(workflow, rows, **parameters):
    return {proof.name: proof.text for proof in prove(fit_case(workflow, rows, **parameters)) if not proof.holds}


def disguise(delays: np.ndarray, how: str) -> np.ndarray:
    generator = np.random.default_rng(0)
    return {
        "as it is": lambda: delays,
        "its logarithm": lambda: np.log(delays + 100),
        "in whole hours": lambda: np.round(delays / 60),
        "turned round": lambda: -(delays**3),
        "with noise": lambda: delays + generator.normal(0, 5, len(delays)),
        "as a category": lambda: np.asarray([f"band {int(one // 20)}" for one in delays], dtype=object),
    }[how]()


@pytest.mark.parametrize(
    "how", ["as it is", "its logarithm", "in whole hours", "turned round", "with noise", "as a category"]
)
def test_the_arrival_delay_planted_in_flights_is_found_in_any_disguise(flights, how):
    workflow, rows = flights
    leak = disguise(rows.column("arrival_delay").to_numpy(), how)

    failed = find_failed(*with_column(workflow, rows, leak=leak), max_iter=20)

    assert list(failed) == [ALONE]
    assert "take it out of features; if so, allow it (gate.leakage.allow: [leak])" in failed[ALONE]


@pytest.mark.thorough
def test_copies_of_one_leak_do_not_vouch_for_each_other(flights):
    workflow, rows = flights
    delays = rows.column("arrival_delay").to_numpy()
    copies = {
        f"leak_{at}": disguise(delays, how) for at, how in enumerate(("as it is", "its logarithm", "as a category"))
    }

    failed = find_failed(*with_column(workflow, rows, **copies), max_iter=20)

    assert "allow: [leak_0, leak_1, leak_2]" in failed[ALONE] or "allow: [leak_1, leak_0, leak_2]" in failed[ALONE]


def test_a_feature_that_is_allowed_to_is_not_asked_again(flights):
    workflow, rows = with_column(*flights, leak=flights[1].column("arrival_delay").to_numpy())
    allowed = with_sections(workflow, gate={"leakage": {"allow": ["leak"]}})

    assert find_failed(allowed, rows, max_iter=20) == {}


@pytest.mark.parametrize("dataset", [{}, {"split": "hash"}, {"split": "random"}], ids=["time", "hash", "random"])
def test_untouched_flights_are_not_refused(flights, dataset):
    workflow, rows = flights
    assert find_failed(with_sections(workflow, dataset=dataset), rows, max_iter=20) == {}


def test_power_is_not_refused():
    assert find_failed(*read_power("2007-01", "2007-02"), max_iter=30) == {}


@pytest.mark.thorough
def test_prompts_are_not_refused(tmp_path):
    workflow, rows = read_prompts(tmp_path, "2024-01", "2024-02")
    assert (rows.num_rows, len(workflow.features.columns)) == (150, 89)
    assert find_failed(workflow, rows) == {}


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "diabetes", "iris"])
def test_small_data_with_strong_features_is_not_refused(name):
    assert find_failed(*read_toy(name)) == {}


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes"])
def test_the_label_in_disguise_is_found_where_features_are_strong_already(name):
    workflow, rows = read_toy(name)
    labels = rows.column("label").to_pylist()
    leak = [one[-1:] + "!" for one in labels] if name == "breast_cancer" else np.exp(np.asarray(labels) / 100)

    assert list(find_failed(*with_column(workflow, rows, leak=leak))) == [ALONE]
