"""Conditions over several columns of a row, in SQL."""

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import Require
from lakemill.lake import find_unmet
from lakemill.preprocessing.cleaning.cells import count, exchange, put_column
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect, Refusal


def require_condition(rule: Require, rows: pa.Table, context: Context) -> Cleaned:
    """Refuse or flag rows that don't meet a condition, or make some of their columns missing."""
    unmet = find_unmet(rule.condition, rows, where=f"clean (require): {rule.condition}")
    found = count(unmet)
    why = f"not {rule.condition}"
    if rule.action == "flag" and rule.flag is not None:
        rows = put_column(rows, rule.flag, unmet)
        return Cleaned(rows, (Effect(rule.flag, why, flagged=found),) if found else ())
    if not found:
        return Cleaned(rows)
    if rule.action == "quarantine":
        return Cleaned(rows, (Effect("", why, refused=found),), (Refusal(unmet, f"{why} (require)"),))
    effects: list[Effect] = []
    for name in rule.columns:
        column = rows.column(name)
        rows, done = exchange(rows, name, pc.if_else(unmet, pa.scalar(None, column.type), column), why)
        effects += done
    return Cleaned(rows, tuple(effects))
