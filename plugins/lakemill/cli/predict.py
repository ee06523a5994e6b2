"""The command ``lakemill predict``: rows of a file scored by a model.

Light at the top, as ``main`` is. Stays out: scoring (``lakemill.scoring``).
"""

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lakemill.config import Workflow, find_workflow, load_settings, load_workflows
from lakemill.exceptions import ConfigError, suggest

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 3  # reasons for what is no row


def predict(
    file: Annotated[Path, typer.Argument(help="CSV, JSON, NDJSON, Excel or Parquet, with the columns of the table.")],
    workflow: Annotated[str | None, typer.Option(help="Name of a workflow; the only one if left out.")] = None,
    version: Annotated[str | None, typer.Option(help="Of the model; the one in charge if left out.")] = None,
    output: Annotated[Path | None, typer.Option(help=".parquet or .csv; CSV on the screen if left out.")] = None,
) -> None:
    """Score the rows of a file as a partition is scored; the query and the cleaning rules are not applied."""
    from lakemill.cli.kept_models import open_registry
    from lakemill.lake import Lake
    from lakemill.registry.diagnosis import choose_version
    from lakemill.scoring.files import score_file

    if not file.is_file():
        raise ConfigError(f"no file {file}", where="predict", remedy="mend the path")
    if output is not None and not output.parent.is_dir():
        raise ConfigError(f"no folder {output.parent}", where="--output", remedy="make it, or name another file")
    declared, settings = _choose(workflow), load_settings()
    registry = open_registry(declared, settings)
    chosen = choose_version(registry, version)
    scores = score_file(declared, Lake(settings.lake, declared.workflow), registry, file, version=chosen)
    rows, unscored = _write(scores.pieces, output)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for reason in scores.refused[:SHOWN]:
        console.print(f"no row: {reason}", markup=False)
    if len(scores.refused) > SHOWN:
        console.print(f"and {len(scores.refused) - SHOWN:,} more", markup=False)
    told = f"; {unscored:,} without a score, each with its reason" if unscored else ""
    console.print(f"{rows:,} rows by version {scores.version} of {declared.workflow}{told}", markup=False)


def _choose(name: str | None) -> Workflow:
    settings = load_settings()
    if name is not None:
        return find_workflow(name, settings)
    known = load_workflows(settings)[0]
    if len(known) != 1:
        raise ConfigError("which workflow's model?", where="--workflow", remedy=suggest("", list(known)))
    return next(iter(known.values()))


def _write(pieces: "Iterator[pa.Table]", output: Path | None) -> tuple[int, int]:
    """Write pieces as they come; return how many rows there were, and how many of them without a score."""
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    first = next(pieces)  # before anything is written: what is wrong with a file shows here
    target = sys.stdout.buffer if output is None else output
    make = pq.ParquetWriter if output is not None and output.suffix.lower() == ".parquet" else csv.CSVWriter
    rows = unscored = 0
    with make(target, first.schema) as writer:
        for piece in chain([first], pieces):
            writer.write_table(piece)
            rows += len(piece)
            unscored += piece.column("score").null_count
    return rows, unscored
