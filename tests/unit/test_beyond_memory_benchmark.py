"""The benchmark of trainings beyond memory, on few rows and as little memory, its steps in one process."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "beyond_memory.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("beyond_memory_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["beyond_memory_benchmark"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["beyond_memory_benchmark"]


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # MLflow's migrations
def test_a_sample_is_fitted_and_all_test_rows_judge(benchmark, tmp_path):
    workflow = benchmark.declare("pieces", memory="3 MB", epochs=2, budget={"trials": 1})
    benchmark.fill_lake(workflow, benchmark.Lake(str(tmp_path / "lake"), benchmark.NAME), 20_000)

    ended = {}
    for step in benchmark.name_steps(workflow):
        ended[step] = benchmark.run_step(step, tmp_path, "pieces", workflow, ended)

    sampled = ended["evaluate"]["sampled"]
    assert sampled["of"] == {"train": 14_000, "validation": 3000, "test": 3000}
    assert sampled["train"] + sampled["validation"] < 17_000 / 4
    assert (ended["evaluate"]["rows"], sampled["epochs"], ended["gate"]) == (3000, 2, "pass")
