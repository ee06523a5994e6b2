"""The command ``lakemill replay``: history under other policies, compared; nothing live is touched.

Light at the top, as ``main`` is. Stays out: replaying (``lakemill.replay``), drawing (``replay_page.py``).
"""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lakemill.config import Settings, Workflow, find_workflow, load_settings
from lakemill.config.overriding import read_changes
from lakemill.exceptions import ConfigError

if TYPE_CHECKING:
    from rich.progress import Progress

    from lakemill.replay.branches import Place
    from lakemill.replay.outcome import Comparison
    from lakemill.replay.policies import Policy

FILES = ("replay.html", "replay.png", "replay.json")


def replay(
    workflow: Annotated[str, typer.Argument(help="Name of a workflow.")],
    first: Annotated[
        str | None, typer.Option("--from", help="First partition; the workflow's start by default.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last partition; the last published by default.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Another value of a key of the workflow file, like monitor.columns=10%; repeatable."
        ),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="Only this one of never, every, drift, workflow, changed (with --set); repeatable."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Policies at once; as many as cores by default.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for page, plot and figures; beside the branches by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON, and no table.")] = False,
) -> None:
    """Run history again under other policies: scores, retrainings, alarms and CPU time beside each other."""
    from lakemill.cli.replay_tables import show_comparison
    from lakemill.replay.outcome import Comparison, describe_notes, read_outcome
    from lakemill.replay.policies import choose_policies, require_replayable
    from lakemill.replay.preparing import choose_partitions, make_places

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # there is one bar already
    settings = load_settings()
    declared = find_workflow(workflow, settings)
    changed = _change(workflow, declared, changes or [], settings)
    if changed is not None:
        require_replayable(declared, changed, settings.project)
    policies = choose_policies(declared, changed, policy or [])
    lake = _open_lake(declared, settings)
    keys, blocked = choose_partitions(declared, lake, first, last)
    root = settings.state / "replays"
    places = make_places(policies, lake, keys, root)
    folder = output or root / workflow / "report"
    _make_folder(folder)
    _run(places, workers or min(len(places), settings.tuning_tasks), is_quiet=as_json)
    metric = _find_metric(declared)
    found = Comparison(
        workflow,
        declared.train.metric,
        metric.greater_is_better,
        tuple(read_outcome(one, places[one.name]) for one in policies),
        (*describe_notes(declared, lake, keys, blocked), *_tell_same(policies, places)),
    )
    written = _write(found, folder)
    if as_json:
        sys.stdout.write(json.dumps(found.as_dict(), indent=1) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(show_comparison(found))
    for path in written:
        console.print(f"written: {path}", soft_wrap=True, markup=False)


def _change(name: str, declared: Workflow, changes: list[str], settings: Settings) -> Workflow | None:
    if not changes:
        return None
    changed = find_workflow(name, settings, read_changes(changes))
    if changed == declared:
        raise ConfigError("these are the values of the file already", where="--set", remedy="give others, or none")
    return changed


def _open_lake(workflow: Workflow, settings: Settings) -> Any:
    from lakemill.lake import Lake

    return Lake(settings.lake, workflow.workflow)


def _find_metric(workflow: Workflow) -> Any:
    from lakemill.evaluation.metrics import METRICS

    return METRICS[workflow.train.metric]


def _tell_same(policies: "Sequence[Policy]", places: "dict[str, Place]") -> list[str]:
    """Say which policies come to the same, since their workflows do not differ."""
    by_branch: dict[str, list[str]] = {}
    for one in policies:
        by_branch.setdefault(places[one.name].folder.name, []).append(one.name)
    return [f"{' and '.join(names)} are the same here" for names in by_branch.values() if len(names) > 1]


def _run(places: "dict[str, Place]", workers: int, *, is_quiet: bool) -> None:
    """Replay, with a bar for each policy."""
    from lakemill.replay.side_by_side import replay_all

    with _open_bars(is_quiet) as bars:
        tasks = (
            {name: bars.add_task(name, total=len(place.keys), now="waiting") for name, place in places.items()}
            if bars is not None
            else {}
        )

        def report(name: str, done: int, text: str) -> None:
            if bars is not None:
                bars.update(tasks[name], completed=done, now=text)

        replay_all(places, workers=workers, report=report)


def _open_bars(is_quiet: bool) -> "AbstractContextManager[Progress | None]":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    if is_quiet:
        return nullcontext()
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot be made: {error.strerror}", where=str(folder), remedy="give another --output"
        ) from None


def _write(found: "Comparison", folder: Path) -> list[Path]:
    from lakemill.cli.replay_page import draw_comparison, make_page

    image = draw_comparison(found)
    contents = (make_page(found, image).encode(), image, (json.dumps(found.as_dict(), indent=1) + "\n").encode())
    written = []
    try:
        for name, content in zip(FILES, contents, strict=True):
            (folder / name).write_bytes(content)
            written.append(folder / name)
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}", where=str(error.filename), remedy="give another --output"
        ) from None
    return written
