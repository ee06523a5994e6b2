"""Conditions on rows, by which an expectation speaks of some rows only."""

from typing import Any

import pyarrow as pa

from lakemill.validation.one_pass.folds import Condition
from lakemill.validation.one_pass.kinds import LeftToGreatExpectationsError


def read_condition(written: Any, parser: Any, schema: pa.Schema) -> Condition:
    """Read a row condition; without one, None."""
    if written is None and parser is None:
        return None
    raise LeftToGreatExpectationsError
