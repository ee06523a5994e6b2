"""Keys of a workflow file given other values for one command."""

from pathlib import Path

import pytest

from lakemill.config import find_workflow
from lakemill.config.overriding import change_content, read_changes
from lakemill.config.settings import Settings
from lakemill.exceptions import ConfigError

FILE = """
workflow: small
description: Is this big?
partition: {every: day, start: 2020-01-01}
collect: {items: {path: "items_{partition}.csv"}}
table: {key: [id], event_time: at, label: {column: label, problem: classification}}
features: {numeric: [size]}
approve: always
gate: {slices: [size]}
monitor: {effect: 0.3}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "include" / "workflows"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(FILE)
    return Settings(tmp_path, tmp_path, "", "", "", "")


def test_values_are_read_and_checked_as_those_of_the_file(settings: Settings) -> None:
    texts = [
        "monitor.columns=10 %",
        "monitor.alarm.of=5",
        "decide.data_drift=retrain",
        "gate.slices.0=id",
        "monitor.effect=0.1",
    ]

    workflow = find_workflow("small", settings, read_changes(texts))

    assert (workflow.monitor.columns, workflow.monitor.alarm.of, workflow.monitor.effect) == (0.1, 5, 0.1)
    assert (workflow.decide.data_drift, workflow.gate.slices.columns) == ("retrain", ("id",))
    assert find_workflow("small", settings).monitor.effect == 0.3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("monitor", "--set: must be key=value, got 'monitor'\n  -> --set monitor.effect=0.1"),
        (".effect=1", "--set: must be key=value"),
        ("monitor.effect={", "--set: monitor.effect: '{' is not valid YAML"),
        ("monitr.effect=1", "small.yaml with --set: unknown key 'monitr'\n  -> did you mean 'monitor'?"),
        ("monitor.efect=1", "small.yaml with --set: unknown key 'monitor.efect'\n  -> did you mean 'effect'?"),
        ("monitor.effect=3", "small.yaml with --set: monitor.effect: must be less than or equal to 1; got 3"),
        ("approve.within=1 day", "--set: approve.within: approve is 'always', which has no keys"),
        ("gate.slices.3=id", "--set: gate.slices.3: '3' must be a number from 0 to 0, the place in a list"),
    ],
)
def test_a_mistake_says_what_it_is(settings: Settings, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        find_workflow("small", settings, read_changes([text]))
    assert said in str(error.value)


def test_the_content_of_the_file_is_left_as_it_is() -> None:
    content = {"a": {"b": [1, 2]}}
    assert change_content(content, {"a.b.1": 3, "c.d": 4}) == {"a": {"b": [1, 3]}, "c": {"d": 4}}
    assert content == {"a": {"b": [1, 2]}}
