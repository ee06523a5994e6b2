"""The example of spoken prompts: its files are those that its workflow says, and as many as its README says."""

from collections import Counter
from pathlib import Path

import pytest

from lakemill.config import load_settings, load_workflow

ROOT = Path(__file__).parents[3]
DATA = ROOT / "include/data/spoken_prompts"


@pytest.fixture
def workflow():
    return load_workflow(ROOT / "include/workflows/prompts.yaml", load_settings())


def test_patterns_of_features_stand_for_the_columns_that_are_made(workflow):
    assert len(workflow.features.numeric) == 24 * 2 + 20 * 2 + 1
    assert {"mel_23_sd", "mfcc_0_mean", "duration"} <= set(workflow.features.numeric)


@pytest.mark.thorough
def test_a_month_has_fifteen_prompts_in_five_languages(workflow, deliver, tmp_path):
    (tmp_path / "include").symlink_to(ROOT / "include")
    found = deliver(workflow.collect["prompts"], "2024-02", workflow.partition)
    assert Counter(found.rows.column("label").to_pylist()) == dict.fromkeys(("en", "es", "fr", "it", "ru"), 15)
    assert {moment[:7] for moment in found.rows.column("recorded_at").to_pylist()} == {"2024-02"}
    assert found.malformed == []


def test_the_files_stay_small():
    files = [path for path in DATA.rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix == ".flac"]) == 300
    assert sum(path.stat().st_size for path in files) < 4_000_000
