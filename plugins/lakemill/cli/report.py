"""The command ``lakemill report``: what monitoring knows of a partition, as a page of its own.

Light at the top, as ``main`` is. Stays out: what the page says.
"""

from pathlib import Path
from typing import Annotated

import typer

from lakemill.config import find_workflow, load_settings
from lakemill.exceptions import ConfigError


def report(
    workflow: Annotated[str, typer.Argument(help="Name of a workflow.")],
    partition: Annotated[str | None, typer.Argument(help="Key; the last one that was judged if left out.")] = None,
    out: Annotated[Path | None, typer.Option(help="HTML file; <workflow>-<partition>.html if left out.")] = None,
) -> None:
    """Write the report of a partition: drift, distributions, performance over time, what was decided."""
    from lakemill.lake import Lake
    from lakemill.monitoring.report import find_last_judged, gather, write_page

    settings = load_settings()
    declared = find_workflow(workflow, settings)
    lake = Lake(settings.lake, workflow)
    if partition is not None and not declared.partition.holds(partition):
        first = declared.partition.start
        raise ConfigError(
            f"no partition {partition!r}", where=f"{workflow}: PARTITION", remedy=f"give a key like {first}"
        )
    key = partition or find_last_judged(declared, lake)
    file = out or Path(f"{workflow}-{key}.html")
    if not file.absolute().parent.is_dir():
        raise ConfigError(f"no folder {file.parent}", where="--out", remedy="make it first")
    file.write_text(write_page(gather(declared, key, lake)), encoding="utf-8")
    typer.echo(f"written: {file}")
