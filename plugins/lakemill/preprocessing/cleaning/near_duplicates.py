"""Rows that tell nearly the same: found in blocks, compared, joined into groups, of each of which one is kept.

Stays out: blocking (``blocking.py``) and comparing (``likeness.py``).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from lakemill.config.cleaning import NearDuplicates
from lakemill.preprocessing.cleaning.blocking import FEW_COLUMNS, choose_blocks, pair_in_blocks, pair_neighbours
from lakemill.preprocessing.cleaning.cells import EXAMPLES, are_set, put_column
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect, Refusal
from lakemill.preprocessing.cleaning.likeness import Compared, measure_bits, prepare, score_pairs, weigh

SPARE_BITS = 5  # beyond what names a row: of two rows that agree so far by chance there is less than one in 2**5
ENOUGH = 0.75  # of all that the columns can tell, where that is less


def drop_near_duplicates(rule: NearDuplicates, rows: pa.Table, context: Context) -> Cleaned:
    """Of rows that tell nearly the same keep one; drop, refuse or flag the others."""
    groups = group_rows(rule, rows)
    kept = _choose(rule, rows, groups)
    is_kept = np.zeros(len(rows), bool)
    is_kept[kept] = True
    others = pa.array(~is_kept)
    found = len(rows) - len(kept)
    why = f"nearly the same {', '.join(rule.columns)} as another row; the {rule.keep.replace('_', ' ')} is kept"
    examples = _show(rule, rows, groups, kept, np.flatnonzero(~is_kept)[:EXAMPLES])
    if rule.action == "flag":
        flag = rule.added[0]
        marked = pc.or_(are_set(rows.column(flag)), others) if flag in rows.column_names else others
        effects = (Effect("", why, flagged=found, examples=examples),) if found else ()
        return Cleaned(put_column(rows, flag, marked), effects)
    if not found:
        return Cleaned(rows)
    if rule.action == "quarantine":
        return Cleaned(rows, (Effect("", why, refused=found, examples=examples),), (Refusal(others, why),))
    places = pa.array(np.sort(kept))
    return Cleaned(rows.take(places), (Effect("", why, dropped=found, examples=examples),), kept=places)


def group_rows(rule: NearDuplicates, rows: pa.Table) -> np.ndarray:
    """Find the groups of rows that are nearly the same.

    Parameters
    ----------
    rule : NearDuplicates
    rows : pyarrow.Table

    Returns
    -------
    ndarray of int64
        The number of its group by row; a row that is like no other is a group of its own. Groups are connected
        components: a row that is like two others joins them.
    """
    count = len(rows)
    if count < 2:
        return np.arange(count)
    columns = {name: prepare(rows.column(name), rule.within.get(name)) for name in rule.columns}
    told = measure_bits(columns)
    weights = weigh(told, count)
    pairs = _pair(rule, columns, told, count)
    share, bits = score_pairs(list(columns.values()), [weights[name] for name in columns], pairs, count)
    enough = min(np.log2(count) + SPARE_BITS, ENOUGH * sum(weights.values()))
    same = pairs[(share >= rule.similarity) & (bits >= enough)]
    graph = coo_matrix((np.ones(len(same), np.int8), (same[:, 0], same[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _pair(
    rule: NearDuplicates, columns: dict[str, Compared], told: dict[tuple[str, ...], float], count: int
) -> np.ndarray:
    codes = {name: column.codes for name, column in columns.items()}
    if rule.blocks is not None:
        return pair_in_blocks(codes, rule.blocks, rule.window)
    pairs = pair_in_blocks(codes, choose_blocks(told, count), rule.window)
    texts = {
        name: np.append(column.texts, "")[column.codes]  # -1, missing, is the empty one at the end
        for name, column in columns.items()
        if column.within is None and len(column.texts) > 1
    }
    if len(columns) > FEW_COLUMNS:
        return pairs
    return np.unique(np.concatenate([pairs, pair_neighbours(texts, rule.window)]), axis=0)


def _choose(rule: NearDuplicates, rows: pa.Table, groups: np.ndarray) -> np.ndarray:
    """Return the position of the row that is kept of each group."""
    places = np.arange(len(rows))
    rank = {"first": places, "last": -places}.get(rule.keep)
    if rank is None:
        rank = np.sum([rows.column(name).is_null().to_numpy() for name in rows.column_names], axis=0)
    order = np.lexsort((places, rank, groups))
    is_first = np.append(True, groups[order][1:] != groups[order][:-1]) if len(order) else np.array([], bool)
    return order[is_first]


def _show(
    rule: NearDuplicates, rows: pa.Table, groups: np.ndarray, kept: np.ndarray, others: np.ndarray
) -> tuple[str, ...]:
    keeper = np.zeros(groups.max(initial=-1) + 1, np.int64)
    keeper[groups[kept]] = kept
    shown = rows.select(list(rule.columns))

    def tell(place: int) -> str:
        return ", ".join("" if value is None else str(value) for value in shown.slice(place, 1).to_pylist()[0].values())

    return tuple(f"{tell(int(place))} -> {tell(int(keeper[groups[place]]))}" for place in others)
