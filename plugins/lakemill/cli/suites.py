"""The commands about suites: proposing one from history, and building the pages of what they found.

Stays out: the doing, which is ``lakemill.validation``'s.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lakemill.config import TABLE, find_workflow, load_settings
from lakemill.exceptions import ConfigError, suggest

Name = Annotated[str, typer.Argument(help="Name of a workflow.")]


def suggest_expectations(
    workflow: Name,
    source: Annotated[str, typer.Option(help="Name of a source, or 'table'.")] = TABLE,
    output: Annotated[Path | None, typer.Option(help="File to write; on the screen by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Propose a suite that all published partitions pass, from what they have in common; to be read and edited."""
    from lakemill.lake import Lake
    from lakemill.validation.suggesting import suggest_suite

    settings = load_settings()
    declared = find_workflow(workflow, settings)
    known = [*declared.collect, TABLE]
    if source not in known:
        raise ConfigError(f"no source {source!r}", where="--source", remedy=suggest(source, known))
    if output is not None and output.exists() and not force:
        raise ConfigError("is there already", where=str(output), remedy="take another name, or --force")
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    lake = Lake(settings.lake, workflow)
    suite = suggest_suite(declared, source, lake, project=settings.project, report=errors.print)
    text = _write(suite)
    if output is None:
        sys.stdout.write(text)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    count = len(suite["expectations"])
    errors.print(f"{count} expectations written to {output}; name it under expectations.{source} of the workflow file")


def data_docs(
    workflow: Name, last: Annotated[int, typer.Option(min=1, help="So many partitions, the newest.")] = 30
) -> None:
    """Build Great Expectations' Data Docs: pages of what the suites found of the last partitions."""
    from lakemill.lake import Lake
    from lakemill.validation.data_docs import build_data_docs

    settings = load_settings()
    find_workflow(workflow, settings)
    folder = settings.state / "data-docs" / workflow
    index, partitions = build_data_docs(Lake(settings.lake, workflow), folder, last=last)
    sys.stdout.write(f"{index}\n")
    Console(stderr=True).print(f"{partitions} partition(s)", highlight=False)


def _write(suite: dict[str, object]) -> str:
    """Return a suite as JSON, one expectation a line, as a person edits it."""
    lines = [f"    {json.dumps(one, ensure_ascii=False)}" for one in suite["expectations"]]  # type: ignore[attr-defined]
    head = f'{{\n  "name": {json.dumps(suite["name"])},\n  "meta": {json.dumps(suite["meta"], ensure_ascii=False)},\n'
    return head + '  "expectations": [\n' + ",\n".join(lines) + "\n  ]\n}\n"
