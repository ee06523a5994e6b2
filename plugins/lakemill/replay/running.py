"""A policy run over history: each partition is scored, judged and, where its verdict says so, trained after.

Partitions come in order, so that each finds what was known at its time. Stays out: where it is run, and how many of
them (``side_by_side.py``).
"""

from collections.abc import Callable
from typing import Any

from threadpoolctl import threadpool_limits

from lakemill.lake import Lake
from lakemill.lake.locks import hold_lock
from lakemill.monitoring.step import judge_partition
from lakemill.registry.models import Registry
from lakemill.replay.branches import Place, count_kept, keep, open_branch, open_registry
from lakemill.replay.training import train
from lakemill.scoring import score_partition
from lakemill.training.measuring import Cost, measure

Report = Callable[[int, str], None]  # how many partitions are done, and what is done now


def replay(place: Place, *, threads: int | None = None, report: Report = lambda done, text: None) -> int:
    """Replay a policy, going on where it was left.

    Parameters
    ----------
    place : Place
    threads : int or None
        Of fits and trials; what they learn does not depend on it. None leaves it to the estimators.
    report : callable
        Told how many partitions are done, and what is done now.

    Returns
    -------
    int
        Partitions that were run; the others had been done before.
    """
    folder = place.folder
    with hold_lock(Lake(str(folder.parent.parent), folder.parent.name), folder.name), threadpool_limits(threads):
        kept = count_kept(place)
        lake = open_branch(place)
        registry = open_registry(place) if kept < len(place.keys) else None
        for done, key in enumerate(place.keys):
            if done < kept or registry is None:
                continue

            def tell(text: str, done: int = done, key: str = key) -> None:
                report(done, f"{key}: {text}")

            keep(place, lake, key, _replay_partition(place, key, lake, registry, threads=threads, tell=tell))
        report(len(place.keys), "done")
        return len(place.keys) - kept


def _replay_partition(
    place: Place, key: str, lake: Lake, registry: Registry, *, threads: int | None, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Bring one partition through scoring, monitoring and training, as their DAGs do."""
    workflow, auditing = place.workflow, Cost()
    tell("scoring")
    score_partition(workflow, key, lake, registry)
    tell("judging")
    with measure() as judging:
        judged = judge_partition(workflow, key, lake, registry)
    if judged["verdict"] == "retrain":
        auditing = train(
            workflow,
            key,
            lake,
            registry,
            studies=place.studies,
            worker=place.folder.name,
            threads=threads,
            tell=lambda step: tell(f"training, {step}"),
        )
    return {
        "judging_cpu_seconds": judging.cpu_seconds,
        "auditing_cpu_seconds": auditing.cpu_seconds,
    }
