"""What pandas makes of an Arrow column: on that stands what Great Expectations says of it.

pandas has one missing value, so NaN and null are the same; whole numbers with a missing value become doubles.
"""

from typing import Literal

import pyarrow as pa

Kind = Literal["whole", "real", "text", "boolean", "moment", "plain", "opaque"]
NUMBERS: tuple[Kind, ...] = ("whole", "real")
KEYED: tuple[Kind, ...] = (*NUMBERS, "text", "boolean", "moment")
CLEAR: tuple[Kind, ...] = (*KEYED, "plain")

EXACT = 2**53  # whole numbers up to here are doubles too, so it makes no difference which of the two pandas holds


class LeftToGreatExpectationsError(Exception):
    """The pass would not say exactly what Great Expectations says; for control only, never shown."""


_PLAIN = (
    pa.types.is_uint64,
    pa.types.is_float32,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_duration,
    pa.types.is_decimal,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_null,
)


def kind_of(column: pa.DataType) -> Kind:
    """Return what kind of values a column holds for pandas.

    Of ``plain`` ones it is clear which are missing, of ``opaque`` ones (dictionaries, lists) not even that.

    Examples
    --------
    >>> kind_of(pa.int16()), kind_of(pa.large_string()), kind_of(pa.float32()), kind_of(pa.list_(pa.int8()))
    ('whole', 'text', 'plain', 'opaque')
    """
    if pa.types.is_integer(column) and column != pa.uint64():
        return "whole"
    if pa.types.is_float64(column):
        return "real"
    if pa.types.is_string(column) or pa.types.is_large_string(column):
        return "text"
    if pa.types.is_boolean(column):
        return "boolean"
    if pa.types.is_timestamp(column):
        return "moment"
    return "plain" if any(holds(column) for holds in _PLAIN) else "opaque"
