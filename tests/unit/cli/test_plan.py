"""The plan as it is told: in three formats, with an exit status, and with what is not known."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer

from lakemill.cli.plan import plan
from lakemill.cli.plan_texts import FORMATS, MARK
from lakemill.config import find_workflow, load_settings
from lakemill.delivery.changes import compare_parts
from lakemill.delivery.pending import Again, Pending, Training
from lakemill.delivery.plan import Plan, Tried
from lakemill.delivery.quick_training import Outcome
from lakemill.delivery.samples import Columns, Sample

CHANGES = compare_parts(
    {"query": "SELECT a\n", "gate": {"floor": 0.6}}, {"query": "SELECT b\n", "gate": {"floor": 0.7}}
)
AGAIN = tuple(Again(f"2013-{month:02}", ("query changed",)) for month in range(1, 13))
PENDING = Pending(
    False, 12, again=AGAIN, training=Training("2013-12", "it differs"), snapshots=3, models=("1", "2"), champion="2"
)
SAMPLE = Sample(("2013-12",), {"rows": 10, "clean": 8, "quarantined": 2, "duplicates": 0}, {"b": "double"})
COLUMNS = Columns("the lake", {"b": "double"}, {"a": "string"}, {"c": "int64 -> double"})
OUTCOME = Outcome(
    "fail", "plain", {"train": 5, "validation": 1, "test": 2}, "roc_auc", 0.6, 0.5, "2", 0.7,
    (("against champion", False, "-0.1 | worse"),), ("seen",),
)  # fmt: skip
FULL = Plan(
    "flights", "0a1b2c3d", "main", changes=CHANGES, pending=PENDING,
    tried=Tried(SAMPLE, {"rows": 10, "clean": 9, "quarantined": 1, "duplicates": 0}, COLUMNS, OUTCOME),
    notes=("no way\n  -> there",),
)  # fmt: skip
SAID = (
    "2013-01 to 2013-12 (12)",
    "query changed",
    "snapshots: 3 were taken of these partitions, and so were v1, v2",
    "training: as of the end of 2013-12",
    "clean 8 (before 9)",
    "added: b (double); removed: a (string); of another type: c (int64 -> double)",
    "the gate says fail",
    "champion v2 on the same rows: roc_auc 0.7000",
    "floor: 0.6 -> 0.7",
)


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_text_and_markdown_say_all_of_a_plan(name: str) -> None:
    told = FORMATS[name]([FULL])

    assert [one for one in SAID if one not in told] == []


def test_markdown_begins_with_its_mark_and_keeps_its_tables() -> None:
    told = FORMATS["markdown"]([FULL])

    assert told.startswith(f"{MARK}\n")
    assert "-0.1 \\| worse" in told
    assert "> no way\n>   -&gt; there".replace("&gt;", ">") in told


def test_json_has_everything_that_the_others_say() -> None:
    told = json.loads(FORMATS["json"]([FULL]))

    (one,) = told["workflows"]
    assert (told["is_any"], one["is_any"], one["ingests"], one["trains"]) == (True, True, True, False)
    assert one["pending"]["training"]["partition"] == "2013-12"
    assert one["tried"]["outcome"]["findings"] == [["against champion", False, "-0.1 | worse"]]


@pytest.mark.parametrize("name", FORMATS)
def test_a_plan_without_any_change_says_so_in_every_format(name: str) -> None:
    told = FORMATS[name]([Plan("flights", "0a1b2c3d", "main")])

    assert "nothing changes" in told or json.loads(told)["is_any"] is False


def run(**options: Any) -> int:
    defaults = {"run_sample": False, "partition": None, "rows": 1000, "format": "text", "output": None}
    try:
        plan(**{"workflows": None, "against": None, "detailed_exitcode": False, **defaults, **options})
    except typer.Exit as ended:
        return ended.exit_code
    return 0


@pytest.fixture
def before(project: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("before")
    shutil.copytree(project / "include", folder / "include")
    return str(folder)


def edit(project: Path, before: str, after: str) -> None:
    path = project / "include/workflows/small.yaml"
    path.write_text(path.read_text().replace(before, after))


def test_the_exit_status_tells_of_changes_only_where_that_is_asked_for(
    project: Path, before: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [run(against=before, detailed_exitcode=detailed) for detailed in (False, True)] == [0, 0]
    assert "nothing changes" in capsys.readouterr().out
    edit(project, "Is this big?", "Is it big?")

    assert [run(against=before, detailed_exitcode=detailed) for detailed in (False, True)] == [0, 2]
    assert "description: nothing but the text" in capsys.readouterr().out


def test_a_fault_is_told_as_check_tells_it(project: Path, before: str, capsys: pytest.CaptureFixture[str]) -> None:
    edit(project, "roc_auc", "roc_acu")

    assert run(against=before, detailed_exitcode=True) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "include/workflows/small.yaml: train.metric" in told.err


def test_without_a_lake_and_a_commit_it_says_what_is_lacking(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0

    told = capsys.readouterr().out
    assert "LAKEMILL_LAKE" in told
    assert "there is nothing to compare with: give --against, or a lake" in told
    assert not Path(load_settings().lake).exists()


def test_a_lake_that_cannot_be_read_is_a_note(
    project: Path, before: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise OSError("access denied")

    Path(load_settings().lake).mkdir(parents=True)
    monkeypatch.setattr("lakemill.cli.planning.find_pending", refuse)
    edit(project, "[size]", "[size, width]")

    assert run(against=before) == 0
    told = capsys.readouterr().out
    assert "cannot be read: access denied" in told
    assert "training: as of the last partition published" in told


def test_a_workflow_that_is_gone_is_told(project: Path, before: str, capsys: pytest.CaptureFixture[str]) -> None:
    edit(project, "workflow: small", "workflow: other")
    (project / "include/workflows/small.yaml").rename(project / "include/workflows/other.yaml")

    assert run(against=before, detailed_exitcode=True) == 2
    told = capsys.readouterr().out
    assert f"small: removed since {before}" in told
    assert f"other: new since {before}" in told
    assert find_workflow("other", load_settings()).workflow == "other"
