"""Approval: whether a person is asked before a candidate takes charge, what they are shown, and their answer on record.

Stays out: asking (``orchestration.approval``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakemill.config import Workflow
from lakemill.config.approving import Approve
from lakemill.lake import Lake
from lakemill.registry.ledger import APPROVAL, REJECTION, Entry, read_entries, record_entry

NOBODY = "nobody"


@dataclass(frozen=True)
class Answer:
    """What a person said of a candidate.

    Attributes
    ----------
    is_yes : bool
    who : str
        Their name; ``nobody`` where nobody answered in time, which is a no.
    reason : str
    at : datetime
        When.
    """

    is_yes: bool
    who: str
    reason: str
    at: datetime


def record_answer(lake: Lake, answer: Answer, *, version: str, as_of: datetime, snapshot: str) -> None:
    """Keep an answer in the ledger; the first one about a snapshot counts."""
    action = APPROVAL if answer.is_yes else REJECTION
    entry = Entry(version, as_of, snapshot, answer.reason, action=action, who=answer.who)
    record_entry(lake, entry, recorded_at=answer.at)


def find_answer(lake: Lake, snapshot: str) -> Answer | None:
    """Return what was said about a snapshot's model, None where nobody was asked or has answered."""
    for one in read_entries(lake, APPROVAL, REJECTION):
        if one.snapshot == snapshot:
            assert one.recorded_at is not None  # noqa: S101  # it was read
            return Answer(one.action == APPROVAL, one.who, one.reason, one.recorded_at)
    return None


def find_reasons_to_ask(workflow: Workflow, evaluated: dict[str, Any]) -> list[str]:
    """Return why a person is to be asked about a candidate that the gate lets through.

    Parameters
    ----------
    workflow : Workflow
    evaluated : dict
        What `evaluate` returned.

    Returns
    -------
    list of str
        Empty where nobody is to be asked.
    """
    approve = workflow.approve
    if approve.when == "never":
        return []
    risks = [told for rule in RISKS if (told := rule(evaluated, approve)) is not None]
    return risks or (["approve: always"] if approve.when == "always" else [])


def see_small_margin(evaluated: dict[str, Any], approve: Approve) -> str | None:
    """See a gain over the champion that is smaller than its interval is wide."""
    difference = evaluated.get("difference")
    if not difference or None in (difference["gain"], difference["low"], difference["high"]):
        return None
    gain, low, high = (difference[name] for name in ("gain", "low", "high"))
    if gain >= high - low:
        return None
    return f"small margin: {gain:+.4f} against the champion, less than its interval [{low:+.4f}, {high:+.4f}] is wide"


def see_warning(evaluated: dict[str, Any], approve: Approve) -> str | None:
    """See rules of the gate that let the candidate through with a warning, and slices that it only notes."""
    warned = [
        f"{one['rule']}: {one['text']}"
        for one in evaluated["findings"]
        if one["text"].startswith("warning") or (one["rule"] == "slices" and one["text"].startswith("note"))
    ]
    return "; ".join(warned) or None


def see_unasked_champion(evaluated: dict[str, Any], approve: Approve) -> str | None:
    """See a champion that the candidate could not be held against."""
    unasked = evaluated.get("champion_unasked")
    return f"not compared: {unasked}" if unasked else None


def see_big_change(evaluated: dict[str, Any], approve: Approve) -> str | None:
    """See predictions that differ much from the champion's."""
    changed = evaluated.get("changed")
    if changed is None or changed <= approve.changed:
        return None
    return f"big change: {changed:.1%} of predictions differ from the champion's, more than {approve.changed:.1%}"


RISKS: tuple[Callable[[dict[str, Any], Approve], str | None], ...] = (
    see_small_margin,
    see_warning,
    see_unasked_champion,
    see_big_change,
)


def describe_candidate(
    workflow: Workflow, evaluated: dict[str, Any], reasons: list[str], *, version: str, partition: str
) -> str:
    """Return what a person is shown who is asked about a candidate, as Markdown.

    Parameters
    ----------
    workflow : Workflow
    evaluated : dict
        What `evaluate` returned.
    reasons : list of str
        Why they are asked.
    version : str
    partition : str
        The last one that the candidate knows.

    Returns
    -------
    str
    """
    champion = evaluated.get("champion")
    against = f"version {champion} (in charge)" if champion else "no champion: it would be the first"
    lines = [
        f"**{workflow.description}**",
        "",
        f"Version {version}, trained as of the end of {partition}, against {against}. The gate lets it through.",
        "",
        "Asked because of:",
        *(f"- {one}" for one in reasons),
        "",
        "What the gate found:",
        *(f"- {one['rule']}: {one['text']}" for one in evaluated["findings"]),
        "",
        f"Without an answer it is rejected after {workflow.approve.within}.",
    ]
    return "\n".join(lines)
