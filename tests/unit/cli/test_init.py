"""Files of a start: written once, and kept as somebody has changed them."""

import re
from pathlib import Path

import pytest
import yaml

from lakemill.cli.init import FILES, TEMPLATES, Provider, ci
from lakemill.exceptions import ConfigError

WORKFLOWS = (TEMPLATES / "github.yml", Path(__file__).parents[3] / ".github/workflows/test.yml")
MAJORS = {"actions/checkout": "v5", "actions/setup-python": "v6"}


@pytest.mark.parametrize("provider", Provider)
def test_the_files_of_a_provider_are_written(tmp_path: Path, provider: Provider) -> None:
    ci(provider, tmp_path)

    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {place for _, place in FILES[provider]}
    assert (tmp_path / "ci/lakemill.sh").stat().st_mode & 0o111


def test_a_file_that_somebody_has_changed_is_kept_and_so_are_the_others(tmp_path: Path) -> None:
    ci(Provider.shell, tmp_path)
    (tmp_path / "ci/lakemill.sh").write_text("mine\n")

    with pytest.raises(ConfigError, match="--force"):
        ci(Provider.github, tmp_path)

    assert (tmp_path / "ci/lakemill.sh").read_text() == "mine\n"
    assert not (tmp_path / ".github").exists()


def test_what_is_as_it_would_be_written_is_no_hindrance_and_force_overwrites(tmp_path: Path) -> None:
    ci(Provider.shell, tmp_path)
    ci(Provider.github, tmp_path)
    (tmp_path / "ci/lakemill.sh").write_text("mine\n")
    ci(Provider.shell, tmp_path, force=True)

    assert (tmp_path / "ci/lakemill.sh").read_text() == (TEMPLATES / "lakemill.sh").read_text()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_of_github_name_actions_by_majors_that_exist_and_may_no_more_than_read(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    used = re.findall(r"uses: (\S+)@(\S+)", path.read_text())

    assert content["permissions"] == {"contents": "read"}
    assert used
    assert all(MAJORS[action] == major for action, major in used)
    assert all("timeout-minutes" in job for job in content["jobs"].values())


def test_every_step_of_the_workflow_is_one_of_the_script() -> None:
    called = set(re.findall(r"bash ci/lakemill\.sh (\w+)", (TEMPLATES / "github.yml").read_text()))
    described = set(re.findall(r"^#   ci/lakemill\.sh (\w+)", (TEMPLATES / "lakemill.sh").read_text(), re.M))

    assert called == described
