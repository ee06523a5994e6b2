"""Profiles: the mergeable sketch of a partition's columns, kept as rows of the lake's table ``profiles``.

Drift is computed from these without reading rows again. Stays out: comparing them (``drift.py``).
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasketches import tdigest_double

from lakemill.collection import read_kinds
from lakemill.config import Workflow
from lakemill.config.windows import Window
from lakemill.lake import PARTITION, Lake
from lakemill.preprocessing.windows import iterate_clean

TABLE = "profiles"
CLEAN = "clean"
COMPRESSION = 200  # of the t-digest: about 4 KB a column
MOST_CATEGORIES = 1000  # the most frequent ones are counted, the others together
OTHERS = ""
SCHEMA = pa.schema(
    [
        ("column", pa.string()),
        ("kind", pa.string()),
        ("count", pa.int64()),
        ("nulls", pa.int64()),
        ("mean", pa.float64()),
        ("standard_deviation", pa.float64()),
        ("digest", pa.binary()),
        ("categories", pa.string()),
    ]
)


@dataclass(frozen=True)
class ColumnProfile:
    """The sketch of one column.

    Attributes
    ----------
    column : str
    kind : str
        ``numeric`` or ``categorical``.
    count, nulls : int
        All rows, and those without a value.
    mean, standard_deviation : float
        Of numeric values; NaN without any.
    digest : tdigest_double or None
        Of numeric values.
    categories : Counter
        Rows by category, those past the most frequent under the empty text.
    """

    column: str
    kind: str
    count: int
    nulls: int
    mean: float = math.nan
    standard_deviation: float = math.nan
    digest: Any = None
    categories: Counter[str] = field(default_factory=Counter)

    @property
    def values(self) -> int:
        """Number of rows with a value."""
        return self.count - self.nulls

    @property
    def null_share(self) -> float:
        """Share of rows without a value; 0 where there are no rows."""
        return self.nulls / self.count if self.count else 0.0


def profile_column(name: str, values: pa.ChunkedArray, kind: str) -> ColumnProfile:
    """Sketch a column.

    Parameters
    ----------
    name : str
    values : pyarrow.ChunkedArray
    kind : {"numeric", "categorical"}

    Returns
    -------
    ColumnProfile

    Notes
    -----
    The sketch is a t-digest (Dunning, The t-digest, 2021): unlike KLL it draws nothing, so that equal values give equal
    bytes.
    """
    if kind == "categorical":
        counts = Counter(
            {one["values"]: one["counts"] for one in pc.value_counts(values.cast(pa.string())).to_pylist()}
        )
        nulls = counts.pop(None, 0)
        return ColumnProfile(name, kind, len(values), nulls, categories=_keep_frequent(counts))
    numbers = values.cast(pa.float64()).drop_null()
    numbers = numbers.filter(pc.invert(pc.is_nan(numbers)))  # no value either, as for the model
    digest = tdigest_double(COMPRESSION)
    if len(numbers):
        digest.update(np.array(numbers.to_numpy()))  # a copy: it takes no read-only array
    return ColumnProfile(
        column=name,
        kind=kind,
        count=len(values),
        nulls=len(values) - len(numbers),
        mean=pc.mean(numbers).as_py() if len(numbers) else math.nan,
        standard_deviation=pc.stddev(numbers).as_py() if len(numbers) else math.nan,
        digest=digest,
    )


def profile_partition(workflow: Workflow, key: str, lake: Lake) -> dict[str, Any]:
    """Profile the features of one partition of ``clean``.

    Returns
    -------
    dict
        ``columns``, ``rows``, ``changed``.
    """
    kinds = _choose_kinds(workflow, lake)
    rows = lake.read("clean", [key], columns=[*kinds, PARTITION])
    profiles = [
        profile_column(name, rows.column(name) if rows is not None else pa.chunked_array([], pa.string()), kind)
        for name, kind in kinds.items()
    ]
    changed = _keep(lake, key, profiles, of=CLEAN)
    return {"columns": len(profiles), "rows": len(rows) if rows is not None else 0, "changed": changed}


def profile_windows(workflow: Workflow, keys: list[str], lake: Lake, windows: Sequence[Window]) -> str:
    """Profile what windows make of the last of some partitions, and of those before it that lack that.

    The partitions that windows reach back to must be there; when a partition's own profile is made, they may not be.

    Parameters
    ----------
    workflow : Workflow
    keys : list of str
        The partition that is judged comes last.
    lake : Lake
    windows : sequence of Window

    Returns
    -------
    str
        What to ask `read_profile` for: it bears a hash of the windows, so that profiles of others are not compared.
    """
    said = "\n".join(window.model_dump_json() for window in windows)
    of = f"windows-{hashlib.sha256(said.encode()).hexdigest()[:16]}"
    lacking = [key for key in keys[:-1] if not lake.holds(TABLE, key, {"of": of})]
    there = [key for key in (*lacking, keys[-1]) if lake.holds("clean", key)]
    names = [column.name for window in windows for column in window.made]
    for rows in iterate_clean(workflow, lake, there, windows=windows) if there else ():
        for key in pc.unique(rows.column(PARTITION)).to_pylist():
            part = rows.filter(pc.equal(rows.column(PARTITION), key))
            _keep(lake, key, [profile_column(name, part.column(name), "numeric") for name in names], of=of)
    return of


def _keep(lake: Lake, key: str, profiles: list[ColumnProfile], *, of: str) -> bool:
    packed = pa.Table.from_pylist([_pack(one) for one in profiles], schema=SCHEMA)
    return lake.replace_partition(TABLE, key, packed, within={"of": of})


def _choose_kinds(workflow: Workflow, lake: Lake) -> dict[str, str]:
    """Return how features are sketched; moments and texts are not: each partition has its own."""
    kinds = dict.fromkeys(workflow.features.numeric, "numeric")
    kinds.update(dict.fromkeys(workflow.features.categorical, "categorical"))
    found = read_kinds(workflow, lake) if workflow.features.are_open else None
    sketched = {"number": "numeric", "boolean": "numeric", "text": "categorical"}
    kinds.update({name: sketched[kind] for name, kind in (found or {}).items() if kind in sketched})
    return kinds


def read_profile(lake: Lake, keys: list[str], *, of: str = CLEAN) -> dict[str, ColumnProfile]:
    """Return the merged profile of some partitions.

    Parameters
    ----------
    lake : Lake
    keys : list of str
    of : str
        What was profiled: the table ``clean``, or what `profile_windows` returned.

    Returns
    -------
    dict of str to ColumnProfile
        By column; columns that a partition lacks, or has as another kind than the last one, are merged from the others.
    """
    rows = lake.read(TABLE, keys, where={"of": of})
    merged: dict[str, ColumnProfile] = {}
    for row in sorted(rows.to_pylist() if rows is not None else [], key=lambda one: str(one["partition"])):
        one = _unpack(row)
        held = merged.get(one.column)
        # of another kind where the workflow file has changed in between
        merged[one.column] = one if held is None or held.kind != one.kind else merge(held, one)
    return merged


def merge(first: ColumnProfile, second: ColumnProfile) -> ColumnProfile:
    """Return the profile of both profiles' rows together.

    Examples
    --------
    >>> a, b = (profile_column("x", pa.chunked_array([part]), "numeric") for part in ([1, 2], [3, None]))
    >>> both = merge(a, b)
    >>> both.count, both.nulls, both.mean, both.digest.get_quantile(0.5)
    (4, 1, 2.0, 2.0)
    """
    digest = first.digest
    if first.kind == "numeric":
        digest = tdigest_double(COMPRESSION)
        for part in (first.digest, second.digest):
            if not part.is_empty():
                digest.merge(part)
    mean, deviation = _pool(first, second)
    return ColumnProfile(
        column=first.column,
        kind=first.kind,
        count=first.count + second.count,
        nulls=first.nulls + second.nulls,
        mean=mean,
        standard_deviation=deviation,
        digest=digest,
        categories=_keep_frequent(first.categories + second.categories),
    )


def _pool(first: ColumnProfile, second: ColumnProfile) -> tuple[float, float]:
    parts = [one for one in (first, second) if one.values and not math.isnan(one.mean)]
    if not parts:
        return math.nan, math.nan
    total = sum(one.values for one in parts)
    mean = sum(one.values * one.mean for one in parts) / total
    squares = sum(one.values * (one.standard_deviation**2 + (one.mean - mean) ** 2) for one in parts)
    return mean, math.sqrt(squares / total)


def _keep_frequent(counts: Counter[str]) -> Counter[str]:
    others = counts.get(OTHERS, 0)
    ranked = sorted(
        ((name, count) for name, count in counts.items() if name != OTHERS), key=lambda one: (-one[1], one[0])
    )
    others += sum(count for _, count in ranked[MOST_CATEGORIES:])
    return Counter(dict(ranked[:MOST_CATEGORIES])) + Counter({OTHERS: others})


def _pack(profile: ColumnProfile) -> dict[str, Any]:
    return {
        "column": profile.column,
        "kind": profile.kind,
        "count": profile.count,
        "nulls": profile.nulls,
        "mean": None if math.isnan(profile.mean) else profile.mean,
        "standard_deviation": None if math.isnan(profile.standard_deviation) else profile.standard_deviation,
        "digest": bytes(profile.digest.serialize()) if profile.digest is not None else None,
        "categories": json.dumps(profile.categories, sort_keys=True, ensure_ascii=False),
    }


def _unpack(row: dict[str, Any]) -> ColumnProfile:
    return ColumnProfile(
        column=row["column"],
        kind=row["kind"],
        count=row["count"],
        nulls=row["nulls"],
        mean=math.nan if row["mean"] is None else row["mean"],
        standard_deviation=math.nan if row["standard_deviation"] is None else row["standard_deviation"],
        digest=tdigest_double.deserialize(row["digest"]) if row["digest"] is not None else None,
        categories=Counter(json.loads(row["categories"])),
    )
