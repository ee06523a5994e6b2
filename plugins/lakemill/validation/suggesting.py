"""A suite proposed from history: what all past partitions have in common, with tolerances found leave-one-out.

A limit is the range of what was seen, widened by the farthest that any partition lay outside the range of all others:
so each past partition would have passed by the others' range with that tolerance. Stays out: looking at rows.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from lakemill.config import TABLE, Workflow
from lakemill.config.sources import MqttSource
from lakemill.exceptions import LakeError
from lakemill.lake import Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.validation.inputs import read_judged
from lakemill.validation.observing import CLASSES, Observed, Seen, observe

LEAST_PARTITIONS = 3
LEAST_VALUES_A_CATEGORY = 10  # with fewer rows a text is no category but a text


@dataclass(frozen=True)
class Tolerance:
    """The range of a figure over partitions, and how far one lay outside that of the others.

    Attributes
    ----------
    low, high : float
    margin : float
        Not negative.
    farthest : str
        Key of the partition that lay farthest outside.
    """

    low: float
    high: float
    margin: float
    farthest: str


def suggest_suite(
    workflow: Workflow,
    name: str,
    lake: Lake,
    *,
    project: Path,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Propose a suite for a source or the table from the published partitions.

    Parameters
    ----------
    workflow : Workflow
    name : str
        A source, or ``table``.
    lake : Lake
    project : Path
        What relative paths start at.
    report : callable
        Told, in a sentence, how far it is.

    Returns
    -------
    dict
        Great Expectations' JSON of a suite.

    Raises
    ------
    LakeError
        If fewer than three partitions are published.
    """
    verdicts = read_verdicts(lake, "ingestion")
    keys = [key for key, one in verdicts.items() if one.verdict != "blocked" and workflow.partition.holds(key)]
    if len(keys) < LEAST_PARTITIONS:
        raise LakeError(
            f"{len(keys)} published partition(s), {LEAST_PARTITIONS} are needed",
            where=workflow.workflow,
            remedy=f"lakemill run {workflow.workflow} first",
        )
    seen = []
    for key in keys:
        interval = workflow.partition.interval(key)
        rows = read_judged(workflow, name, key, lake, project=project)
        days = (interval.end - interval.start) / timedelta(days=1)
        seen.append(observe(key, rows, days=days, keys=_name_keys(workflow, name)))
        report(f"{name} {key}: {len(rows):,} rows")
    expectations = propose(seen, required=_name_required(workflow, name))
    suite = workflow.workflow if name == TABLE else f"{workflow.workflow}_{name}"
    return {"name": suite, "expectations": expectations, "meta": {"notes": _tell_partitions(seen)}}


def propose(seen: Sequence[Observed], *, required: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Propose expectations from what partitions look like.

    Parameters
    ----------
    seen : sequence of Observed
        In order; at least two.
    required : sequence of str
        Columns without which a row is none.

    Returns
    -------
    list of dict
        The action is ``warn``, but ``quarantine`` and ``block`` where the rule is one of structure (columns, keys) and
        history never broke it.
    """
    return [*_propose_table(seen), *_propose_keys(seen, required), *_propose_columns(seen, required)]


def find_tolerance(values: Sequence[float], keys: Sequence[str]) -> Tolerance:
    """Find how far one value lay outside the range of all others, at most.

    Parameters
    ----------
    values : sequence of float
        One a partition, at least two.
    keys : sequence of str
        The partitions.

    Returns
    -------
    Tolerance

    Examples
    --------
    >>> find_tolerance([10.0, 12.0, 11.0, 17.0], ["a", "b", "c", "d"])
    Tolerance(low=10.0, high=17.0, margin=5.0, farthest='d')
    """
    ordered = sorted(zip(values, keys, strict=True))
    (low, lowest), (high, highest) = ordered[0], ordered[-1]
    below, above = ordered[1][0] - low, high - ordered[-2][0]
    return Tolerance(low, high, max(below, above), lowest if below > above else highest)


def _propose_table(seen: Sequence[Observed]) -> Iterator[dict[str, Any]]:
    names = {tuple(one.columns) for one in seen}
    if len({frozenset(one) for one in names}) == 1:
        columns = list(next(iter(names)))
        yield _expect(
            "table_columns_to_match_set", {"column_set": columns}, f"{_told(seen)} had these columns", "block"
        )
    found = find_tolerance([one.rows / one.days for one in seen], [one.key for one in seen])
    longest, shortest = (way(one.days for one in seen) for way in (max, min))
    limits = {
        "min_value": max(0, math.floor((found.low - found.margin) * shortest)),
        "max_value": math.ceil((found.high + found.margin) * longest),
    }
    counts = [one.rows for one in seen]
    note = f"{_told(seen)} had {min(counts):,} to {max(counts):,} rows; a day {_tell(found)}"
    yield _expect("table_row_count_to_be_between", limits, note)


def _propose_keys(seen: Sequence[Observed], required: Sequence[str]) -> Iterator[dict[str, Any]]:
    for names in seen[0].unique_keys:
        if all(names in one.unique_keys for one in seen):
            note = f"no two rows agreed in them in {_told(seen)}"
            if len(names) == 1:
                yield _expect("column_values_to_be_unique", {"column": names[0]}, note, "quarantine")
            else:
                yield _expect("compound_columns_to_be_unique", {"column_list": list(names)}, note, "quarantine")


def _propose_columns(seen: Sequence[Observed], required: Sequence[str]) -> Iterator[dict[str, Any]]:
    named = {names[0] for names in seen[0].unique_keys if len(names) == 1}
    for name in seen[0].columns:
        parts = {one.key: one.columns[name] for one in seen if name in one.columns}
        if len(parts) < len(seen) or len({one.kind for one in parts.values() if _has_values(one)}) > 1:
            continue  # it comes and goes, or its type does
        yield from _propose_presence(name, parts, name in required)
        with_values = {key: one for key, one in parts.items() if _has_values(one)}
        if len(with_values) < LEAST_PARTITIONS:
            continue
        kind = next(iter(with_values.values())).kind
        if kind == "number":
            yield from _propose_numbers(name, with_values)
        elif kind == "text":
            yield from _propose_texts(name, with_values)
        if all(one.is_increasing for one in with_values.values()) and kind == "moment":
            yield _expect("column_values_to_be_increasing", {"column": name}, _always(with_values, "it never fell"))
        if kind == "text" and name not in named and all(one.is_unique for one in with_values.values()):
            note = _always(with_values, "no value came twice")
            yield _expect("column_values_to_be_unique", {"column": name}, note)


def _propose_presence(name: str, parts: dict[str, Seen], is_required: bool) -> Iterator[dict[str, Any]]:
    if all(one.present == 1 for one in parts.values()):
        action = "quarantine" if is_required else "warn"
        note = _always(parts, "no value was missing")
        yield _expect("column_values_to_not_be_null", {"column": name}, note, action)
        return
    found = find_tolerance([one.present for one in parts.values()], list(parts))
    mostly = _round(found.low - found.margin, math.floor)
    if mostly > 0:
        note = f"of {len(parts)} partitions the share of rows with a value {_tell(found, share=True)}"
        yield _expect("column_values_to_not_be_null", {"column": name, "mostly": mostly}, note)


def _propose_numbers(name: str, parts: dict[str, Seen]) -> Iterator[dict[str, Any]]:
    keys = list(parts)
    lows = find_tolerance([_known(one.low) for one in parts.values()], keys)
    highs = find_tolerance([_known(one.high) for one in parts.values()], keys)
    limits = {
        "min_value": _keep_sign(_round(lows.low - lows.margin, math.floor), lows.low),
        "max_value": _round(highs.high + highs.margin, math.ceil),
    }
    note = f"of {len(parts)} partitions the least {_tell(lows)}, the greatest {_tell(highs)}"
    yield _expect("column_values_to_be_between", {"column": name, **limits}, note)
    found = find_tolerance([_known(one.mean) for one in parts.values()], keys)
    if found.low == found.high:
        return
    limits = {
        "min_value": _keep_sign(_round(found.low - found.margin, math.floor), found.low),
        "max_value": _round(found.high + found.margin, math.ceil),
    }
    note = f"of {len(parts)} partitions the mean {_tell(found)}"
    yield _expect("column_mean_to_be_between", {"column": name, **limits}, note)


def _propose_texts(name: str, parts: dict[str, Seen]) -> Iterator[dict[str, Any]]:
    categories = {key: one.values for key, one in parts.items() if one.values is not None}
    if len(categories) == len(parts) and _are_categories(list(categories.values())):
        new = {key: _share_unknown(key, categories) for key in categories}
        farthest = max(new, key=lambda key: new[key])
        kwargs: dict[str, Any] = {
            "column": name,
            "value_set": sorted({one for held in categories.values() for one in held}),
        }
        note = _always(parts, "every value was known from the other partitions")
        if new[farthest] > 0:
            kwargs["mostly"] = _round(1 - new[farthest], math.floor)
            note = f"of {farthest} {new[farthest]:.2%} of the values were in no other of {len(parts)} partitions"
        yield _expect("column_values_to_be_in_set", kwargs, note)
        return
    shared = frozenset.intersection(*(one.classes for one in parts.values()))
    narrowest = next((one for one in CLASSES if one in shared), None)
    keys = list(parts)
    shortest = find_tolerance([float(_known_pair(one)[0]) for one in parts.values()], keys)
    longest = find_tolerance([float(_known_pair(one)[1]) for one in parts.values()], keys)
    low, high = max(0, int(shortest.low - shortest.margin)), int(longest.high + longest.margin)
    told = f"lengths: the shortest {_tell(shortest)}, the longest {_tell(longest)}"
    if narrowest is not None:
        lengths = f"{{{low}}}" if low == high else f"{{{low},{high}}}"
        note = f"all values of {len(parts)} partitions were made of {narrowest}; {told}"
        yield _expect("column_values_to_match_regex", {"column": name, "regex": f"^{narrowest}{lengths}$"}, note)
    else:
        note = f"of {len(parts)} partitions {told}"
        yield _expect("column_value_lengths_to_be_between", {"column": name, "min_value": low, "max_value": high}, note)


def _name_keys(workflow: Workflow, name: str) -> list[tuple[str, ...]]:
    if name == TABLE:
        return [workflow.table.key]
    source = workflow.collect[name]
    return [tuple(source.key)] if isinstance(source, MqttSource) else []


def _name_required(workflow: Workflow, name: str) -> tuple[str, ...]:
    if name == TABLE:
        return (*workflow.table.key, workflow.table.event_time)
    return tuple(column for names in _name_keys(workflow, name) for column in names)


def _are_categories(held: Sequence[dict[str, int]]) -> bool:
    distinct = {value for one in held for value in one}
    return sum(sum(one.values()) for one in held) >= LEAST_VALUES_A_CATEGORY * len(distinct)


def _share_unknown(key: str, held: dict[str, dict[str, int]]) -> float:
    others = {value for other, one in held.items() if other != key for value in one}
    return sum(count for value, count in held[key].items() if value not in others) / sum(held[key].values())


def _has_values(one: Seen) -> bool:
    return one.kind == "other" or one.low is not None or one.lengths is not None or one.is_unique or one.is_increasing


def _known(value: float | None) -> float:
    assert value is not None  # noqa: S101  # only of columns with values
    return value


def _known_pair(one: Seen) -> tuple[int, int]:
    assert one.lengths is not None  # noqa: S101  # the same
    return one.lengths


def _keep_sign(limit: float, seen: float) -> float:
    return max(limit, 0) if seen >= 0 else limit  # what was never negative is most often a count or an amount


def _round(value: float, way: Callable[[float], int]) -> float:
    """Round to four digits, outwards, so that a limit reads well."""
    if value == 0 or not math.isfinite(value):
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
    rounded = float(f"{way(value / step) * step:.12g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def _expect(kind: str, kwargs: dict[str, Any], note: str, action: str = "warn") -> dict[str, Any]:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"action": action, "notes": note}}


def _tell(found: Tolerance, *, share: bool = False) -> str:
    low, high, margin = (f"{one:.2%}" if share else f"{one:.6g}" for one in (found.low, found.high, found.margin))
    said = f"was {low}" if low == high else f"was {low} to {high}"
    return said if found.margin == 0 else f"{said}, tolerance {margin}: {found.farthest} lay so far outside the others"


def _always(parts: dict[str, Any], what: str) -> str:
    return f"{what} in {len(parts)} partitions"


def _told(seen: Sequence[Observed]) -> str:
    return f"{len(seen)} partitions"


def _tell_partitions(seen: Sequence[Observed]) -> str:
    return f"proposed from {len(seen)} partitions, {seen[0].key} to {seen[-1].key}; meta.notes say how each was got"
