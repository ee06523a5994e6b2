"""Released rows brought into their partition: mended ones in place of the delivered, accepted ones found.

A row that cleaning refused is mended before validation, so that all judge it again. Stays out: recording releases
(``lake.released``), and judging rows.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakemill.collection.table import BuiltTable
from lakemill.collection.text_types import read_as, read_instants
from lakemill.config import TABLE, Workflow
from lakemill.lake.quarantine import write_row
from lakemill.lake.released import Release, identify_row

STEPS = ("validate", "clean")  # whose refused rows can be released: both see the rows of the table


@dataclass(frozen=True)
class Replayed:
    """A table with released rows in it.

    Attributes
    ----------
    built : BuiltTable
    accepted : ndarray of int64
        Positions of rows that a person accepted though an expectation refuses them.
    mended : ndarray of int64
        Positions of rows with new values.
    faults : sequence of (str, ndarray of int64)
        Values of a person that cannot be read, each with the position of its row.
    """

    built: BuiltTable
    accepted: NDArray[np.int64]
    mended: NDArray[np.int64]
    faults: Sequence[tuple[str, NDArray[np.int64]]]


def replay(workflow: Workflow, source: str, built: BuiltTable, releases: Sequence[Release]) -> Replayed:
    """Put released rows in the place of the delivered ones that they stand for.

    Parameters
    ----------
    workflow : Workflow
    source : str
        What the rows are of: a source, or ``table``.
    built : BuiltTable
    releases : sequence of Release
        In the order in which they were recorded: a mended row that was refused again may have been mended again.

    Returns
    -------
    Replayed
        A release whose row was not delivered, or not any more, changes nothing.
    """
    releases = [one for one in releases if one.source == source]
    rows = dict(_find_candidates(built.rows, releases))
    places: dict[str, set[int]] = defaultdict(set)
    for at, row in rows.items():
        for name in _identify(source, row):
            places[name].add(at)
    accepted: set[int] = set()
    mended: dict[int, set[str]] = defaultdict(set)
    faults: dict[int, dict[str, str]] = defaultdict(dict)
    for release in releases:
        found = set(places[release.id])
        if release.action == "accepted":  # what cleaning refused is accepted there
            accepted |= {at for at in found if release.id == identify_row(source, STEPS[0], write_row(rows[at]))}
            continue
        for at in found:
            for name in _identify(source, rows[at]):  # it is another row from now on
                places[name].discard(at)
            for column in (name for name in release.changes if name in rows[at]):
                value, fault = _read_value(workflow, built.rows.schema.field(column), release.changes[column])
                rows[at] = {**rows[at], column: value}
                mended[at].add(column)
                faults[at].pop(column, None)
                if fault is not None:
                    faults[at][column] = fault
            for name in _identify(source, rows[at]):
                places[name].add(at)  # it may have been refused and mended again
    told = [(text, np.array([at], np.int64)) for at, texts in faults.items() for text in texts.values()]
    return Replayed(
        _put_in(built, rows, mended), np.array(sorted(accepted), np.int64), np.array(sorted(mended), np.int64), told
    )


def find_accepted(rows: pa.Table, releases: Sequence[Release], *, source: str, step: str) -> NDArray[np.int64]:
    """Return the positions of rows that a person accepted though a step refuses them.

    Parameters
    ----------
    rows : pyarrow.Table
        As they come to that step.
    releases : sequence of Release
    source : str
        What the rows are of: a source, or ``table``.
    step : {"validate", "clean"}

    Returns
    -------
    ndarray of int64
    """
    wanted = [one for one in releases if one.source == source and one.action == "accepted"]
    ids = {one.id for one in wanted}
    found = (at for at, row in _find_candidates(rows, wanted) if identify_row(source, step, write_row(row)) in ids)
    return np.array(sorted(found), np.int64)


def _identify(source: str, row: dict[str, Any]) -> list[str]:
    """Return the ids that a row has in quarantine, one for each step that may refuse it."""
    text = write_row(row)
    return [identify_row(source, step, text) for step in (STEPS if source == TABLE else STEPS[:1])]


def _find_candidates(rows: pa.Table, releases: Sequence[Release]) -> Iterable[tuple[int, dict[str, Any]]]:
    """Yield the few rows that may be released ones: each of their values is that of one of these."""
    wanted = [row for one in releases if set(row := json.loads(one.row)) == set(rows.column_names)]
    if not wanted:
        return
    positions = pa.array(range(len(rows)), pa.int64())
    for name in (one.name for one in rows.schema if _compares(one.type)):
        values = pa.array({row[name] for row in wanted}, rows.schema.field(name).type)
        here = rows.column(name).take(positions) if len(positions) < len(rows) else rows.column(name)
        positions = positions.filter(pc.is_in(here.combine_chunks(), values))
    yield from zip(positions.to_pylist(), rows.take(positions).to_pylist(), strict=True)


def _put_in(built: BuiltTable, rows: dict[int, dict[str, Any]], mended: dict[int, set[str]]) -> BuiltTable:
    table, unreadable = built.rows, dict(built.unreadable)
    changed: dict[str, list[int]] = defaultdict(list)
    for at in sorted(mended):
        for column in mended[at]:
            changed[column].append(at)
    for column, places in changed.items():
        mask = pc.is_in(pa.array(range(len(table)), pa.int64()), pa.array(places, pa.int64()))
        kind = table.schema.field(column)
        new = pa.array([rows[at][column] for at in places], kind.type)
        values = pc.replace_with_mask(table.column(column).combine_chunks(), mask, new)
        table = table.set_column(table.column_names.index(column), kind, pa.chunked_array([values], kind.type))
        if column in unreadable:
            unreadable[column] = pa.chunked_array([pc.and_not(unreadable[column].combine_chunks(), mask)])
    return BuiltTable(table, unreadable)


def _compares(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _read_value(workflow: Workflow, wanted: pa.Field, text: str | None) -> tuple[Any, str | None]:
    if text is None:
        return None, None
    column = pa.chunked_array([pa.array([text], pa.string())])
    if pa.types.is_timestamp(wanted.type) and wanted.type.tz:
        values, bad = read_instants(column, workflow.partition.timezone)
        values = values.cast(wanted.type)
    else:
        values, bad = read_as(column, wanted.type)
    is_bad = bad[0].as_py()
    return values[
        0
    ].as_py(), f"{wanted.name}: the mended value {text!r} cannot be read as {wanted.type}" if is_bad else None
