"""The step ``validate``: builds the table of one partition, refuses rows or blocks it, stages what is accepted.

Stays out: running an expectation (``expectations.py``), mending values (``preprocessing``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakemill.collection import (
    BuiltTable,
    build_table,
    find_kinds,
    find_label_faults,
    is_read_later,
    take_labels,
)
from lakemill.collection.replaying import replay
from lakemill.config import TABLE, Workflow
from lakemill.config.versions import name_makers
from lakemill.exceptions import BlockedPartitionError
from lakemill.lake import Lake, Pieces
from lakemill.lake.marks import read_marks, remove_marks
from lakemill.lake.quarantine import keep_refused
from lakemill.lake.released import Release, read_releases
from lakemill.lake.verdicts import MADE_BY, record_blocked
from lakemill.validation.expectations import Outcome
from lakemill.validation.history import History
from lakemill.validation.inputs import read_source
from lakemill.validation.results import keep_results, tell_outcomes
from lakemill.validation.suites import evaluate_suite, open_suite

Reasons = Sequence[tuple[str, NDArray[np.int64]]]  # each with the positions of the rows that it refuses
Mode = Literal["full", "warn", "off"]
PIECE_ROWS = 100_000  # handed on at a time


@dataclass(frozen=True)
class _Partition:
    """The partition that is judged, and what is found of it."""

    workflow: Workflow
    key: str
    lake: Lake
    project: Path
    mode: Mode
    history: History
    releases: Sequence[Release]
    warnings: list[str] = field(default_factory=list)
    expectations: dict[str, Any] = field(default_factory=dict)
    released: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)  # arrays have no one answer to ==
class _Judged:
    """Rows, which of them are accepted, and how many are not."""

    rows: pa.Table
    kept: NDArray[np.bool_]
    refused: int

    def accepted(self) -> pa.Table:
        return self.rows.filter(pa.array(self.kept)) if self.refused else self.rows

    def read_accepted(self) -> Iterator[pa.Table]:
        for start in range(0, len(self.rows), PIECE_ROWS):
            yield self.rows.slice(start, PIECE_ROWS).filter(pa.array(self.kept[start : start + PIECE_ROWS]))


def validate_partition(
    workflow: Workflow, key: str, lake: Lake, *, project: Path, mode: Mode = "full"
) -> dict[str, Any]:
    """Judge the rows of one partition; accepted ones are staged for ``clean``, refused ones go to quarantine.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    project : Path
        What relative paths start at.
    mode : {"full", "warn", "off"}
        ``warn``: what expectations would block or quarantine is a warning; ``off``: suites are not run. Rows without a
        key or an event time, or with values that cannot be read, are refused all the same.

    Returns
    -------
    dict
        ``rows`` of the table, ``quarantined`` of these, ``refused`` by source, ``warnings``, ``validation`` (the mode),
        ``expectations`` by source or ``table``, ``released`` rows by the same, ``made_by``: digests of the parts of the
        workflow that made the rows (`config.versions`); where labels come later, ``labels``: how many came, and how
        many rows said nothing, or the same or something else of a row.

    Raises
    ------
    BlockedPartitionError
        If an expectation with the action ``block`` fails.
    """
    marks = read_marks(lake).get(key, [])
    at = _Partition(
        workflow, key, lake, project, mode, History(workflow, key, lake, project=project), read_releases(lake, key)
    )
    kinds = find_kinds(workflow, lake, project=project)
    delivered = {name: read_source(workflow, name, key, lake) for name in workflow.collect}
    accepted = {name: one.rows for name, one in delivered.items()}
    refused: dict[str, int] = {}
    for name in workflow.collect:  # those that were judged before are seen without what was refused of them
        judged = _judge(at, name, delivered.pop(name), accepted)
        accepted[name], refused[name] = judged.accepted(), judged.refused
    built = build_table(workflow, accepted, project=project, kinds=kinds)
    judged = _judge(at, TABLE, built, accepted)
    lake.stage_pieces("validate", key, Pieces(judged.rows.schema, judged.read_accepted))
    told = _stage_labels(workflow, key, lake, accepted)
    remove_marks(lake, marks)
    return {
        "rows": len(built.rows),
        "quarantined": judged.refused,
        "refused": refused,
        "warnings": at.warnings,
        "validation": mode,
        "expectations": at.expectations,
        "released": at.released,
        MADE_BY: name_makers(workflow, project),
        **told,
    }


def _stage_labels(workflow: Workflow, key: str, lake: Lake, accepted: Mapping[str, pa.Table]) -> dict[str, Any]:
    if (source := workflow.table.label.source) is None:
        return {}
    taken = take_labels(workflow, accepted[source])
    lake.stage("labels", key, taken.labels)
    return {"labels": taken.counts}


def _judge(at: _Partition, name: str, built: BuiltTable, sources: Mapping[str, pa.Table]) -> _Judged:
    replayed = replay(at.workflow, name, built, at.releases)
    built = replayed.built
    misplaced = _misplaced(at.workflow, at.key, built) if name == TABLE else ()
    if name == at.workflow.table.label.source:
        misplaced = [(text, _true_of(rows)) for text, rows in find_label_faults(at.workflow, built.rows).items()]
    reasons = [*replayed.faults, *_unreadable(built), *misplaced]
    outcomes = _run(at, name, built.rows, sources)
    for outcome in outcomes:
        if outcome.action == "quarantine" and len(outcome.rows) and at.mode == "full":
            reasons.append((outcome.expectation, np.setdiff1d(outcome.rows, replayed.accepted)))
        elif not outcome.success or (outcome.action == "quarantine" and len(outcome.rows)):
            at.warnings.append(f"{name}: {outcome.expectation}: {outcome.observed}")
    kept = np.ones(len(built.rows), bool)
    for _, positions in reasons:
        kept[positions] = False
    numbers = np.flatnonzero(~kept)
    let_in = {
        "mended": len(np.setdiff1d(replayed.mended, numbers)),
        "accepted": len(np.setdiff1d(replayed.accepted, numbers)),
    }
    if any(let_in.values()):
        at.released[name] = let_in
    refused = built.rows.take(numbers).to_pylist()
    keep_refused(
        at.lake,
        at.key,
        source=name,
        step="validate",
        refused=list(zip(refused, _reasons_by_row(numbers, reasons), strict=True)),
    )
    return _Judged(built.rows, kept, len(numbers))


def _reasons_by_row(numbers: NDArray[np.int64], reasons: Reasons) -> list[list[str]]:
    """Return the reasons of each of some rows, in the order in which they are given."""
    texts: list[list[str]] = [[] for _ in numbers]
    for text, positions in reasons:
        for place in np.searchsorted(numbers, positions).tolist():
            texts[place].append(text)
    return texts


def _run(at: _Partition, name: str, rows: pa.Table, sources: Mapping[str, pa.Table]) -> list[Outcome]:
    path = at.workflow.suites.get(name)
    have_not_come = name == at.workflow.table.label.source and not len(rows)
    if path is None or at.mode == "off" or have_not_come:
        return []
    suite = open_suite(at.project / path, where=path)
    outcomes = evaluate_suite(name, rows, suite, sources=sources, history=at.history, where=path)
    as_of = at.workflow.partition.interval(at.key).end
    keep_results(at.lake, at.key, name, outcomes, suite=path, mode=at.mode, as_of=as_of)
    at.expectations[name] = tell_outcomes(outcomes)
    if at.mode == "full":
        _block_where_broken(at, name, outcomes)
    at.history.keep(name, suite, rows, where=path)
    return outcomes


def _block_where_broken(at: _Partition, name: str, outcomes: list[Outcome]) -> None:
    broken = [
        f"{name}: {outcome.expectation}: {outcome.observed}"
        for outcome in outcomes
        if outcome.action == "block" and not outcome.success
    ]
    if not broken:
        return
    as_of = at.workflow.partition.interval(at.key).end
    record_blocked(at.lake, at.key, as_of, broken, made_by=name_makers(at.workflow, at.project))
    raise BlockedPartitionError(
        f"blocked by {len(broken)} expectation(s): " + "; ".join(broken),
        where=f"{at.workflow.workflow} {at.key} ({at.workflow.suites[name]})",
        remedy="mend the data and clear the run, or change the expectation; what was published before stands",
    )


def _unreadable(built: BuiltTable) -> Reasons:
    return [(f"{name}: cannot be read as its type", _true_of(bad)) for name, bad in built.unreadable.items()]


def _misplaced(workflow: Workflow, key: str, built: BuiltTable) -> Reasons:
    """Find rows without a key or event time, or with one that belongs to another partition."""
    interval = workflow.partition.interval(key)
    event_time = built.rows.column(workflow.table.event_time)
    faults = {}
    if not is_read_later(workflow, workflow.table.event_time):  # else cleaning reads it, and looks where it lies
        outside = pc.or_(
            pc.less(event_time, pa.scalar(interval.start, event_time.type)),
            pc.greater_equal(event_time, pa.scalar(interval.end, event_time.type)),
        )
        faults[f"{workflow.table.event_time}: event time outside of partition {key}"] = outside
    for name in dict.fromkeys((*workflow.table.key, workflow.table.event_time)):
        faults[f"{name}: missing, but part of the key or the event time"] = pc.is_null(built.rows.column(name))
    return [(text, _true_of(rows)) for text, rows in faults.items()]


def _true_of(rows: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return where a mask is true."""
    return np.flatnonzero(pc.fill_null(rows, False).to_numpy())
