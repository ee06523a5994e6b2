"""Preloading: once, where it was asked for, without threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakemill.orchestration import preloading

PRELOAD = """
import os, sys, threading
from lakemill.orchestration import preloading
wanted = preloading.MODULES[os.environ["LAKEMILL_PRELOAD"]]
preloading.on_starting("a component")
missing = [module for module in wanted if module not in sys.modules]
print(missing, threading.active_count(), "LAKEMILL_PRELOAD" in os.environ)
"""


@pytest.mark.parametrize("asked", [None, "", "0", "yes"])
def test_nothing_is_imported_unless_asked_for(monkeypatch: pytest.MonkeyPatch, asked: str | None) -> None:
    monkeypatch.delenv("LAKEMILL_PRELOAD", raising=False)
    if asked is not None:
        monkeypatch.setenv("LAKEMILL_PRELOAD", asked)
    monkeypatch.setitem(preloading.MODULES, "tasks", ("no.such.room",))

    preloading.on_starting(component=None)


def test_what_is_asked_for_is_imported_and_the_wish_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEMILL_PRELOAD", "tasks")
    monkeypatch.setitem(preloading.MODULES, "tasks", ("no.such.room",))

    with pytest.raises(ModuleNotFoundError, match=r"no\.such|No module named 'no'"):
        preloading.on_starting(component=None)

    assert "LAKEMILL_PRELOAD" not in os.environ


@pytest.mark.thorough
@pytest.mark.parametrize("asked", ["dags", "tasks"])
def test_all_modules_are_there_and_start_no_thread_of_python(asked: str) -> None:
    plugins = str(Path(__file__).parents[3] / "plugins")
    told = subprocess.run(
        [sys.executable, "-c", PRELOAD],
        env={**os.environ, "PYTHONPATH": plugins, "LAKEMILL_PRELOAD": asked},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]

    assert told == "[] 1 False"
