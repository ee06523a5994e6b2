"""Rows on both sides: keys, groups, and rows that are nearly the same in training and in test.

Stays out: features and models.
"""

from collections.abc import Hashable

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.config.dataset import GroupSplit, HashSplit
from lakemill.evaluation.leakage.case import Case, Proof
from lakemill.preprocessing.splitting.by_value import name_rows

MOST_ROWS = 200_000  # of training rows that test rows are looked for in
MOST_JUDGED = 20_000
NO_TEXT = "\0"  # in place of a missing value
ODD = np.uint64(0x9E3779B97F4A7C15)
FINENESS = 1000  # equal are numbers that fall into the same of so many steps of a standard deviation


def check_keys(case: Case) -> Proof:
    """No key names both a training and a test row."""
    key = case.workflow.table.key
    remedy = f"name what else tells rows apart in table.key, or give dataset {{split: group, column: {key[0]}}}"
    return _check_apart(case, key, "no key on both sides", "key", remedy)


def check_groups(case: Case) -> Proof:
    """No group has both training and test rows, where a split keeps groups together."""
    dataset = case.workflow.dataset
    if not isinstance(dataset, (GroupSplit, HashSplit)) or dataset.column is None:
        return Proof("no group on both sides", True, "no group is declared")
    remedy = "the split itself is at fault: report it"
    return _check_apart(case, (dataset.column,), "no group on both sides", dataset.column, remedy)


def check_duplicates(case: Case) -> Proof:
    """Few test rows equal a training row in all features, beyond what training rows do among themselves, or by chance.

    Two expectations: what a part of the training rows finds in the others, and what rows find whose columns were
    shuffled each by itself. The second tells copies from coincidence, and so counts only where coincidence is out of
    the question: where some number is another one in most rows.
    """
    name, limit = "few near-duplicates across", case.workflow.gate.leakage.duplicates
    generator = np.random.default_rng(case.seed)
    reference, judged = case.draw(case.split.fit, MOST_ROWS), case.draw(case.split.test, MOST_JUDGED)
    coded = _code(case.X, case.split.fit)
    own = generator.permutation(reference)[: max(1, min(len(judged), len(reference) // 2))]
    others = np.setdiff1d(reference, own)
    across = _find_share(coded[judged], coded[reference])
    within = _find_share(coded[own], coded[others])
    by_chance = _find_share(np.column_stack([generator.permutation(one) for one in coded[judged].T]), coded[reference])
    tells_apart = _tells_apart(case.X.iloc[case.draw(case.split.fit, MOST_JUDGED)])
    figures = {"across": across, "within_training": within, "by_chance": by_chance, "limit": limit}
    found = f"{across:.1%} of test rows equal a training row in all features, {within:.1%} among training rows"
    if across - within > limit or (tells_apart is not None and across - by_chance > limit):
        expected = "" if tells_apart is None else f", {by_chance:.1%} by chance, though {tells_apart} tells rows apart"
        text = (
            f"{found}{expected}; limit {limit:.0%}: drop duplicates in table.sql, keep what belongs together on one "
            "side (dataset.split: group), or raise gate.leakage.duplicates"
        )
        return Proof(name, False, text, figures)
    return Proof(name, True, found, figures)


def find_on_both_sides(rows: pa.Table, one: np.ndarray, other: np.ndarray) -> set[str]:
    """Return the names of rows that are equal to a row of the other side, each once.

    Rows are compared by hashes of 64 bits, and only where these are equal by what they say: so that many take little
    memory.

    Parameters
    ----------
    rows : pyarrow.Table
    one, other : ndarray of int64
        Positions.

    Returns
    -------
    set of str

    Examples
    --------
    >>> rows = pa.table({"a": ["x", "y", "x", "z"]})
    >>> find_on_both_sides(rows, np.array([0, 1]), np.array([2, 3]))
    {"('x',)"}
    """
    hashes = _hash_rows(rows)
    (first, at_first), (second, at_second) = (np.unique(hashes[at], return_index=True) for at in (one, other))
    both, in_first, in_second = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    if not len(both):
        return set()
    named = [
        name_rows(rows.take(at), tuple(rows.column_names))
        for at in (one[at_first[in_first]], other[at_second[in_second]])
    ]
    return {name for name, its_like in zip(*named, strict=True) if name == its_like}


def _hash_rows(rows: pa.Table) -> np.ndarray:
    """Return a hash of 64 bits for each row, the same for the same texts of its values."""
    parts = [np.empty(0, dtype="uint64")]
    for batch in rows.to_batches():
        hashes = np.zeros(batch.num_rows, dtype="uint64")
        for column in batch.columns:
            if pa.types.is_integer(column.type) and not column.null_count:
                values = pd.util.hash_array(column.to_numpy(zero_copy_only=False))
            else:
                texts = column.cast(pa.string()).to_numpy(zero_copy_only=False)
                values = pd.util.hash_array(np.where(column.is_null(), NO_TEXT, texts), categorize=False)
            hashes = hashes * ODD + values  # without an overflow error: it is of arrays
        parts.append(hashes)
    return np.concatenate(parts)


def _check_apart(case: Case, columns: tuple[str, ...], name: str, what: str, remedy: str) -> Proof:
    rows, split = case.whole or (case.rows, case.split)
    both = find_on_both_sides(rows.select(columns), split.fit, split.test)
    figures = {"both": len(both)}
    if not both:
        return Proof(name, True, f"no {what} is on both sides", figures)
    first = min(both).strip("(),")
    return Proof(name, False, f"{len(both)} times one {what} is on both sides, like {first}: {remedy}", figures)


def _code(X: pd.DataFrame, fit: np.ndarray) -> np.ndarray:
    """Return whole numbers for all values, numbers rounded by what training rows spread over."""
    columns = []
    for name in X.columns:
        values = X[name]
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(dtype="float64")
            spread = np.nanstd(numbers[fit]) if np.isfinite(numbers[fit]).any() else 0.0
            steps = np.round(numbers * (FINENESS / spread)) if spread > 0 else numbers
            columns.append(pd.factorize(steps, use_na_sentinel=True)[0])
        else:
            columns.append(pd.factorize(values)[0])
    return np.column_stack(columns)


def _find_share(rows: np.ndarray, among: np.ndarray) -> float:
    """Return the share of rows that are among others."""
    if len(rows) == 0 or len(among) == 0:
        return 0.0
    known = set(_as_names(among))
    return float(np.mean([name in known for name in _as_names(rows)]))


def _as_names(rows: np.ndarray) -> list[Hashable]:
    contiguous = np.ascontiguousarray(rows, dtype="int64")
    return [row.tobytes() for row in contiguous]


def _tells_apart(X: pd.DataFrame) -> str | None:
    """Return a numeric feature that has another value in most rows, None where there is none."""
    for name in X.columns:
        if pd.api.types.is_numeric_dtype(X[name]) and X[name].nunique() > len(X) / 2:
            return str(name)
    return None
