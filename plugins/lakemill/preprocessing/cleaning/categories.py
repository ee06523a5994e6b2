"""Categories brought to a vocabulary: their own spelling, declared aliases, misspellings.

Stays out: finding a vocabulary.
"""

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import process
from rapidfuzz.distance import OSA

from lakemill.config.cleaning import Categories
from lakemill.preprocessing.cleaning.cells import combine, exchange, handle, merge
from lakemill.preprocessing.cleaning.contract import Cleaned, Context

AHEAD = 0.05  # so much more like the one category than like any other
SHORTEST = 4  # letters: between shorter words one letter is a difference in kind


def match_categories(rule: Categories, rows: pa.Table, context: Context) -> Cleaned:
    """Bring each value to the category that it is, or is written almost like."""
    spellings = _spellings(rule)
    parts = []
    for name in rule.columns:
        column = rows.column(name)
        if not pa.types.is_string(column.type):
            raise pa.ArrowInvalid("categories are texts")
        encoded = combine(column.dictionary_encode())
        found = [_match(text, spellings, rule.similarity) for text in encoded.dictionary.to_pylist()]
        after = pa.array([one[0] for one in found], pa.string()).take(encoded.indices)
        doubts = {
            "like two categories alike": pa.array([one[1] > 1 for one in found], pa.bool_()),
            "like no category": pa.array([one[1] == 0 for one in found], pa.bool_()),
        }
        rows, effects = exchange(rows, name, pc.coalesce(after, column), "another spelling")
        parts.append(Cleaned(rows, tuple(effects)))
        for why, is_so in doubts.items():
            part = handle(
                rows, name, is_so.take(encoded.indices), action=rule.unknown, why=why, flag=rule.flag_of(name)
            )
            rows = part.rows
            parts.append(part)
    return merge(parts, rows)


def _spellings(rule: Categories) -> dict[str, str]:
    """Return categories by the normal form of each of their spellings."""
    declared = rule.vocabulary if isinstance(rule.vocabulary, dict) else dict.fromkeys(rule.vocabulary, ())
    aliases = {_normalise(alias): category for category, others in declared.items() for alias in others}
    return {**aliases, **{_normalise(category): category for category in declared}}


def _match(text: str, spellings: dict[str, str], least: float) -> tuple[str | None, int]:
    """Return the category of a text and how many it may be."""
    wanted = _normalise(text)
    if wanted in spellings:
        return spellings[wanted], 1
    if len(wanted) < SHORTEST:
        return None, 0
    likeness: dict[str, float] = {}
    near = process.extract(
        wanted, list(spellings), scorer=OSA.normalized_similarity, score_cutoff=least - AHEAD, limit=10
    )
    for spelling, score, _ in near:
        likeness[spellings[spelling]] = max(score, likeness.get(spellings[spelling], 0.0))
    ranked = sorted(likeness.items(), key=lambda one: -one[1])
    if not ranked or ranked[0][1] < least:
        return None, 0
    rivals = sum(score > ranked[0][1] - AHEAD for _, score in ranked)
    return (ranked[0][0], 1) if rivals == 1 else (None, rivals)


def _normalise(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
