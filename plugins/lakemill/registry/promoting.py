"""What follows from an evaluation: the gate's verdict on record, then a version in charge, or not.

The ledger is written first and once; MLflow's aliases and tags are made to say what it says, however often. So a task
that is killed anywhere in between, and runs again, leaves all three in agreement.
Stays out: taking a promotion back (``rolling_back.py``), and whom to ask (``approval.py``).
"""

from datetime import datetime
from typing import Any

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.registry.approval import Answer, record_answer
from lakemill.registry.card_document import keep_card
from lakemill.registry.challengers import find_candidate
from lakemill.registry.ledger import Entry, find_latest, read_entries, record_entry
from lakemill.registry.model_card import Card, make_card, write_html, write_markdown
from lakemill.registry.models import CANDIDATE, CHAMPION, Registry

TAG = "ledger"  # of a version: what the ledger says of it last


def decide(
    workflow: Workflow,
    lake: Lake,
    registry: Registry,
    *,
    partition: str,
    as_of: datetime,
    version: str,
    evaluated: dict[str, Any],
) -> str:
    """Record the gate's verdict with its evidence, in MLflow and in the lake.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    registry : Registry
    partition : str
        The last one that the candidate knows.
    as_of : datetime
    version : str
    evaluated : dict
        What `evaluate` returned.

    Returns
    -------
    str
        ``pass`` or ``fail``.
    """
    name = evaluated["metric"]
    metrics = {f"test_{name}": evaluated["score"], f"naive_{name}": evaluated["naive"]}
    if evaluated["champion_score"] is not None:
        metrics[f"champion_{name}"] = evaluated["champion_score"]
    registry.record_gate(version, verdict=evaluated["verdict"], metrics=metrics, evidence=evaluated)
    card = _make_card(workflow, registry, version, evaluated, partition)
    written = {"model_card.md": write_markdown(card), "model_card.html": write_html(card)}
    registry.keep_files(version, {name: text.encode() for name, text in written.items()})
    keep_card(lake, version, card)
    reasons = tuple(f"{one['rule']}: {one['text']}" for one in evaluated["findings"])
    if evaluated["sampled"] is not None:
        reasons = (*reasons, f"rows: {evaluated['sampled']['text']}")
    known = {"version": version, "snapshot": registry.tags(version)["snapshot"], "training": workflow.training_hash()}
    record_verdict(lake, Verdict("gate", partition, as_of, evaluated["verdict"], reasons, {**evaluated, **known}))
    align_registry(lake, registry)
    return str(evaluated["verdict"])


def _make_card(workflow: Workflow, registry: Registry, version: str, evaluated: dict[str, Any], partition: str) -> Card:
    return make_card(
        workflow,
        version,
        tags=registry.tags(version),
        details=registry.details(version),
        parameters=registry.parameters(version),
        figures=registry.figures(version),
        evaluated=evaluated,
        partition=partition,
    )


def promote(
    lake: Lake,
    registry: Registry,
    *,
    version: str,
    as_of: datetime,
    recorded_at: datetime,
    answer: Answer | None = None,
) -> dict[str, Any]:
    """Put a version in charge from a moment on, unless a person said no.

    Parameters
    ----------
    lake : Lake
    registry : Registry
    version : str
    as_of, recorded_at : datetime
    answer : Answer, optional
        What a person said, where one was asked.

    Returns
    -------
    dict
        ``version``, ``live`` (whether the alias stands on it: not where there is a later decision).
    """
    snapshot = registry.tags(version)["snapshot"]
    if answer is not None:
        record_answer(lake, answer, version=version, as_of=as_of, snapshot=snapshot)
    if answer is None or answer.is_yes:
        reason = "let through by the gate" + ("" if answer is None else f", approved by {answer.who}")
        record_entry(lake, Entry(version, as_of, snapshot, reason), recorded_at=recorded_at)
    align_registry(lake, registry)
    latest = find_latest(lake)
    return {"version": version, "live": latest is not None and latest.version == version}


def align_registry(lake: Lake, registry: Registry) -> None:
    """Make MLflow's aliases and tags say what the ledger says.

    Parameters
    ----------
    lake : Lake
    registry : Registry
        Its alias ``champion`` then stands on the model in charge as of the latest moment, ``candidate`` on the last
        one that was judged and is not; each version's tag ``ledger`` is what the ledger says of it last.
    """
    while True:
        entries = read_entries(lake)
        latest = find_latest(lake)
        candidate = find_candidate(lake, as_of=None)
        registry.point(CHAMPION, latest.version if latest else None)
        registry.point(CANDIDATE, candidate.version if candidate else None)
        registry.tag({one.version: _tell(one) for one in entries} | _tell_taken_back(entries), name=TAG)
        if _name(read_entries(lake)) == _name(entries):  # else another process has written meanwhile: its word counts
            return


def _tell(entry: Entry) -> str:
    return f"{entry.action} as of {entry.as_of.isoformat()}"


def _tell_taken_back(entries: list[Entry]) -> dict[str, str]:
    """Return what is told of versions that were taken back and have not been put in charge again."""
    told: dict[str, str] = {}
    for one in entries:
        told.pop(one.version, None)
        if one.instead_of is not None:
            told[one.instead_of] = f"taken back as of {one.as_of.isoformat()}"
    return told


def _name(entries: list[Entry]) -> list[str]:
    return [one.identity for one in entries]
