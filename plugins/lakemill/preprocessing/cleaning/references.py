"""Values that must be known elsewhere. Stays out: reading what is known."""

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import Reference
from lakemill.preprocessing.cleaning.cells import as_texts, handle, merge
from lakemill.preprocessing.cleaning.contract import Cleaned, Context


def look_up(rule: Reference, rows: pa.Table, context: Context) -> Cleaned:
    """Find values that the file or source does not have; a missing value is not looked for."""
    known = context.read_known(rule)
    parts = []
    for name in rule.columns:
        column = rows.column(name)
        unknown = pc.and_(pc.is_valid(column), pc.invert(pc.is_in(as_texts(column), known)))
        why = f"not among {rule.column} of {rule.file or rule.source}"
        part = handle(rows, name, unknown, action=rule.unknown, why=why, flag=rule.flag_of(name))
        rows = part.rows
        parts.append(part)
    return merge(parts, rows)
