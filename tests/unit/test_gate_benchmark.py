"""The benchmark of the gate on few draws: who is let in, and who is not, as decision 31 says."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "gate.py"
DRAWS = 60
MOST_OF_A_TWENTIETH = 9  # of 60, with a chance of 1 in 1,000 to be exceeded by 5 in 100
LEAST_OF_NINE_TENTHS = 45


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("gate_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["gate_benchmark"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["gate_benchmark"]


@pytest.fixture(scope="module")
def pairs(benchmark):
    def count(make, name, noise, margin):
        found = list(benchmark.judge_pairs(make, (name,), 200, noise, {name: margin}, DRAWS))
        return {by: sum(one[by] for one in found) for by in ("plain", "gate", "margin")}

    return count


@pytest.mark.parametrize("name", ["roc_auc", "root_mean_squared_error"])
def test_an_equal_candidate_does_not_replace_the_champion_and_plainly_it_often_would(benchmark, pairs, name):
    make = benchmark.draw_classes if name == "roc_auc" else benchmark.draw_values

    let_in = pairs(make, name, benchmark.NOISE, 0.02)

    assert let_in["gate"] <= MOST_OF_A_TWENTIETH < let_in["plain"]


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["roc_auc", "root_mean_squared_error"])
def test_a_candidate_that_is_worse_by_the_margin_is_not_let_in_and_a_clearly_better_one_is(benchmark, pairs, name):
    make = benchmark.draw_classes if name == "roc_auc" else benchmark.draw_values
    worse = benchmark.NOISE + 0.3
    margin = -benchmark.find_gain(make, (name,), worse)[name]

    let_in, better = pairs(make, name, worse, margin), pairs(make, name, 0.2, margin)

    assert max(let_in["gate"], let_in["margin"]) <= MOST_OF_A_TWENTIETH
    assert min(better["gate"], better["margin"]) >= LEAST_OF_NINE_TENTHS
