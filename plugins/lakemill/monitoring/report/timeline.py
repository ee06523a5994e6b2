"""The timeline: how good the scores of each partition were, and what happened when.

Only what was known at the end of the partition that a report is about. Stays out: drawing.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lakemill.config import Workflow
from lakemill.lake.verdicts import Verdict
from lakemill.monitoring.report.evidence import Scored, read_drifted, read_other_alarms, read_scored
from lakemill.registry.ledger import Entry

MOST_PARTITIONS = 60  # the last ones
ALARM, TRAINING = "alarm", "training"
KINDS = (ALARM, TRAINING, "promotion", "rejection", "rollback")  # of events, in the order of their lanes


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes
    ----------
    partition : str
        At whose end it was known.
    kind : str
        One of ``KINDS``.
    text : str
    is_good : bool
        False of alarms, of trainings that the gate refused, rejections and rollbacks.
    """

    partition: str
    kind: str
    text: str
    is_good: bool


@dataclass(frozen=True)
class Timeline:
    """Partitions in order, with what is known of each.

    Attributes
    ----------
    metric : str
    partitions : tuple of str
        The last ones, that of the report being the last of them.
    scored : tuple of Scored
        Of each partition; empty ones where monitoring has not judged it.
    events : tuple of Event
        In the order of partitions, then of ``KINDS``.
    earlier : int
        Number of partitions before the first.
    """

    metric: str
    partitions: tuple[str, ...]
    scored: tuple[Scored, ...]
    events: tuple[Event, ...]
    earlier: int = 0


def make_timeline(
    workflow: Workflow,
    key: str,
    verdicts: Mapping[str, Mapping[str, Verdict]],
    entries: Sequence[Entry],
) -> Timeline:
    """Bring together performance and events up to a partition.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    verdicts : dict of str to dict of str to Verdict
        By kind and partition.
    entries : sequence of Entry
        The ledger's.

    Returns
    -------
    Timeline
    """
    history = [*workflow.partition.earlier(key), key]
    shown = history[-MOST_PARTITIONS:]
    judged, gated = verdicts["monitoring"], verdicts["gate"]
    events = [event for at in shown for event in _find_alarms(at, judged.get(at))]
    events += [_tell_training(at, gated[at]) for at in shown if at in gated]
    ends = [workflow.partition.interval(at).end for at in shown]
    for entry in entries:
        place = bisect_left(ends, entry.as_of)
        is_shown = place < len(shown) and workflow.partition.interval(shown[0]).start < entry.as_of
        if is_shown and entry.action in KINDS:
            events.append(_tell_entry(shown[place], entry))
    order = {at: place for place, at in enumerate(shown)}
    return Timeline(
        metric=workflow.train.metric,
        partitions=tuple(shown),
        scored=tuple(read_scored(judged[at].evidence) if at in judged else Scored() for at in shown),
        events=tuple(sorted(events, key=lambda one: (order[one.partition], KINDS.index(one.kind)))),
        earlier=len(history) - len(shown),
    )


def _find_alarms(key: str, judged: Verdict | None) -> list[Event]:
    if judged is None:
        return []
    told = read_drifted(judged.evidence)
    reasons = [f"drift: {', '.join(told)}"] if told else []
    reasons += read_other_alarms(judged.evidence)
    reasons += [f"alert: {reason}" for reason in judged.reasons if judged.verdict == "alert"]
    return [Event(key, ALARM, "; ".join(reasons), is_good=False)] if reasons else []


def _tell_training(key: str, gated: Verdict) -> Event:
    version, score = gated.evidence.get("version"), gated.evidence.get("score")
    metric = gated.evidence.get("metric", "score")
    found = f"v{version} {metric} {score:.4f}, " if version and score is not None else ""
    return Event(key, TRAINING, f"{found}gate: {gated.verdict}", is_good=gated.verdict == "pass")


def _tell_entry(key: str, entry: Entry) -> Event:
    instead = f" instead of v{entry.instead_of}" if entry.instead_of else ""
    text = f"v{entry.version}{instead}: {entry.reason} ({entry.who})"
    return Event(key, entry.action, text, is_good=entry.action == "promotion")
