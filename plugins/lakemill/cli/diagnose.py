"""The command ``lakemill diagnose``: what a model's figures say about what to change next.

Light at the top, as ``main`` is. Stays out: finding it (``registry.diagnosis``), drawing it (``diagnosis_plots.py``).
"""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group

from lakemill.cli.kept_models import open_registry
from lakemill.config import find_workflow, load_settings
from lakemill.exceptions import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from lakemill.registry.diagnosis import Diagnosis

WORST = 5


def diagnose(
    workflow: Annotated[str, typer.Argument(help="Name of a workflow.")],
    version: Annotated[str | None, typer.Argument(help="Of the model; the champion, else the newest.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File to write all figures to.")] = None,
    html: Annotated[Path | None, typer.Option(help="File to write a page with plots to.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder to write the plots to, as PNG.")] = None,
) -> None:
    """Diagnose a model: would more rows help, where does it err, what to change next."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from lakemill.lake import Lake
    from lakemill.registry.diagnosis import choose_version
    from lakemill.registry.diagnosis import diagnose as diagnose_version

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # there is one bar already
    settings = load_settings()
    declared = find_workflow(workflow, settings)
    registry = open_registry(declared, settings)
    chosen = choose_version(registry, version)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("reading rows", total=1.0)
        found = diagnose_version(
            declared,
            Lake(settings.lake, workflow),
            registry,
            chosen,
            report=lambda text, share: bar.update(task, description=text, completed=share),
        )
    console.print(show_diagnosis(found))
    _write(found, console, json_file=json_file, html=html, plots=plots)


def show_diagnosis(found: "Diagnosis") -> Group:
    """Return what to print of a diagnosis.

    Parameters
    ----------
    found : Diagnosis
    """
    from rich.padding import Padding
    from rich.text import Text

    head = (
        f"{found.workflow} v{found.version}: {found.estimator}, as of {found.as_of}; "
        f"{found.rows['train']:,} training and {found.rows['validation']:,} validation rows"
    )
    parts: list[Text | Table | Padding] = [
        Text(head, style="bold"),
        _show_scores(found),
        _show_curve(found),
        _show_importance(found),
        _show_slices(found),
    ]
    parts += [Text(f"note: {note}", style="dim") for note in found.notes]
    for number, one in enumerate(found.findings, start=1):
        parts.append(Text.assemble((f"{number}. {one.rule}: ", "bold"), one.advice))
        parts.append(Padding(Text(f"{one.figures}\n(said from {one.threshold} on)", style="dim"), (0, 0, 0, 3)))
    if not found.findings:
        parts.append(Text("nothing found that should be changed", style="green"))
    parts.append(Text("All advice comes from training and validation rows; no test row was read.", style="dim"))
    return Group(*parts)


def _make_table(title: str, words: tuple[str, ...], numbers: tuple[str, ...]) -> "Table":
    from rich.box import HORIZONTALS
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=HORIZONTALS, padding=(0, 1, 0, 0))
    for name in words:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _show_scores(found: "Diagnosis") -> "Table":
    noise, calibration = found.label_noise or {}, found.calibration
    heads = ("naive", "validation", "training", "test (kept by the gate)", "label ceiling", "calibration error")
    table = _make_table(found.metric, (), heads)
    numbers = (found.scale.naive, found.validation, found.train, found.test, noise.get("ceiling"), calibration.error)
    table.add_row(*(_figure(one) for one in numbers))
    return table


def _show_curve(found: "Diagnosis") -> "Table":
    table = _make_table("learning curve", (), ("training rows", "training", "validation", "CPU s a fit"))
    for point in found.curve:
        train, validation = (sum(one) / len(one) for one in (point.train, point.validation))
        table.add_row(f"{point.rows:,}", _figure(train), _figure(validation), f"{point.seconds:.2f}")
    return table


def _show_importance(found: "Diagnosis") -> "Table":
    table = _make_table("permutation importance", ("feature",), (f"{found.metric} lost", "deviation", "idle"))
    for one in found.importances:
        table.add_row(one.feature, f"{one.loss:+.4f}", f"{one.deviation:.4f}", "yes" if one.is_idle else "")
    return table


def _show_slices(found: "Diagnosis") -> "Table":
    title = (
        f"the {WORST} worst of {len(found.slices)} slices, by {found.error} (95 % interval for all of them together)"
    )
    heads = ("rows", "error", "interval", "elsewhere", "expected", "p", found.metric)
    table = _make_table(title, ("slice",), heads)
    for one in found.slices[:WORST]:
        table.add_row(
            f"{one.feature} {one.level}",
            f"{one.share:.0%}",
            f"{one.error:.4g}",
            f"{one.low:.4g} to {one.high:.4g}",
            f"{one.error_elsewhere:.4g}",
            f"{one.expected:.4g}",
            f"{one.p:.2g}",
            _figure(one.score),
            style="bold" if one.is_bad else "",
        )
    return table


def _write(
    found: "Diagnosis", console: Console, *, json_file: Path | None, html: Path | None, plots: Path | None
) -> None:
    from lakemill.cli.diagnosis_plots import draw_plots, make_page

    try:
        if json_file is not None:
            json_file.write_text(json.dumps(found.as_dict(), indent=1) + "\n", encoding="utf-8")
        if plots is not None:
            plots.mkdir(parents=True, exist_ok=True)
            for name, image in draw_plots(found).items():
                (plots / f"{name}.png").write_bytes(image)
        if html is not None:
            html.write_text(make_page(found), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}", where=str(error.filename), remedy="give another place"
        ) from None
    for place in (json_file, plots, html):
        if place is not None:
            console.print(f"written: {place}", markup=False)


def _figure(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.4f}"
