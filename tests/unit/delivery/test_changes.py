"""What a change of files is about: a table of changes, and what each of them does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakemill.config import Workflow, load_settings
from lakemill.config.versions import CODE, OF_INGESTION, PARTS, describe_parts, hash_code
from lakemill.delivery.changes import EFFECTS, compare_parts
from lakemill.delivery.plan import Plan, compare_files
from lakemill.delivery.trees import open_tree

SQL = "SELECT id, at, size, colour, label FROM items\n"
SUITE = {
    "name": "small",
    "expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}],
}
CONTENT: dict[str, Any] = {
    "workflow": "small",
    "description": "Is this big?",
    "partition": {"every": "day", "start": "2020-01-01", "end": "2020-01-03"},
    "collect": {"items": {"path": "items_{partition}.csv"}},
    "table": {
        "sql": "include/sql/small.sql",
        "key": ["id"],
        "event_time": "at",
        "label": {"column": "label", "problem": "classification"},
    },
    "expectations": "include/expectations/small.json",
    "clean": [{"rule": "reference", "columns": ["colour"], "file": "include/colours.csv", "column": "colour"}],
    "features": {"numeric": ["size"], "categorical": ["colour"]},
    "train": {"metric": "roc_auc", "candidates": {"plain": {"estimator": "sklearn.linear_model.LogisticRegression"}}},
    "gate": {"floor": 0.6},
}
Change = Callable[[Path, dict[str, Any]], None]


def write_project(folder: Path, change: Change = lambda folder, content: None) -> Path:
    content = json.loads(json.dumps(CONTENT))
    files = {
        "include/sql/small.sql": SQL,
        "include/expectations/small.json": json.dumps(SUITE),
        "include/colours.csv": "colour\nred\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    change(folder, content)
    (folder / "include/workflows").mkdir(parents=True)
    (folder / "include/workflows/small.yaml").write_text(yaml.safe_dump(content))
    return folder


def say(*keys: str, value: Any) -> Change:
    """A change of a key of the workflow file."""

    def change(folder: Path, content: dict[str, Any]) -> None:
        for key in keys[:-1]:
            content = content.setdefault(key, {})
        content[keys[-1]] = value

    return change


def write(name: str, text: str) -> Change:
    """A change of a file that the workflow file names."""
    return lambda folder, content: (folder / name).write_text(text) and None


# a change: the parts that differ, whether partitions are ingested again, whether the files ask for another model
CASES: dict[str, tuple[Change, set[str], bool, bool]] = {
    "nothing": (lambda folder, content: None, set(), False, False),
    "the description": (say("description", value="Is it big?"), {"description"}, False, False),
    "the query": (write("include/sql/small.sql", SQL + "WHERE size > 0\n"), {"query"}, True, False),
    "a suite": (
        write("include/expectations/small.json", json.dumps(SUITE).replace("1", "2")),
        {"suites"},
        True,
        False,
    ),
    "a suite's layout": (write("include/expectations/small.json", json.dumps(SUITE, indent=4)), set(), False, False),
    "a cleaning rule": (say("clean", value=[{"rule": "duplicates"}]), {"cleaning"}, True, True),
    "a file of known values": (write("include/colours.csv", "colour\nblue\n"), {"cleaning"}, True, False),
    "a feature": (say("features", "numeric", value=["size", "width"]), {"features", "column types"}, True, True),
    "how a feature is scaled": (say("features", "transform", value={"scale": "robust"}), {"features"}, False, True),
    "the split": (say("dataset", value={"split": "random"}), {"dataset"}, False, True),
    "the budget": (say("train", "budget", value={"trials": 3}), {"train"}, False, True),
    "when labels are known": (say("table", "label", "known_after", value="1 day"), {"maturity"}, False, True),
    "the gate's floor": (say("gate", "floor", value=0.7), {"gate"}, False, False),
    "drift's limit": (say("monitor", value={"effect": 0.5}), {"monitor"}, False, False),
    "the cadence": (say("retrain", value={"every": 2}), {"retrain"}, False, False),
    "what follows from drift": (say("decide", value={"data_drift": "retrain"}), {"decide"}, False, False),
    "who is told": (say("notify", value=[{"by": "log", "about": ["note"]}]), {"notify"}, False, False),
    "who approves": (say("approve", value="always"), {"approve"}, False, False),
    "how labels are audited": (say("labels", value={"rows": 500}), {"labels"}, False, False),
    "the last partition": (say("partition", "end", value="2020-01-09"), {"span"}, False, False),
    "the time zone": (say("partition", "timezone", value="Europe/Paris"), {"calendar", "features"}, True, True),
    "a source": (say("collect", "items", "columns", value="grow"), {"sources"}, True, True),
    "the key": (say("table", "key", value=["id", "at"]), {"table"}, True, True),
}


def plan_change(tmp_path: Path, change: Change) -> Plan:
    settings = load_settings()
    before, after = write_project(tmp_path / "before"), write_project(tmp_path / "after", change)
    with open_tree(str(before), settings) as tree, open_tree(str(after), settings) as present:
        assert tree.faults == present.faults == ()
        return compare_files(present.workflows["small"], after, tree)


@pytest.mark.parametrize(("change", "parts", "ingests", "trains"), CASES.values(), ids=CASES)
def test_a_change_does_what_it_is_about_and_nothing_else(
    tmp_path: Path, change: Change, parts: set[str], ingests: bool, trains: bool
) -> None:
    plan = plan_change(tmp_path, change)

    assert {one.part for one in plan.changes} == parts
    assert (plan.ingests, plan.trains, plan.is_any) == (ingests, trains, bool(parts))


def test_the_code_of_a_room_is_a_part_of_what_it_makes(tmp_path: Path) -> None:
    def change(folder: Path, content: dict[str, Any]) -> None:
        for room in ("collection", "preprocessing", "training"):
            (folder / "plugins/lakemill" / room).mkdir(parents=True)
            (folder / "plugins/lakemill" / room / "step.py").write_text("1\n")

    rooms = {"training": {"code of training"}, "collection": {"code of ingestion"}}
    rooms["preprocessing"] = {"code of ingestion", "code of training"}
    settings = load_settings()
    before = write_project(tmp_path / "before", change)
    for room, parts in rooms.items():
        after = write_project(tmp_path / room, change)
        (after / "plugins/lakemill" / room / "step.py").write_text("2\n")
        with open_tree(str(before), settings) as tree, open_tree(str(after), settings) as other:
            workflow = other.workflows["small"]
            told = [describe_parts(workflow, one.settings.project, code=one.code) for one in (tree, other)]
        assert {one.part for one in compare_parts(*told)} == parts


def test_a_workflow_that_is_there_on_one_side_only_is_new(tmp_path: Path) -> None:
    settings = load_settings()
    before, after = write_project(tmp_path / "before"), write_project(tmp_path / "after")
    (before / "include/workflows/small.yaml").rename(before / "include/workflows/other.yml")
    with open_tree(str(before), settings) as tree, open_tree(str(after), settings) as present:
        plan = compare_files(present.workflows["small"], after, tree)

    assert (plan.is_added, plan.is_any, plan.changes) == (True, True, ())


def test_every_part_of_ingestion_says_that_it_ingests_and_no_other_does() -> None:
    assert {name for name, effect in EFFECTS.items() if effect.ingests} == set(OF_INGESTION)
    assert set(PARTS) <= set(EFFECTS)


def test_every_section_of_the_file_is_in_some_part(tmp_path: Path) -> None:
    with open_tree(str(write_project(tmp_path)), load_settings()) as tree:
        parts = describe_parts(tree.workflows["small"], tmp_path)

    assert set(Workflow.model_fields) - {"workflow", "partition", "collect", "table", "expectations", "clean"} <= set(
        parts
    )


def test_a_query_is_told_by_the_lines_that_differ(tmp_path: Path) -> None:
    plan = plan_change(tmp_path, write("include/sql/small.sql", SQL + "WHERE size > 0\n"))

    assert plan.changes[0].lines == ("+WHERE size > 0",)


def test_the_code_that_runs_has_one_hash() -> None:
    assert hash_code(CODE) == hash_code(CODE) != hash_code(CODE, ("training",))
