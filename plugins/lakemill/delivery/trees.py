"""Another state of the project's files: a folder, or a commit of its git repository laid out in one.

Stays out: comparing. The repository is only read; of a commit only the files of workflows and code are taken.
"""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from pydantic import ValidationError

from lakemill.config import Settings, Workflow, load_workflows
from lakemill.config.versions import CODE, name_files
from lakemill.exceptions import ConfigError, LakemillError

WORKFLOWS, PACKAGE = "include/workflows", "plugins/lakemill"


@dataclass(frozen=True)
class Tree:
    """A state of a project's files.

    Attributes
    ----------
    name : str
        As it was asked for.
    settings : Settings
        With its folder as the project.
    code : Path
        Its package ``lakemill``; the one that runs where it has none of its own.
    workflows : dict of str to Workflow
    faults : tuple of LakemillError
        Of workflow files that cannot be read.
    """

    name: str
    settings: Settings
    code: Path
    workflows: dict[str, Workflow]
    faults: tuple[LakemillError, ...]


@contextmanager
def open_tree(against: str, settings: Settings) -> Iterator[Tree]:
    """Give the files of a folder or of a commit.

    Parameters
    ----------
    against : str
        A folder of a project, or a commit, branch or tag of the project's repository.
    settings : Settings
        Of the present project.

    Yields
    ------
    Tree

    Raises
    ------
    ConfigError
        If it is neither.
    """
    folder = Path(against)
    if (folder / WORKFLOWS).is_dir():
        yield _read_tree(against, folder, settings)
        return
    with TemporaryDirectory(prefix="lakemill-plan-") as scratch:
        commit = _find_commit(against, settings.project)
        _lay_out(commit, settings.project, Path(scratch))
        yield _read_tree(against, Path(scratch), settings)


def _read_tree(name: str, folder: Path, settings: Settings) -> Tree:
    other = replace(settings, project=folder)
    workflows, faults = load_workflows(other)
    code = folder / PACKAGE
    return Tree(name, other, code if code.is_dir() else CODE, workflows, tuple(faults))


def _find_commit(against: str, project: Path) -> str:
    try:
        return (
            _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{against}^{{commit}}")
            .decode()
            .strip()
        )
    except (OSError, subprocess.CalledProcessError):
        raise ConfigError(
            f"{against!r} is no commit of the repository of {project}, and no folder with {WORKFLOWS}",
            where="--against",
            remedy="fetch it first (a shallow clone has one commit only), or give a folder",
        ) from None


def _lay_out(commit: str, project: Path, folder: Path) -> None:
    """Take workflow files and code of a commit, then the files that these workflow files name."""
    _extract(commit, project, folder, [WORKFLOWS, PACKAGE])
    named = set()
    for path in (folder / WORKFLOWS).glob("*.y*ml"):
        try:
            workflow = Workflow.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (ValidationError, ValueError, yaml.YAMLError):
            continue  # said when it is loaded
        named |= {file for _, file in name_files(workflow)}
    _extract(commit, project, folder, sorted(named))


def _extract(commit: str, project: Path, folder: Path, paths: list[str]) -> None:
    listed = _git(project, "ls-tree", "-z", "--name-only", commit, "--", *paths).decode().split("\0") if paths else []
    if not (there := [path for path in listed if path]):
        return
    with tarfile.open(fileobj=io.BytesIO(_git(project, "archive", commit, "--", *there))) as packed:
        packed.extraction_filter = getattr(tarfile, "data_filter", None)  # before Python 3.11.4 there is none
        packed.extractall(folder)  # noqa: S202  # git made it of the user's own commit


def _git(project: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(project), *words], check=True, capture_output=True).stdout  # noqa: S607  # git is where the PATH says
