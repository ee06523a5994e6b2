"""The command ``lakemill init``: files of a start, written into a user's repository.

Stays out: what they do; they are kept as they are written, in ``templates``.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lakemill.exceptions import ConfigError

TEMPLATES = Path(__file__).parent / "templates"
SCRIPT = ("lakemill.sh", "ci/lakemill.sh")


class Provider(StrEnum):
    """Whose CI is written for; shell is what any other can call."""

    github = "github"
    shell = "shell"


FILES = {Provider.github: (SCRIPT, ("github.yml", ".github/workflows/lakemill.yml")), Provider.shell: (SCRIPT,)}
app = typer.Typer(no_args_is_help=True, help="Write files to begin with.")


@app.callback()
def init() -> None:
    """Write files to begin with."""


@app.command()
def ci(
    provider: Annotated[Provider, typer.Option(help="github, or shell alone for any other.")] = Provider.github,
    folder: Annotated[Path, typer.Option(help="Of the repository.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are other than these.")] = False,
) -> None:
    """Write what checks, plans and deploys changes of workflows in CI."""
    wanted = {folder / place: (TEMPLATES / name).read_text(encoding="utf-8") for name, place in FILES[provider]}
    others = [path for path, text in wanted.items() if path.exists() and path.read_text(encoding="utf-8") != text]
    if others and not force:
        raise ConfigError(
            f"{', '.join(map(str, others))}: there already, and other than what would be written",
            where="init ci",
            remedy="compare them, or overwrite them: --force",
        )
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".sh":
            path.chmod(0o755)
        typer.echo(f"written: {path}")
