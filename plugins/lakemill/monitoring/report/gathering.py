"""Gathering what a report says, all of it from what the lake keeps of a partition and of those before it.

Stays out: how it looks (``page.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.config.partition import Interval
from lakemill.exceptions import LakeError
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, read_all_verdicts
from lakemill.monitoring.drift_table import DATA, PREDICTIONS, read_history
from lakemill.monitoring.drift_table import TABLE as DRIFT
from lakemill.monitoring.profiles import name_predictions, name_windows, read_profile
from lakemill.monitoring.references import choose_earlier_predictions, find_reference
from lakemill.monitoring.report.columns import Column, rank_columns
from lakemill.monitoring.report.evidence import Known, Statement, state
from lakemill.monitoring.report.timeline import Timeline, make_timeline
from lakemill.monitoring.sketches import ColumnProfile
from lakemill.registry.ledger import CHARGES, Entry, read_entries
from lakemill.training.found_features import features_of


@dataclass(frozen=True)
class Report:
    """What a report says.

    Attributes
    ----------
    workflow : Workflow
    partition : str
    interval : Interval
    verdict : Verdict
        Monitoring's.
    gate : Verdict or None
        Of the training that the verdict asked for, once there is one.
    champion : Entry or None
        What put the model in charge that scored the partition.
    statements : tuple of Statement
    timeline : Timeline
    columns, predictions : tuple of Column
    reference, predictions_reference : tuple of str
        The partitions that both are held against.
    unwatched : tuple of str
        Features whose drift is not watched, with their kind.
    earlier, later : str or None
        The partitions before and after it that were judged.
    """

    workflow: Workflow
    partition: str
    interval: Interval
    verdict: Verdict
    gate: Verdict | None
    champion: Entry | None
    statements: tuple[Statement, ...]
    timeline: Timeline
    columns: tuple[Column, ...]
    predictions: tuple[Column, ...]
    reference: tuple[str, ...]
    predictions_reference: tuple[str, ...]
    unwatched: tuple[str, ...]
    earlier: str | None
    later: str | None


def gather(workflow: Workflow, key: str, lake: Lake) -> Report:
    """Gather what is known of a partition as of its end.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake

    Returns
    -------
    Report

    Raises
    ------
    LakeError
        If monitoring has not judged it.
    """
    verdicts = read_all_verdicts(lake)
    verdict = verdicts["monitoring"].get(key)
    if verdict is None:
        raise LakeError(
            f"monitoring has not judged the partition {key}",
            where=f"{workflow.workflow}: report",
            remedy=f"run it first: lakemill run {workflow.workflow}",
        )
    judged = [at for at in verdicts["monitoring"] if workflow.partition.holds(at)]
    entries = read_entries(lake)
    gate = verdicts["gate"].get(key)
    champion = _find_charge(entries, verdict.evidence.get("champion"), workflow.partition.interval(key))
    features = workflow.features if champion is None else features_of(workflow, lake, champion.snapshot)
    reference = find_reference(workflow, key, lake, champion.snapshot if champion else None)
    sides = [_read_columns(lake, keys, features) for keys in (reference, [key])]
    if champion is not None:  # what it does not see does not count
        seen = {*features.numbers, *features.categorical}
        sides = [{name: one for name, one in side.items() if name in seen} for side in sides]
    earlier, predicted = _read_predictions(workflow, key, lake, champion)
    measured = _read_drift(lake, key)
    return Report(
        workflow=workflow,
        partition=key,
        interval=workflow.partition.interval(key),
        verdict=verdict,
        gate=gate,
        champion=champion,
        statements=tuple(state(Known(verdict, verdicts["ingestion"].get(key), gate))),
        timeline=make_timeline(workflow, key, verdicts, entries),
        columns=rank_columns(verdict.evidence, measured[DATA], *sides),
        predictions=rank_columns(verdict.evidence.get("prediction_drift") or {}, measured[PREDICTIONS], *predicted),
        reference=tuple(reference),
        predictions_reference=tuple(earlier),
        unwatched=tuple(f"{name} ({kind})" for kind in ("dates", "text") for name in getattr(features, kind)),
        earlier=max((at for at in judged if at < key), default=None),
        later=min((at for at in judged if at > key), default=None),
    )


def find_last_judged(workflow: Workflow, lake: Lake) -> str:
    """Return the last partition that monitoring has judged.

    Raises
    ------
    LakeError
        If there is none.
    """
    judged = [key for key in read_all_verdicts(lake)["monitoring"] if workflow.partition.holds(key)]
    if not judged:
        remedy = f"run it first: lakemill run {workflow.workflow}"
        raise LakeError("monitoring has judged no partition yet", where=f"{workflow.workflow}: report", remedy=remedy)
    return max(judged)


def _find_charge(entries: list[Entry], version: str | None, interval: Interval) -> Entry | None:
    """Return what put the model in charge that the verdict names: a rollback may have told otherwise since."""
    held = [one for one in entries if one.action in CHARGES and one.version == version]
    return next((one for one in reversed(held) if one.as_of <= interval.start), held[0] if held else None)


def _read_columns(lake: Lake, keys: list[str], features: Features) -> dict[str, ColumnProfile]:
    found = read_profile(lake, keys)
    return found | (read_profile(lake, keys, of=name_windows(features.windows)) if features.windows else {})


def _read_predictions(
    workflow: Workflow, key: str, lake: Lake, champion: Entry | None
) -> tuple[list[str], tuple[dict[str, ColumnProfile], dict[str, ColumnProfile]]]:
    if champion is None:
        return [], ({}, {})
    of = name_predictions(champion.version)
    earlier = choose_earlier_predictions(workflow, key, read_history(workflow, key, lake, of=PREDICTIONS, known=()))
    kept = [at for at in earlier if lake.holds("profiles", at, {"of": of})]
    return kept, (read_profile(lake, kept, of=of) if kept else {}, read_profile(lake, [key], of=of))


def _read_drift(lake: Lake, key: str) -> Mapping[str, list[dict[str, Any]]]:
    rows = lake.read(DRIFT, [key])
    measured: dict[str, list[dict[str, Any]]] = {DATA: [], PREDICTIONS: []}
    for row in rows.to_pylist() if rows is not None else ():
        measured.setdefault(row["of"], []).append(row)
    return measured
