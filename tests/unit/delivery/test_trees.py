"""Files of a commit are laid out without touching the repository."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lakemill.config import Settings, load_settings
from lakemill.config.versions import CODE
from lakemill.delivery.trees import open_tree
from lakemill.exceptions import ConfigError

CONTENT = {
    "workflow": "small",
    "description": "Is this big?",
    "partition": {"every": "day", "start": "2020-01-01"},
    "collect": {"items": {"path": "data/items_{partition}.csv"}},
    "table": {
        "sql": "queries/small.sql",
        "key": ["id"],
        "event_time": "at",
        "label": {"column": "label", "problem": "classification"},
    },
    "expectations": "suites/small.json",
}


def git(folder: Path, *words: str) -> str:
    names = {f"GIT_{who}_{what}": "ci@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **names}
    told = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, env=environment)
    return told.stdout.decode()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a project in a folder of a repository, with a query in one commit and another on disk."""
    project = tmp_path / "repository" / "project"
    files = {
        "include/workflows/small.yaml": yaml.safe_dump(CONTENT),
        "queries/small.sql": "SELECT 1\n",
        "suites/small.json": json.dumps({"name": "small", "expectations": []}),
        "data/items_2020-01-01.csv": "id\n1\n",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    git(tmp_path, "init", "--quiet", "repository")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "one")
    (project / "queries/small.sql").write_text("SELECT 2\n")
    return replace(load_settings(), project=project)


def test_of_a_commit_the_named_files_are_there_and_its_data_is_not(settings: Settings) -> None:
    before = git(settings.project, "status", "--porcelain=v2", "--branch")

    with open_tree("HEAD", settings) as tree:
        laid_out = tree.settings.project
        files = {str(path.relative_to(laid_out)) for path in laid_out.rglob("*") if path.is_file()}
        query = (laid_out / "queries/small.sql").read_text()

    assert files == {"include/workflows/small.yaml", "queries/small.sql", "suites/small.json"}
    assert (query, set(tree.workflows), tree.faults, tree.code) == ("SELECT 1\n", {"small"}, (), CODE)
    assert not laid_out.exists()
    assert git(settings.project, "status", "--porcelain=v2", "--branch") == before


@pytest.mark.parametrize("against", ["nowhere", "--output=x", "HEAD~7"])
def test_what_is_no_commit_and_no_folder_is_told(settings: Settings, against: str) -> None:
    with pytest.raises(ConfigError, match="is no commit"), open_tree(against, settings):
        pass


def test_a_file_that_could_not_be_read_there_is_a_fault_of_the_tree(settings: Settings) -> None:
    path = settings.project / "include/workflows/small.yaml"
    path.write_text(yaml.safe_dump({**CONTENT, "colect": {}}))
    git(settings.project, "commit", "--quiet", "--all", "--message", "two")

    with open_tree("HEAD", settings) as tree:
        assert (len(tree.faults), tree.workflows) == (1, {})
