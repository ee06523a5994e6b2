"""Texts read as numbers: decimal commas, thousands, currencies, signs.

Stays out: what an amount is measured in (``units.py``).
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import Numbers
from lakemill.preprocessing.cleaning.cells import are_set, combine, count, handle, merge, put_column, show_examples
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect

PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
SIMPLE = {  # nothing but digits, a sign and a decimal sign that cannot be anything else
    ".": r"^[+-]?\d+(\.\d+)?$",
    ",": r"^[+-]?\d+(,\d+)?$",
    "either": r"^[+-]?(\d+([.,](\d{1,2}|\d{4,}))?|0[.,]\d+)$",
}
BLANKS = r"[\s\x{A0}\x{2009}\x{202F}'’]"
IN_THREES = r"^[+-]?\d{1,3}(\x00\d{3})+$"
UNREADABLE = "cannot be read as a number"


def read_numbers(rule: Numbers, rows: pa.Table, context: Context) -> Cleaned:
    """Read texts as numbers; what is a number already stays."""
    parts = []
    for name in rule.columns:
        column = rows.column(name)
        if not pa.types.is_string(column.type):
            rows = put_column(rows, name, column.cast(pa.float64()))
            continue
        encoded = combine(column.dictionary_encode())
        numbers = parse_numbers(encoded.dictionary, rule.decimal, rule.symbols).take(encoded.indices)
        part = settle_numbers(rows, name, numbers, unreadable=rule.unreadable, why="read as a number")
        rows = part.rows
        parts.append(part)
    return merge(parts, rows)


def settle_numbers(rows: pa.Table, name: str, numbers: pa.Array, *, unreadable: str, why: str) -> Cleaned:
    """Put numbers in place of their texts; say which were not plain, and which cannot be read."""
    column = rows.column(name)
    bad = are_set(pc.and_(pc.is_valid(column), pc.is_null(numbers)))
    handled = handle(rows, name, bad, action=unreadable, why=UNREADABLE)
    plain = combine(pc.fill_null(pc.match_substring_regex(column, PLAIN), True))
    changed = combine(pc.and_(pc.is_valid(numbers), pc.invert(plain)))
    effects = list(handled.effects)
    if cells := count(changed):
        effects.insert(0, Effect(name, why, cells=cells, examples=show_examples(column, numbers, changed)))
    return Cleaned(put_column(rows, name, numbers), tuple(effects), handled.refusals)


def parse_numbers(texts: pa.Array, decimal: str, symbols: tuple[str, ...] = ()) -> pa.Array:
    """Read texts as numbers.

    Parameters
    ----------
    texts : pyarrow.Array of string
    decimal : {".", ",", "either"}
        The decimal sign; the other one, blanks and apostrophes part thousands.
    symbols : tuple of str
        What may stand before or after, in any case.

    Returns
    -------
    pyarrow.Array of double
        Null where a text is no number, is infinite, or can be read in two ways.

    Examples
    --------
    >>> parse_numbers(pa.array(["1.234,5", "12 €", "-3", "x"]), ",", ("€",)).to_pylist()
    [1234.5, 12.0, -3.0, None]
    """
    is_simple = pc.match_substring_regex(texts, SIMPLE[decimal])
    plain = pc.replace_substring(texts, ",", ".")  # most are simple, and patterns cost
    if not pc.all(is_simple).as_py():
        others = pc.invert(is_simple)
        plain = pc.replace_with_mask(plain, others, _read_others(texts.filter(others), decimal, symbols))
    numbers = plain.cast(pa.float64())
    return pc.if_else(are_set(pc.is_finite(numbers)), numbers, pa.scalar(None, pa.float64()))


def _read_others(texts: pa.Array, decimal: str, symbols: tuple[str, ...]) -> pa.Array:
    """Return texts as plain numbers; null where they are none."""
    texts = pc.replace_substring(pc.utf8_trim_whitespace(texts), "\u2212", "-")
    if symbols:
        either = "|".join(re.escape(symbol) for symbol in sorted(symbols, key=len, reverse=True))
        texts = pc.replace_substring_regex(texts, rf"(?i)^([+-]?)(?:{either})\s*", r"\1")
        texts = pc.replace_substring_regex(texts, rf"(?i)\s*(?:{either})$", "")
    texts = pc.utf8_trim_whitespace(texts)
    parted = pc.replace_substring_regex(texts, rf"(\d){BLANKS}(\d)", "\\1\x00\\2")
    parted = pc.replace_substring_regex(parted, rf"(\d){BLANKS}(\d)", "\\1\x00\\2")  # of 1 2 3 the first pass sees one
    plain = _read_either(parted) if decimal == "either" else _without_thousands(parted, decimal)
    is_number = are_set(pc.match_substring_regex(plain, PLAIN))
    return pc.if_else(is_number, plain, pa.scalar(None, pa.string()))


def _without_thousands(texts: pa.Array, decimal: str) -> pa.Array:
    """Return texts with a decimal point and no thousands; null where groups are not of three digits."""
    other = "," if decimal == "." else "."
    whole = pc.replace_substring_regex(texts, rf"[{decimal}eE].*$", "")
    whole = pc.replace_substring(whole, other, "\x00")
    has_groups = pc.match_substring(whole, "\x00")
    is_wrong = pc.and_(has_groups, pc.invert(pc.match_substring_regex(whole, IN_THREES)))
    is_wrong = pc.or_(is_wrong, pc.match_substring_regex(texts, rf"[{decimal}eE].*[{other}\x00]"))
    plain = pc.replace_substring_regex(texts, rf"[{other}\x00]", "")
    plain = pc.replace_substring(plain, decimal, ".")
    return pc.if_else(is_wrong, pa.scalar(None, pa.string()), plain)


def _read_either(texts: pa.Array) -> pa.Array:
    """Return texts with a decimal point, seen value by value; null where a sign may be either."""
    ends_by_comma = pc.match_substring_regex(texts, r",[^.,]*$")
    points, commas = pc.count_substring(texts, "."), pc.count_substring(texts, ",")
    # alone, once, with three digits after and one to three before that are not 0: thousands or decimals
    is_open = pc.match_substring_regex(texts, r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$")
    once_only = pc.equal(pc.add(points, commas), 1)
    many_of_one = pc.or_(
        pc.and_(pc.greater(points, 1), pc.equal(commas, 0)), pc.and_(pc.greater(commas, 1), pc.equal(points, 0))
    )
    # several of one sign part thousands, so that the other one would be the decimal sign
    comma_is_decimal = pc.xor(ends_by_comma, many_of_one)
    read = pc.if_else(comma_is_decimal, _without_thousands(texts, ","), _without_thousands(texts, "."))
    return pc.if_else(pc.and_(is_open, once_only), pa.scalar(None, pa.string()), read)
