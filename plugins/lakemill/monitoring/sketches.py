"""Sketches: one column's counts, moments, quantiles and frequencies in a few KB; those of parts merge to the whole's.

Stays out: where they are kept (``profiles.py``) and what is read from them (``differences.py``).
"""

import json
import math
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasketches import tdigest_double

COMPRESSION = 200  # of the t-digest: about 4 KB a column
FEW_VALUES = 10_000  # so many are put into the digest one by one
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
        ("minimum", pa.float64()),
        ("maximum", pa.float64()),
        ("digest", pa.binary()),
        ("categories", pa.string()),
    ]
)
# DataSketches' format for all languages: 2 longs, version 1, family 20, k, flags, unused, centroids, buffered, extremes
_HEADER = struct.Struct("<BBBHBHIIdd")
_CENTROIDS = np.dtype([("mean", "<f8"), ("weight", "<u8")])


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

    @property
    def extremes(self) -> tuple[float, float]:
        """Least and greatest number; NaN without any."""
        if self.digest is None or self.digest.is_empty():
            return math.nan, math.nan
        return self.digest.get_min_value(), self.digest.get_max_value()


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
    bytes, in whatever order they come.
    """
    if kind == "categorical":
        return _profile_categories(name, values)
    ordered = np.sort(values.cast(pa.float64()).drop_null().to_numpy())
    # NaN is no value either, as for the model; nor is infinity, beside which there is no mean
    ordered = ordered[
        slice(*np.searchsorted(ordered, (-np.inf, np.inf), side="right") - (0, np.isposinf(ordered).sum()))
    ]
    return ColumnProfile(
        column=name,
        kind=kind,
        count=len(values),
        nulls=len(values) - len(ordered),
        mean=float(ordered.mean()) if len(ordered) else math.nan,
        standard_deviation=float(ordered.std()) if len(ordered) else math.nan,
        digest=_sketch(ordered),
    )


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


def pack(profile: ColumnProfile) -> dict[str, Any]:
    """Return a profile as a row of ``SCHEMA``."""
    moments = {"mean": profile.mean, "standard_deviation": profile.standard_deviation}
    moments |= dict(zip(("minimum", "maximum"), profile.extremes, strict=True))
    return {
        "column": profile.column,
        "kind": profile.kind,
        "count": profile.count,
        "nulls": profile.nulls,
        **{name: None if math.isnan(value) else value for name, value in moments.items()},
        "digest": bytes(profile.digest.serialize()) if profile.digest is not None else None,
        "categories": json.dumps(profile.categories, sort_keys=True, ensure_ascii=False),
    }


def unpack(row: dict[str, Any]) -> ColumnProfile:
    """Return the profile that `pack` made a row of."""
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


def _sketch(ordered: np.ndarray) -> Any:
    """Return the digest of sorted values; of many, centroids are cut here and the library reads them as its own."""
    count = len(ordered)
    if count <= FEW_VALUES:
        digest = tdigest_double(COMPRESSION)
        if count:
            digest.update(ordered)
        return digest
    starts = _keep_apart(ordered, _cut_centroids(count))
    centroids = np.empty(len(starts), _CENTROIDS)
    centroids["weight"] = np.diff(starts, append=count)
    means = np.add.reduceat(ordered, starts) / centroids["weight"]
    last = starts + centroids["weight"].astype(np.int64) - 1
    centroids["mean"] = np.clip(means, ordered[starts], ordered[last])  # of equal values the mean is that value
    header = _HEADER.pack(2, 1, 20, COMPRESSION, 0, 0, len(starts), 0, ordered[0], ordered[-1])
    return tdigest_double.deserialize(header + centroids.tobytes())


def _cut_centroids(count: int) -> np.ndarray:
    """Return where centroids begin: by the scale function k2, as the library cuts them; small in the tails."""
    normalizer = 2 * COMPRESSION / (4 * math.log(count / (2 * COMPRESSION)) + 24)
    starts, at = [], 0
    while at < count:
        starts.append(at)
        share = at / count
        size = share * (1 - share) / normalizer
        beyond = min(share + size, 1.0)
        at += max(1, int(count * min(size, beyond * (1 - beyond) / normalizer)))
    return np.array(starts)


def _keep_apart(ordered: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Begin and end a centroid where a value does that many rows have, so that its step stays one."""
    values = ordered[starts[1:]]
    many = np.unique(values[values == ordered[starts[1:] - 1]])
    edges = [np.searchsorted(ordered, many, side=side) for side in ("left", "right")]
    kept = np.unique(np.concatenate([starts, *edges]))
    return np.asarray(kept[kept < len(ordered)])


def _profile_categories(name: str, values: pa.ChunkedArray) -> ColumnProfile:
    texts = values.cast(pa.string())
    counted = pa.Table.from_struct_array(pc.value_counts(texts.drop_null()))
    kept = counted
    if len(counted) > MOST_CATEGORIES:
        keys = [("counts", "descending"), ("values", "ascending")]
        is_named = counted.filter(pc.not_equal(counted.column("values"), OTHERS))
        kept = is_named.take(pc.select_k_unstable(is_named, MOST_CATEGORIES, keys))
    counts = Counter(dict(zip(kept.column("values").to_pylist(), kept.column("counts").to_pylist(), strict=True)))
    others = len(texts) - texts.null_count - sum(counts.values())
    return ColumnProfile(
        name, "categorical", len(texts), texts.null_count, categories=counts + Counter({OTHERS: others})
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
