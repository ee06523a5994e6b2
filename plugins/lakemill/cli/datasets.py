"""The commands under ``lakemill datasets``: the snapshots that trainings were made of, and their rows as a file.

Light at the top, as ``main`` is. Stays out: taking snapshots, and how their rows are chosen.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lakemill.config import Workflow, find_workflow, load_settings
from lakemill.exceptions import ConfigError, LakeError, suggest

if TYPE_CHECKING:
    from lakemill.lake import Lake
    from lakemill.training.training_rows import Choice

app = typer.Typer(no_args_is_help=True, help="Look at the snapshots that models were trained on, and write their rows.")

Name = Annotated[str, typer.Argument(help="Name of a workflow.")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="Id of a snapshot, or how it begins.")]
PARTS = ("train", "validation", "test")


@app.command(name="list")
def list_(workflow: Name) -> None:
    """Show all snapshots: moment, partitions, rows of each part, corrections of labels, version of the code."""
    from rich.box import HORIZONTALS
    from rich.table import Table

    from lakemill.cli.lake_tables import shorten_keys
    from lakemill.training.training_rows import read_counts

    _, lake = _open(workflow)
    shown = Table(title=f"{workflow}: snapshots", title_justify="left", box=HORIZONTALS, padding=(0, 1, 0, 0))
    for heading in ("id", "as of", "partitions"):
        shown.add_column(heading, no_wrap=heading != "partitions")
    for heading in (*PARTS, "sampled", "corrections"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("code", no_wrap=True)
    for one in _read_all(lake):
        counts = read_counts(lake, one["id"]) or {}
        sampled = counts.get("sampled")
        shown.add_row(
            one["id"],
            one["as_of"],
            shorten_keys(one["partitions"]),
            *(f"{counts[part]:,}" if part in counts else "" for part in PARTS),
            f"{sampled['train'] + sampled['validation']:,}" if sampled else "",
            f"{len(one.get('corrections', [])):,}",
            one["code"],
        )
    _console().print(shown)


@app.command()
def show(workflow: Name, identity: Identity) -> None:
    """Show what one snapshot is made of, and how its rows are used."""
    from lakemill.training.snapshots import code_version
    from lakemill.training.training_rows import keep_counts, read_counts

    declared, lake = _open(workflow)
    one = _find(lake, identity)
    is_same_file = one["workflow"] == declared.training_hash()
    counts = read_counts(lake, one["id"])
    if counts is None and is_same_file:
        chosen = _choose(declared, lake, one["id"])
        keep_counts(lake, one["id"], {name: len(part) for name, part in chosen.split.parts.items()}, chosen.sampled)
        counts = read_counts(lake, one["id"])
    lines: list[tuple[str, str]] = [
        ("snapshot", one["id"]),
        ("as of", one["as_of"]),
        ("partitions", f"{len(one['partitions'])}: {', '.join(one['partitions'])}"),
        ("table", f"clean, version {one['version']}"),
        ("corrections", f"{len(one.get('corrections', [])):,} labels put right by people"),
        ("workflow file", f"{one['workflow']}{'' if is_same_file else ', not the one there is now'}"),
        ("code", f"{one['code']}{'' if one['code'] == code_version(declared) else ', not the one there is now'}"),
        *((part, f"{counts[part]:,} rows") for part in PARTS if counts),
    ]
    if counts and counts["sampled"]:
        lines.append(("sampled", counts["sampled"]["text"]))
    for name, text in lines:
        _console().print(f"{name:<14}{text}", markup=False)


@app.command()
def materialize(
    workflow: Name,
    identity: Identity,
    to: Annotated[Path | None, typer.Option(help="File to write; WORKFLOW-ID.parquet here if left out.")] = None,
) -> None:
    """Write the rows of a snapshot as Parquet, in their order, each with the part that it belongs to (``_split``)."""
    from lakemill.training.materializing import write_parquet

    declared, lake = _open(workflow)
    one = _find(lake, identity)
    if one["workflow"] != declared.training_hash():
        raise ConfigError(
            f"the snapshot is of another workflow file, {one['workflow']}",
            where=f"include/workflows/{workflow}.yaml",
            remedy="its rows would be split otherwise: check out the file of then",
        )
    path = to or Path(f"{workflow}-{one['id']}.parquet")
    if not path.parent.is_dir():
        raise ConfigError(f"no folder {path.parent}", where="--to", remedy="make it, or name another file")
    rows = write_parquet(_choose(declared, lake, one["id"]), path)
    _console().print(f"{rows:,} rows in {path}", markup=False, soft_wrap=True)


def _choose(workflow: Workflow, lake: "Lake", identity: str) -> "Choice":
    import numpy as np

    from lakemill.registry.label_audit import read_audit
    from lakemill.training.training_rows import choose_rows

    dropped = np.array(read_audit(lake, identity).get("dropped", []), dtype=int)
    return choose_rows(workflow, lake, identity, besides=dropped)


def _read_all(lake: "Lake") -> list[dict[str, Any]]:
    documents = (lake.read_document(name) for name in lake.list_documents("snapshots"))
    found = [one for one in documents if one is not None]
    if not found:
        raise LakeError(
            "no snapshots yet", where=lake.workflow, remedy=f"each training takes one: lakemill run {lake.workflow}"
        )
    return sorted(found, key=lambda one: (one["as_of"], one["id"]))


def _find(lake: "Lake", identity: str) -> dict[str, Any]:
    found = _read_all(lake)
    matching = [one for one in found if one["id"].startswith(identity)]
    if len(matching) != 1:
        problem = f"no snapshot {identity!r}" if not matching else f"{len(matching)} snapshots begin so: {identity!r}"
        known = [one["id"] for one in matching or found]
        raise LakeError(problem, where=lake.workflow, remedy=suggest(identity, known[-20:]))
    return matching[0]


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)  # in a log the width is ours to choose


def _open(workflow: str) -> "tuple[Workflow, Lake]":
    from lakemill.lake import Lake

    settings = load_settings()
    return find_workflow(workflow, settings), Lake(settings.lake, workflow)
