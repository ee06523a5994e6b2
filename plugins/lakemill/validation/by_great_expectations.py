"""Expectations run by Great Expectations itself, on pandas: the way of all that the one pass does not evaluate.

The only module that imports Great Expectations. Stays out: reading suites, and what follows from a failed expectation.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lakemill.exceptions import ConfigError
from lakemill.validation.one_pass.folds import SHOWN
from lakemill.validation.one_pass.running import Found
from lakemill.validation.one_pass.sources import Source, read_table

NARROW = ("expect_column_values", "expect_column_value_", "expect_column_pair", "expect_multicolumn", "expect_compound")
COLUMN_KEYS = ("column", "column_A", "column_B", "column_list")


def list_expectations() -> list[str]:
    """Return the names of all expectations that there are."""
    import_quietly()
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    return list(list_registered_expectation_implementations())


def run_by_great_expectations(source: Source, expectations: Sequence[Mapping[str, Any]], *, where: str) -> list[Found]:
    """Run expectations on a frame of the columns that they speak of.

    Parameters
    ----------
    source : Source
    expectations : sequence of dict
    where : str
        For errors.

    Returns
    -------
    list of Found

    Raises
    ------
    ConfigError
        If Great Expectations refuses an expectation's arguments.
    """
    found = []
    for one, answer in zip(expectations, ask_great_expectations(source, expectations), strict=True):
        if not isinstance(answer, Found):
            raise ConfigError(f"{one['type']}: {answer}", where=where, remedy="mend its kwargs")
        found.append(answer)
    return found


def ask_great_expectations(source: Source, expectations: Sequence[Mapping[str, Any]]) -> Iterator[Found | str]:
    """Ask Great Expectations for each expectation; a text says why it refuses one."""
    gx = import_quietly()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("lakemill").add_dataframe_asset("rows")
    definition = asset.add_batch_definition_whole_dataframe("all")
    read: list[str] | None = None
    for one in expectations:
        columns = _columns_of(one, source)
        if columns != read:
            frame = read_table(source, columns).to_pandas(ignore_metadata=True)
            read, batch = columns, definition.get_batch({"dataframe": frame})
        yield _ask(batch, one)


def import_quietly() -> Any:
    """Import Great Expectations, with its expectations, without its messages."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # hundreds of INFO lines at import
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Great Expectations' own, at import
        import great_expectations as gx
        import great_expectations.expectations.core  # registers the expectations
    return gx


def _columns_of(one: Mapping[str, Any], source: Source) -> list[str]:
    """Return the columns that an expectation names; all, where it may speak of others."""
    kwargs, named = one["kwargs"], list[str]()
    for key in COLUMN_KEYS:
        written = kwargs.get(key, [])
        named += [written] if isinstance(written, str) else written
    if (
        not one["type"].startswith(NARROW)
        or not named
        or kwargs.get("row_condition")
        or not set(named) <= set(source.schema.names)
    ):
        return list(source.schema.names)
    return list(dict.fromkeys(named))


def _ask(batch: Any, one: Mapping[str, Any]) -> Found | str:
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what pandas warns, and of row conditions as texts, which suites hold
            expectation = get_expectation_impl(one["type"])(**one["kwargs"])
            result = batch.validate(expectation, result_format={"result_format": "COMPLETE"})
    except (ValueError, TypeError) as error:
        return " ".join(str(error).split())
    if result.exception_info and (raised := _raised(result.exception_info)):
        return raised
    rows = np.array(result.result.get("unexpected_index_list") or (), np.int64)
    return Found(bool(result.success), _bounded(result.to_json_dict()["result"], len(rows)), rows)


def _bounded(result: dict[str, Any], failing: int) -> dict[str, Any]:
    """Leave out of a result all but the first of many failing rows."""
    if failing <= SHOWN:
        return result
    kept = {name: value for name, value in result.items() if name != "unexpected_index_query"}
    return {**kept, "unexpected_index_list": result["unexpected_index_list"][:SHOWN]}


def _raised(info: Mapping[str, Any]) -> str:
    parts = [info] if "raised_exception" in info else [part for part in info.values() if isinstance(part, dict)]
    return "; ".join(str(part.get("exception_message")) for part in parts if part.get("raised_exception"))
