"""The types that tables keep: Delta knows fewer than Arrow, and a table's types never change silently.

Stays out: what columns mean, and which ones there are.
"""

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.exceptions import LakeError, MisfitError

_PLAIN = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20),
    pa.float16(): pa.float32(),
    pa.date64(): pa.date32(),
    pa.null(): pa.string(),
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}
_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)


def plain_field(field: pa.Field) -> pa.Field:
    """Return a field with a type that tables keep, nullable and without metadata.

    Examples
    --------
    >>> plain_field(pa.field("x", pa.uint8(), nullable=False)), plain_field(pa.field("y", pa.null()))
    (pyarrow.Field<x: int16>, pyarrow.Field<y: string>)
    """
    return pa.field(field.name, plain_type(field.type))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that a table keeps values of another as.

    Parameters
    ----------
    kind : pyarrow.DataType

    Returns
    -------
    pyarrow.DataType
        Wide enough for every value; of times finer than microseconds the rest is cut off, a duration is the number of
        its microseconds. Where there is no value at all, text.

    Raises
    ------
    LakeError
        If tables keep no such values.
    """
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_time(kind):
        return pa.string()
    if pa.types.is_duration(kind):
        return pa.int64()
    if pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    if pa.types.is_decimal(kind) and kind.precision <= 38 and 0 <= kind.scale <= kind.precision:
        return pa.decimal128(kind.precision, kind.scale)
    if any(is_so(kind) for is_so in _LISTS):
        return pa.list_(plain_type(kind.value_type))
    if pa.types.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    if pa.types.is_struct(kind) and kind.num_fields:
        return pa.struct([plain_field(kind.field(number)) for number in range(kind.num_fields)])
    is_primitive = pa.types.is_primitive(kind) and not pa.types.is_interval(kind) and not pa.types.is_decimal(kind)
    if is_primitive or kind in (pa.string(), pa.binary()):
        return kind
    raise LakeError(f"tables keep no values of type {kind}", remedy="deliver them as text or as numbers")


def fit_column(values: pa.ChunkedArray, field: pa.Field, *, where: str) -> pa.ChunkedArray:
    """Bring values to a column's type where nothing is lost by it.

    Parameters
    ----------
    values : pyarrow.ChunkedArray
    field : pyarrow.Field
        Of a table, so of a plain type.
    where : str
        For errors.

    Returns
    -------
    pyarrow.ChunkedArray

    Raises
    ------
    MisfitError
        If the values are of another kind, or do not fit.
    """
    delivered = values.type
    if delivered == field.type:
        return values
    if pa.types.is_null(delivered):
        return pa.chunked_array([pa.nulls(len(values), field.type)])
    try:
        values = _as_plain(values)
        if values.type != field.type and not _may_become(values.type, field.type):
            raise pa.ArrowInvalid("another kind")
        return values.cast(field.type, safe=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise MisfitError(
            f"column {field.name!r} is {delivered}, in the table {field.type}",
            where=where,
            remedy="deliver it as before: a table's types never change silently",
            columns=[field.name],
        ) from error


def find_alike(names: list[str]) -> tuple[str, str] | None:
    """Return two names that tables cannot tell apart, as capitals do not count, None where all differ.

    Examples
    --------
    >>> find_alike(["id", "Depot", "depot"]), find_alike(["id", "depot"])
    (('Depot', 'depot'), None)
    """
    ordered = sorted(names, key=str.lower)
    return next((pair for pair in pairwise(ordered) if pair[0].lower() == pair[1].lower()), None)


def _as_plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        values = pa.chunked_array([chunk.storage for chunk in values.chunks], kind.storage_type)
    if pa.types.is_run_end_encoded(values.type):
        values = pa.chunked_array([pc.run_end_decode(chunk) for chunk in values.chunks], values.type.value_type)
    if pa.types.is_duration(values.type):
        values = values.cast(pa.duration("us"), safe=False)
    # plain types hold every value; unsafe only where moments finer than microseconds are cut off
    return values.cast(plain_type(values.type), safe=not _has_moments(values.type))


def _has_moments(kind: pa.DataType) -> bool:
    inner = [kind.field(number).type for number in range(kind.num_fields)]
    return bool(pa.types.is_temporal(kind)) or any(_has_moments(one) for one in inner)


def _may_become(kind: pa.DataType, target: pa.DataType) -> bool:
    """Tell whether values of a plain type may be tried as another: numbers among each other, inside of lists too."""
    if kind == target:
        return True
    pairs: list[tuple[Any, Any]] = []
    if any(is_so(kind) for is_so in _NUMBERS):
        return any(is_so(target) for is_so in _NUMBERS)
    if pa.types.is_list(kind) and pa.types.is_list(target):
        pairs = [(kind.value_type, target.value_type)]
    elif pa.types.is_map(kind) and pa.types.is_map(target):
        pairs = [(kind.key_type, target.key_type), (kind.item_type, target.item_type)]
    elif pa.types.is_struct(kind) and pa.types.is_struct(target):
        fields = [[one.field(number) for number in range(one.num_fields)] for one in (kind, target)]
        if [field.name for field in fields[0]] != [field.name for field in fields[1]]:
            return False
        pairs = [(mine.type, theirs.type) for mine, theirs in zip(*fields, strict=True)]
    return bool(pairs) and all(_may_become(mine, theirs) for mine, theirs in pairs)
