"""What is shown of runs that failed and of partitions that are blocked.

Stays out: finding them (``following.py``).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from lakemill.config import Settings

if TYPE_CHECKING:
    from lakemill.cli.airflow_api import FailedTask
    from lakemill.cli.following import TasksFailedError


def show_blocked(blocked: dict[str, tuple[str, ...]], errors: Console) -> None:
    """Show blocked partitions with their reasons."""
    for key, reasons in blocked.items():
        errors.print(f"[red]blocked:[/red] {key}")
        errors.print("\n".join(f"    {reason}" for reason in reasons), markup=False)
    errors.print("mend the data or the suite and run again: a blocked partition is collected anew", markup=False)


def show_failures(failure: "TasksFailedError", settings: Settings, errors: Console) -> None:
    """Show failed tasks, those that failed alike together, with the ends of their logs."""
    alike: dict[tuple[str, str, tuple[str, ...]], list[FailedTask]] = {}
    for task in failure.tasks:
        alike.setdefault((task.run.dag_id, task.task_id, task.log), []).append(task)
    for (dag_id, task_id, log), tasks in alike.items():
        partitions = sorted(task.run.partition or task.run.run_id for task in tasks)
        shown = ", ".join(partitions[:3]) + (f" and {len(partitions) - 3} more" if len(partitions) > 3 else "")
        errors.print(f"[red]failed:[/red] {dag_id} {shown}: task {task_id}, after {tasks[0].tries} tries")
        errors.print("\n".join(f"    {line}" for line in log), markup=False)
    logs = settings.state / "logs" / "airflow"
    folder = logs.relative_to(Path.cwd()) if logs.is_relative_to(Path.cwd()) else logs
    errors.print(f"all logs: {folder}; mend it and run again: what is done is kept", markup=False)
