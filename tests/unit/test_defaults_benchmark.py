"""The benchmark of the defaults, on the smallest budget: the default workflow does not fall behind."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "defaults.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("defaults_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["defaults_benchmark"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["defaults_benchmark"]


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # MLflow's migrations
@pytest.mark.parametrize(("name", "seed"), [("wine", 0), ("diabetes", 0)])
def test_the_default_workflow_is_not_worse_by_more_than_a_standard_error(benchmark, tmp_path, name, seed):
    for run in benchmark.compare(name, seed, tmp_path, trials=1):
        assert run.gain >= -run.error, run
