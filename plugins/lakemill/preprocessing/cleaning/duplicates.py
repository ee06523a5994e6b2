"""Rows that are the same in some columns, or in all. Stays out: those that are nearly so (``near_duplicates.py``)."""

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import Duplicates
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect

PLACE = "__place"


def drop_duplicates(rule: Duplicates, rows: pa.Table, context: Context) -> Cleaned:
    """Of rows that are the same keep the first or last, by delivery or by a column.

    A row without a value in that column comes before all others; among equals the delivery decides.
    """
    names = list(rows.column_names if rule.whole_row else rule.columns or context.key)
    places = pa.array(range(len(rows)), pa.int64())
    if rule.order_by is not None:
        order = pc.sort_indices(rows, [(rule.order_by, "ascending", "at_start")]).cast(pa.int64())
        places = pc.inverse_permutation(order).cast(pa.int64()) if len(rows) else places
    extreme = "min" if rule.keep == "first" else "max"
    chosen = rows.select(names).append_column(PLACE, places).group_by(names).aggregate([(PLACE, extreme)])
    is_kept = pc.is_in(places, chosen.column(f"{PLACE}_{extreme}").combine_chunks())
    if len(chosen) == len(rows):
        return Cleaned(rows)
    kept = pc.indices_nonzero(is_kept).cast(pa.int64())
    dropped = rows.select(names).filter(pc.invert(is_kept)).slice(0, 5).to_pylist()
    why = f"the same {'row' if rule.whole_row else ', '.join(names)} as another row; the {rule.keep} is kept"
    examples = tuple(dict.fromkeys(", ".join(f"{name}={value}" for name, value in row.items()) for row in dropped))
    effect = Effect("", why, dropped=len(rows) - len(kept), examples=examples)
    return Cleaned(rows.take(kept), (effect,), kept=kept)
