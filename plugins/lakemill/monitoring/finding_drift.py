"""The searches for drift of one partition: in its columns, its predictions, its labels, in all columns together.

Gathers profiles and the past from the lake, and keeps what was measured there. Stays out: the verdict (``step.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.lake import Lake
from lakemill.monitoring import harm, together
from lakemill.monitoring.differences import OF_ALL_COLUMNS
from lakemill.monitoring.drift import ColumnDrift, compare_profiles, judge_differences
from lakemill.monitoring.drift_table import DATA, LABELS, PREDICTIONS, TOGETHER, History, read_history, record_drift
from lakemill.monitoring.profiles import LABEL, profile_labels, profile_predictions, profile_windows, read_profile
from lakemill.monitoring.references import choose_earlier_predictions, find_reference
from lakemill.monitoring.sketches import ColumnProfile
from lakemill.preprocessing.features import make_frame
from lakemill.registry.ledger import Entry
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes
    ----------
    drifts : tuple of ColumnDrift
        All columns that were compared.
    drifted : tuple of str
        Those that alarm.
    moved : dict of str to float
        By how much the drift of a column moves the predictions, where it was measured.
    """

    drifts: tuple[ColumnDrift, ...] = ()
    drifted: tuple[str, ...] = ()
    moved: Mapping[str, float] | None = None


def find_data_drift(workflow: Workflow, key: str, lake: Lake, registry: Registry, champion: Entry | None) -> Found:
    """Compare the partition's columns with the partitions that the champion was trained on.

    Without a champion they are measured against the partitions before it, for the past that limits are learnt from;
    then nothing is drift.
    """
    partitions = find_reference(workflow, key, lake, champion.snapshot if champion else None)
    reference, current = read_profile(lake, partitions), read_profile(lake, [key])
    features = features_of(workflow, lake, champion.snapshot) if champion else None
    if features is not None:
        if features.windows:
            of = profile_windows(workflow, [*partitions, key], lake, features.windows)
            reference |= read_profile(lake, partitions, of=of)
            current |= read_profile(lake, [key], of=of)
        seen = {*features.numbers, *features.categorical}  # what the champion does not see does not count
        reference = {name: one for name, one in reference.items() if name in seen}
    history = read_history(workflow, key, lake, of=DATA, known=set(partitions))
    drifts = compare_profiles(reference, current, workflow.monitor, past=history.past)
    record_drift(lake, key, drifts, of=DATA)
    if champion is None or features is None:
        return Found()
    drifted = _find_alarms(workflow, drifts, history)
    telling = [one.column for one in drifts if one.is_found][: harm.MOST_COLUMNS]
    moved = {}
    if telling:
        sides = ({name: side[name] for name in telling} for side in (reference, current))
        moved = _measure_harm(workflow, key, lake, registry, champion, features, *sides)
    return Found(tuple(drifts), drifted, moved)


def find_prediction_drift(workflow: Workflow, key: str, lake: Lake, champion: Entry | None) -> Found:
    """Compare the champion's predictions with its own of earlier partitions, those that nothing was found in."""
    if champion is None:
        return Found()
    of = profile_predictions(workflow, key, lake, champion.version)
    history = read_history(workflow, key, lake, of=PREDICTIONS, known=())
    reference = read_profile(lake, choose_earlier_predictions(workflow, key, history), of=of)
    drifts = compare_profiles(reference, read_profile(lake, [key], of=of), workflow.monitor, past=history.past)
    record_drift(lake, key, drifts, of=PREDICTIONS)
    return Found(tuple(drifts), _find_alarms(workflow, drifts, history))


def find_label_shift(workflow: Workflow, key: str, lake: Lake, champion: Entry | None) -> Found:
    """Compare the labels that became known with the partition with those of the partitions that were trained on.

    Labels are profiled by the partition that they became known with. Without a champion they are measured for the past,
    as data drift is.
    """
    partitions = find_reference(workflow, key, lake, champion.snapshot if champion else None)
    profile_labels(workflow, [*partitions, key], lake)
    history = read_history(workflow, key, lake, of=LABELS, known=set(partitions))
    reference, current = (read_profile(lake, keys, of=LABEL) for keys in (partitions, [key]))
    drifts = compare_profiles(reference, current, workflow.monitor, past=history.past)
    record_drift(lake, key, drifts, of=LABELS)
    return Found(tuple(drifts), _find_alarms(workflow, drifts, history)) if champion is not None else Found()


def find_drift_together(workflow: Workflow, key: str, lake: Lake, champion: Entry | None) -> Found:
    """Where it is asked for, let a classifier tell the partition's rows from those that the champion was trained on."""
    if champion is None or not workflow.monitor.together:
        return Found()
    features = features_of(workflow, lake, champion.snapshot)
    partitions = find_reference(workflow, key, lake, champion.snapshot)
    sides = [together.sample_rows(workflow, lake, keys, features) for keys in (partitions, [key])]
    reference, current = sides
    if reference is None or current is None or min(len(reference), len(current)) < workflow.monitor.rows:
        return Found()
    history = read_history(workflow, key, lake, of=TOGETHER, known=set(partitions))
    difference = together.tell_apart(reference, current, features, seed=workflow.train.seed)
    measured = {"all columns": {OF_ALL_COLUMNS: difference}}
    drifts = judge_differences(measured, workflow.monitor, past=history.past)
    record_drift(lake, key, drifts, of=TOGETHER)
    return Found(tuple(drifts), _find_alarms(workflow, drifts, history))


def _find_alarms(workflow: Workflow, drifts: Sequence[ColumnDrift], history: History) -> tuple[str, ...]:
    return tuple(one.column for one in drifts if one.alarms(history.found.get(one.column, ()), workflow.monitor))


def _measure_harm(
    workflow: Workflow,
    key: str,
    lake: Lake,
    registry: Registry,
    champion: Entry,
    features: Features,
    reference: Mapping[str, ColumnProfile],
    current: Mapping[str, ColumnProfile],
) -> dict[str, float]:
    rows = together.sample_rows(workflow, lake, [key], features, rows=harm.MOST_ROWS)
    if rows is None:
        return {}
    pipeline, seed = registry.load(champion.version), workflow.train.seed
    found = harm.measure_harm(pipeline, make_frame(rows, features), reference, current, seed=seed)
    return {name: one.moved for name, one in found.items()}
