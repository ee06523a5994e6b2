"""The last value: a naive model of a series of numbers, beside `predict_naively`.

Stays out: what is asked of a candidate beyond it.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.config import Workflow


def has_last_value(workflow: Workflow) -> bool:
    """Tell whether rows are of series of numbers, so that each has a last value that was known before it.

    They are where labels are numbers, rows are split by time, and the event time is part of their key: what is left of
    the key names the series. Labels of a source of their own are known at moments of their own, and have none.
    """
    table = workflow.table
    is_number = table.label.problem == "regression" and table.label.source is None
    return is_number and workflow.dataset.split == "time" and table.event_time in table.key


def predict_last(workflow: Workflow, index: pa.Table, test: np.ndarray, *, otherwise: float) -> np.ndarray:
    """Predict for each test row the last label of its series that was known at its event time.

    Parameters
    ----------
    workflow : Workflow
    index : pyarrow.Table
        All rows with a known label: key, event time, label.
    test : ndarray of int64
        Positions of the test rows.
    otherwise : float
        For rows without one.

    Returns
    -------
    ndarray of shape (n_test,)
    """
    table = workflow.table
    series = [name for name in table.key if name != table.event_time]
    frame = index.select([table.event_time, *series, table.label.column]).to_pandas()
    frame["\0row"] = np.arange(len(frame))
    frame = frame.rename(columns={table.label.column: "\0label", table.event_time: "\0at"})
    frame["\0at"] = pd.to_datetime(frame["\0at"], utc=True)
    asked = frame.iloc[test].drop(columns="\0label")
    asked["\0at"] = asked["\0at"] - table.label.known_after
    found = pd.merge_asof(
        asked.sort_values("\0at", kind="stable"),
        frame.drop(columns="\0row").sort_values("\0at", kind="stable"),
        on="\0at",
        by=series or None,
        allow_exact_matches=False,  # what becomes known at the very moment comes after it
    ).set_index("\0row")["\0label"]
    return found.reindex(test).fillna(otherwise).to_numpy(dtype="float64")
