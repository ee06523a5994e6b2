"""The one transformer of all features: columns that are treated alike are one part of it.

Stays out: what is done to a kind of column, each in a module of its own.
"""

from collections.abc import Collection
from typing import Any

from sklearn.compose import ColumnTransformer

from lakemill.config.features import APPLIES, Features, Transform
from lakemill.preprocessing.features.dates import transform_dates
from lakemill.preprocessing.features.levels import transform_levels
from lakemill.preprocessing.features.numbers import transform_numbers
from lakemill.preprocessing.features.text import transform_text

Group = tuple[Transform, list[str]]


def make_transformer(
    features: Features, *, encode: str, sparse: bool, seed: int, without: Collection[str] = ()
) -> ColumnTransformer:
    """Build the unfitted transformer.

    Parameters
    ----------
    features : Features
    encode : {"ordinal", "one_hot", "hashed", "target"}
        Of categorical columns that say nothing else.
    sparse : bool
        Whether columns may be sparse.
    seed : int
        For what draws.
    without : collection of str
        Features that it leaves out.

    Returns
    -------
    ColumnTransformer
        Its columns: categories coded by order (`count_coded` of them), other categories, numbers, dates, texts.
    """
    parts: list[tuple[str, Any, Any]] = []
    for coding, settings, names in _group_levels(features, encode, without):
        made = transform_levels(settings, encode=coding, sparse=sparse, seed=seed)
        parts.append((_name("categorical", parts), made, names))
    for settings, names in _group(features, "numeric", features.numbers, without):
        parts.append((_name("numeric", parts), transform_numbers(settings, seed=seed), names))
    for settings, names in _group(features, "dates", features.dates, without):
        made = transform_dates(settings, timezone=features.timezone or "UTC")
        parts.append((_name("dates", parts), made, names))
    for name in (one for one in features.text if one not in without):
        made = transform_text(features.settings_of(name), sparse=sparse, seed=seed)
        parts.append((_name("text", parts), made, name))
    return ColumnTransformer(parts)


def count_coded(features: Features, *, encode: str, without: Collection[str] = ()) -> int:
    """Return how many of the transformer's first columns are categories coded by order."""
    return sum(len(names) for coding, _, names in _group_levels(features, encode, without) if coding == "ordinal")


def _group_levels(features: Features, encode: str, without: Collection[str]) -> list[tuple[str, Transform, list[str]]]:
    groups = []
    for settings, names in _group(features, "categorical", features.categorical, without):
        is_own = settings.encode not in ("auto", features.transform.encode)
        groups.append((settings.encode if is_own else encode, settings, names))
    return sorted(groups, key=lambda one: one[0] != "ordinal")  # a stable sort


def _group(features: Features, kind: str, names: tuple[str, ...], without: Collection[str]) -> list[Group]:
    """Bring columns together whose settings, as far as they say something of their kind, are equal."""
    groups: dict[str, Group] = {}
    for name in (one for one in names if one not in without):
        settings = features.settings_of(name)
        said = settings.model_dump_json(include=APPLIES[kind])
        groups.setdefault(said, (settings, []))[1].append(name)
    return list(groups.values())


def _name(kind: str, parts: list[tuple[str, Any, Any]]) -> str:
    before = sum(name.split(" ")[0] == kind for name, *_ in parts)
    return f"{kind} {before + 1}" if before else kind
