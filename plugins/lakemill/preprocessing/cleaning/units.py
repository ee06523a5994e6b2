"""Amounts in several units brought to one: the unit in the text, in a column of its own, or given away by the amount.

Stays out: reading the number itself (``numbers.py``).
"""

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import Conversion, Units
from lakemill.preprocessing.cleaning.cells import (
    are_set,
    as_texts,
    combine,
    count,
    handle,
    map_distinct,
    merge,
    put_column,
    show_examples,
)
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect
from lakemill.preprocessing.cleaning.numbers import PLAIN, parse_numbers

AMOUNT = (
    r"^(?P<amount>[+\-\x{2212}]?[\d.,\s\x{A0}\x{2009}\x{202F}'’]*\d[.,]?(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\d.,\s+-].*)?$"
)


def convert_units(rule: Units, rows: pa.Table, context: Context) -> Cleaned:
    """Bring amounts to the unit that is wanted."""
    parts = []
    for name in rule.columns:
        part = _convert(rule, rows, name)
        rows = part.rows
        parts.append(part)
    return merge(parts, rows)


def _convert(rule: Units, rows: pa.Table, name: str) -> Cleaned:
    column = rows.column(name)
    amounts, units = _split(rule, column)
    if rule.unit_column is not None:
        stated = map_distinct(as_texts(rows.column(rule.unit_column)), pc.utf8_trim_whitespace)
        units = pc.coalesce(units, pc.if_else(pc.equal(stated, ""), pa.scalar(None, pa.string()), stated))
    conversions = _conversions(rule)
    known = pa.array(list(conversions), pa.string())
    place = pc.index_in(pc.utf8_lower(units), known)
    is_stated = pc.is_valid(units)
    factors = pa.array([one.factor for one in conversions.values()], pa.float64()).take(place)
    offsets = pa.array([one.offset for one in conversions.values()], pa.float64()).take(place)
    converted = pc.add(pc.multiply(amounts, factors), offsets)
    found = combine(pc.if_else(is_stated, converted, amounts))
    given_away = _guess(rule, found, is_stated)
    found = pc.coalesce(given_away, found)
    bad = pc.and_(pc.is_valid(column), pc.is_null(found))
    handled = handle(rows, name, bad, action=rule.unreadable, why=f"cannot be read as an amount in {rule.to}")
    is_same = are_set(pc.equal(found, amounts))
    if pa.types.is_string(column.type):
        is_same = pc.and_(is_same, are_set(pc.match_substring_regex(column, PLAIN)))
    mended = are_set(pc.and_(pc.and_(pc.is_valid(found), pc.is_null(given_away)), pc.invert(is_same)))
    effects = [
        Effect(name, why, cells=cells, examples=show_examples(column, found, mask))
        for why, mask in (
            (f"brought to {rule.to}", mended),
            (f"in another unit than {rule.to}, by its size", combine(pc.is_valid(given_away))),
        )
        if (cells := count(mask))
    ]
    rows = put_column(rows, name, found)
    if rule.unit_column is not None:
        stated = as_texts(rows.column(rule.unit_column))
        rows = put_column(
            rows, rule.unit_column, pc.if_else(pc.is_valid(place), pa.scalar(rule.to, pa.string()), stated)
        )
    return Cleaned(rows, (*effects, *handled.effects), handled.refusals)


def _split(rule: Units, column: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """Return amounts, and units where the texts name some."""
    if not pa.types.is_string(column.type):
        return combine(column.cast(pa.float64())), pa.nulls(len(column), pa.string())
    encoded = combine(column.dictionary_encode())
    texts = pc.utf8_trim_whitespace(encoded.dictionary)
    parts = pc.extract_regex(texts, AMOUNT)
    amounts, units = pc.struct_field(parts, "amount"), pc.utf8_trim_whitespace(pc.struct_field(parts, "unit"))
    units = pc.if_else(pc.equal(units, ""), pa.scalar(None, pa.string()), units)
    amounts = parse_numbers(amounts, rule.decimal)
    return amounts.take(encoded.indices), units.take(encoded.indices)


def _conversions(rule: Units) -> dict[str, Conversion]:
    """Return conversions by unit in small letters."""
    found = {
        unit.strip().lower(): one if isinstance(one, Conversion) else Conversion(factor=one)
        for unit, one in rule.units.items()
    }
    return {rule.to.strip().lower(): Conversion(), **found}


def _guess(rule: Units, amounts: pa.Array, is_stated: pa.Array) -> pa.Array:
    """Return amounts converted from the one unit that brings them between low and high, where none was stated."""
    none = pa.nulls(len(amounts), pa.float64())
    if rule.low is None and rule.high is None:
        return none
    is_open = pc.and_(pc.and_(pc.invert(is_stated), pc.is_valid(amounts)), pc.invert(_lies_within(rule, amounts)))
    guesses, ways = none, pc.multiply(is_open.cast(pa.int8()), 0)
    for unit, one in _conversions(rule).items():
        if unit == rule.to.strip().lower():
            continue
        converted = pc.add(pc.multiply(amounts, one.factor), one.offset)
        fits = pc.and_(is_open, _lies_within(rule, converted))
        guesses = pc.if_else(fits, converted, guesses)
        ways = pc.add(ways, fits.cast(pa.int8()))
    return combine(pc.if_else(pc.equal(ways, 1), guesses, none))


def _lies_within(rule: Units, amounts: pa.Array) -> pa.Array:
    within = pc.is_valid(amounts)
    if rule.low is not None:
        within = pc.and_(within, pc.greater_equal(amounts, rule.low))
    if rule.high is not None:
        within = pc.and_(within, pc.less_equal(amounts, rule.high))
    return pc.fill_null(within, False)
