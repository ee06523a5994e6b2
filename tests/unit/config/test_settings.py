"""Settings come from the environment, with defaults below the project."""

from pathlib import Path

import pytest

from lakemill.config import load_settings
from lakemill.exceptions import ConfigError

NAMES = ("PROJECT", "STATE", "LAKE", "REGISTRY", "ARTIFACTS", "STUDIES", "BROKER", "TUNING_TASKS")


@pytest.fixture
def environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(f"LAKEMILL_{name}", raising=False)
    return lambda **values: [monkeypatch.setenv(f"LAKEMILL_{name}", value) for name, value in values.items()]


def test_without_variables_all_state_lies_in_one_folder_of_the_project(environment):
    settings = load_settings()
    assert (settings.project / "plugins" / "lakemill" / "config").is_dir()
    assert settings.state == settings.project / ".lakemill"
    assert Path(settings.lake).parent == Path(settings.artifacts).parent == settings.state
    assert str(settings.state / "postgres") in settings.registry
    assert settings.registry != settings.studies


@pytest.mark.parametrize("name", ["lake", "registry", "artifacts", "studies", "broker"])
def test_each_place_can_be_named_alone(environment, name):
    before = load_settings()
    environment(**{name.upper(): "s3://bucket/place"})
    after = load_settings()
    assert getattr(after, name) == "s3://bucket/place"
    assert [other for other in vars(before) if getattr(before, other) != getattr(after, other)] == [name]


def test_a_variable_set_to_nothing_counts_as_not_set(environment):
    before = load_settings()
    environment(**dict.fromkeys(NAMES, ""))
    assert load_settings() == before


def test_trials_are_spread_over_the_cores_unless_told_otherwise(environment, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert load_settings().tuning_tasks == 6
    environment(TUNING_TASKS="3")
    assert load_settings().tuning_tasks == 3


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_a_count_that_is_none_is_an_error_with_a_remedy(environment, value):
    environment(TUNING_TASKS=value)
    with pytest.raises(ConfigError, match=r"LAKEMILL_TUNING_TASKS: must be a whole number from 1 on, got"):
        load_settings()


def test_the_folder_of_workflows_follows_the_project(environment):
    environment(PROJECT="/somewhere")
    assert load_settings().workflows == Path("/somewhere/include/workflows")
    assert load_settings().lake == "/somewhere/.lakemill/lake"
