"""Texts in one form: white space, invisible characters, Unicode, case.

Stays out: what a text means.
"""

import unicodedata
from collections.abc import Iterable
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import Strip, Texts
from lakemill.preprocessing.cleaning.cells import exchange, map_distinct
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect

# control (but for tab and line ends, which are white space) and format characters; joiners that shape words
# (U+200C, U+200D) stay. A no-break blank is white space.
INVISIBLE = (
    r"[\x{00}-\x{08}\x{0E}-\x{1F}\x{7F}-\x{9F}\x{AD}\x{200B}\x{200E}\x{200F}"
    r"\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}]"
)
WHITE = r"[\s\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+"
CASES = {"lower": pc.utf8_lower, "upper": pc.utf8_upper, "title": pc.utf8_title}


def strip_texts(rule: Strip, rows: pa.Table, context: Context) -> Cleaned:
    """Remove white space around texts; what is empty then is missing."""
    return _map_texts(rows, rule.columns or rows.column_names, pc.utf8_trim_whitespace, "white space around it")


def normalise_texts(rule: Texts, rows: pa.Table, context: Context) -> Cleaned:
    """Bring texts to one form; what is empty then is missing."""

    def bring(texts: pa.Array) -> pa.Array:
        return normalise(texts, rule)

    return _map_texts(rows, rule.columns or rows.column_names, bring, "brought to one form")


def normalise(texts: pa.Array, rule: Texts) -> pa.Array:
    r"""Return texts in the form of a rule.

    Examples
    --------
    >>> normalise(pa.array([" Nu\u0308rn\u200bberg  Ost "]), Texts(rule="text", case="lower")).to_pylist()
    ['nürnberg ost']
    """
    if rule.invisible == "remove":
        texts = pc.replace_substring_regex(texts, INVISIBLE, "")
    if rule.case != "keep":  # before the normal form, which a change of case can leave
        texts = CASES[rule.case](texts)
    if rule.unicode != "keep":
        texts = _compose(texts, rule.unicode)
    if rule.white_space == "collapse":
        texts = pc.replace_substring_regex(texts, WHITE, " ")
    return texts if rule.white_space == "keep" else pc.utf8_trim_whitespace(texts)


def _compose(texts: pa.Array, form: Literal["NFC", "NFKC"]) -> pa.Array:
    """Return texts in a normal form; Arrow's own function decomposes only, whichever form is asked for (25.0)."""
    is_ascii = pc.string_is_ascii(texts)
    if pc.all(is_ascii).as_py():
        return texts
    others = texts.filter(pc.invert(is_ascii)).to_pylist()
    return pc.replace_with_mask(
        texts, pc.invert(is_ascii), pa.array([unicodedata.normalize(form, text) for text in others], pa.string())
    )


def _map_texts(rows: pa.Table, names: Iterable[str], function: object, why: str) -> Cleaned:
    effects: list[Effect] = []
    for name in names:
        column = rows.column(name)
        if not pa.types.is_string(column.type):
            continue
        after = map_distinct(column, function)  # type: ignore[arg-type]  # Arrow's functions are Any
        after = pc.if_else(pc.equal(after, ""), pa.scalar(None, pa.string()), after)
        rows, done = exchange(rows, name, after, why)
        effects += done
    return Cleaned(rows, tuple(effects))
