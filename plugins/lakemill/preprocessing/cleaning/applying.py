"""The rules of a workflow applied in their order: what is left, what is refused with all reasons, and the report.

Stays out: any single rule, and where its result is kept (``step.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.table import NONE, is_read_later, read_by_part
from lakemill.config import Workflow
from lakemill.config.cleaning import CleaningRule
from lakemill.exceptions import TableError
from lakemill.preprocessing.cleaning.cells import are_set, combine, count, handle, put_column
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect, Refusal
from lakemill.preprocessing.cleaning.registry import OF_ROWS_TOGETHER, RULES


@dataclass(frozen=True)
class Applied:
    """What one rule of a workflow did.

    Attributes
    ----------
    position : int
        Its place among the rules, from 1 on.
    rule : str
    rows : int
        That it was given, without refused ones.
    effects : tuple of Effect
    """

    position: int
    rule: str
    rows: int
    effects: tuple[Effect, ...] = ()

    @property
    def cells(self) -> int:
        """Cells changed."""
        return sum(effect.cells for effect in self.effects)

    @property
    def dropped(self) -> int:
        """Rows dropped."""
        return sum(effect.dropped for effect in self.effects)


@dataclass(frozen=True)
class CleanRows:
    """Rows that all rules of a workflow have been applied to.

    Attributes
    ----------
    rows : pyarrow.Table
        Sorted by event time and key.
    applied : list of Applied
        One for each rule.
    refused : dict of int to list of str
        All reasons by the position of the row among those that were given.
    """

    rows: pa.Table
    applied: list[Applied]
    refused: dict[int, list[str]]


def clean_rows(
    workflow: Workflow,
    rows: pa.Table,
    context: Context | None = None,
    *,
    accepted: Sequence[int] | None = None,
    kinds: Mapping[str, str] = NONE,
) -> CleanRows:
    """Apply the workflow's rules in their order, then sort by event time and key.

    Parameters
    ----------
    workflow : Workflow
    rows : pyarrow.Table
        Accepted rows, in the order of delivery.
    context : Context, optional
        One without a past and without references if left out.
    accepted : sequence of int, optional
        Positions of rows that no rule refuses, since a person said so; a row without key or event time, or of another
        partition, is refused all the same.
    kinds : mapping of str to str
        Of features that the workflow file names no kind of, as found by ``collection.find_kinds``.

    Returns
    -------
    CleanRows

    Raises
    ------
    TableError
        If a rule doesn't fit its columns' types, or the rules leave several rows with one key.
    """
    context = context or Context(workflow.table.key, workflow.table.event_time, workflow.partition.timezone)
    places = pa.array(range(len(rows)), pa.int64())
    spared = pa.array([] if accepted is None else accepted, pa.int64())
    good, refused = _Rows(rows, places), _Rows(rows.slice(0, 0), places.slice(0, 0))
    reasons: dict[int, list[str]] = {}
    applied = []
    for position, rule in enumerate(workflow.clean, start=1):
        given = len(good.rows)
        at = _Place(workflow, rule, position, kinds)
        done = _apply(at, good.rows, context, pc.is_in(good.places, spared))
        if len(refused.rows) and rule.rule not in OF_ROWS_TOGETHER:  # a refused row gets all its reasons
            after = _apply(at, refused.rows, context, pc.is_in(refused.places, spared))
            refused.note(after.refusals, reasons)
            refused = refused.follow(after)
        good.note(done.refusals, reasons)
        good, found = good.follow(done).part(done.refusals)
        refused = refused.join(found)
        applied.append(Applied(position, rule.rule, given, done.effects))
    _require_unique_keys(workflow, good.rows)
    order = dict.fromkeys((workflow.table.event_time, *workflow.table.key))
    return CleanRows(good.rows.sort_by([(name, "ascending") for name in order]), applied, dict(sorted(reasons.items())))


@dataclass(frozen=True)
class _Rows:
    """Rows with their places among those that were given."""

    rows: pa.Table
    places: pa.Array

    def follow(self, done: Cleaned) -> "_Rows":
        return _Rows(done.rows, self.places if done.kept is None else self.places.take(done.kept))

    def note(self, refusals: tuple[Refusal, ...], reasons: dict[int, list[str]]) -> None:
        for refusal in refusals:
            for place in self.places.filter(refusal.rows).to_pylist():
                said = reasons.setdefault(place, [])
                if refusal.reason not in said:
                    said.append(refusal.reason)

    def part(self, refusals: tuple[Refusal, ...]) -> tuple["_Rows", "_Rows"]:
        """Return what is not refused, and what is."""
        if not refusals:
            return self, _Rows(self.rows.slice(0, 0), self.places.slice(0, 0))
        bad = refusals[0].rows
        for refusal in refusals[1:]:
            bad = pc.or_(bad, refusal.rows)
        good = pc.invert(bad)
        return (
            _Rows(self.rows.filter(good), self.places.filter(good)),
            _Rows(self.rows.filter(bad), self.places.filter(bad)),
        )

    def join(self, more: "_Rows") -> "_Rows":
        if not len(more.rows) or not len(self.rows):
            return self if len(self.rows) else more
        rows = pa.concat_tables([self.rows, more.rows], promote_options="permissive")
        return _Rows(rows, pa.concat_arrays([self.places, more.places]))


@dataclass(frozen=True)
class _Place:
    """A rule in its place among the workflow's, and the kinds of columns that were found."""

    workflow: Workflow
    rule: CleaningRule
    position: int
    kinds: Mapping[str, str]


def _apply(at: _Place, rows: pa.Table, context: Context, spared: pa.Array) -> Cleaned:
    workflow, rule = at.workflow, at.rule
    try:
        done = RULES[rule.rule](rule, rows, context)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        types = ", ".join(f"{name} is {rows.schema.field(name).type}" for name in rule.named)
        raise TableError(
            f"clean ({rule.rule}): does not fit its columns ({types}): {error}",
            where=f"include/workflows/{workflow.workflow}.yaml",
            remedy="mend the rule, or CAST the column in the table's SQL",
        ) from None
    for name in rule.named:
        kind = at.kinds.get(name, "")
        if is_read_later(workflow, name, kind) and not _is_read_after(workflow, name, at.position):
            done = _settle(workflow, name, done, kind)
    return _refuse_misplaced(rule, _spare(rule, done, spared), context)


def _spare(rule: CleaningRule, done: Cleaned, spared: pa.Array) -> Cleaned:
    """Take back what a rule refuses of rows that a person accepted: not in the report either."""
    spared = spared if done.kept is None else spared.take(done.kept)
    if not done.refusals or not pc.any(spared).as_py():
        return done
    effects, refusals = list(done.effects), []
    for refusal in done.refusals:
        left = pc.and_not(refusal.rows, spared)
        fewer = count(refusal.rows) - count(left)
        for at, effect in enumerate(effects):
            if effect.refused and refusal.reason in (
                f"{effect.column}: {effect.why}",
                effect.why,
                f"{effect.why} ({rule.rule})",
            ):
                effects[at] = replace(effect, refused=effect.refused - fewer)
        if count(left):
            refusals.append(Refusal(left, refusal.reason))
    told = tuple(one for one in effects if one.cells or one.dropped or one.refused or one.flagged)
    return Cleaned(done.rows, told, tuple(refusals), done.kept)


def _refuse_misplaced(rule: CleaningRule, done: Cleaned, context: Context) -> Cleaned:
    """Refuse rows that a rule has left without key or event time, or with one that belongs to another partition."""
    effects, refusals = list(done.effects), list(done.refusals)
    refused = pa.array([False] * len(done.rows)) if not refusals else refusals[0].rows
    for refusal in refusals[1:]:
        refused = pc.or_(refused, refusal.rows)
    touched = {*rule.named, *(effect.column for effect in done.effects if effect.cells)}
    for name in dict.fromkeys((*context.key, context.event_time)):
        if name not in touched:
            continue
        column = done.rows.column(name)
        faults = {"missing, but part of the key or the event time": combine(pc.is_null(column))}
        if name == context.event_time and context.interval is not None and pa.types.is_timestamp(column.type):
            start, end = (pa.scalar(moment, column.type) for moment in context.interval)
            outside = pc.or_(pc.less(column, start), pc.greater_equal(column, end))
            faults["event time outside of the partition"] = are_set(outside)
        for why, bad in faults.items():
            part = handle(done.rows, name, pc.and_(bad, pc.invert(refused)), action="quarantine", why=why)
            effects += part.effects
            refusals += part.refusals
    return Cleaned(done.rows, tuple(effects), tuple(refusals), done.kept)


def _is_read_after(workflow: Workflow, name: str, position: int) -> bool:
    return any(name in rule.named and (rule.reads or rule.rule == "sentinels") for rule in workflow.clean[position:])


def _settle(workflow: Workflow, name: str, done: Cleaned, kind: str) -> Cleaned:
    """Give a column that stayed as delivered the type of its part, once all rules have read it."""
    values, bad = read_by_part(workflow, name, done.rows.column(name), kind)
    rows = put_column(done.rows, name, values)
    if bad is None:
        return Cleaned(rows, done.effects, done.refusals, done.kept)
    part = handle(done.rows, name, bad, action="quarantine", why="cannot be read as its type")
    refusals = tuple(Refusal(are_set(combine(one.rows)), one.reason) for one in part.refusals)
    return Cleaned(rows, done.effects + part.effects, done.refusals + refusals, done.kept)


def _require_unique_keys(workflow: Workflow, rows: pa.Table) -> None:
    key = list(workflow.table.key)
    repeated = len(rows) - rows.group_by(key).aggregate([]).num_rows
    if repeated:
        raise TableError(
            f"clean leaves {repeated} rows whose key ({', '.join(key)}) another row has",
            where=f"include/workflows/{workflow.workflow}.yaml",
            remedy="add {rule: duplicates, keep: last} to clean, or name more columns in table.key",
        )
