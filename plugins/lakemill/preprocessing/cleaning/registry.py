"""The rules by their name in a workflow file. To add one: CONTRIBUTING.md, "A cleaning rule"."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from lakemill.preprocessing.cleaning.booleans import read_booleans
from lakemill.preprocessing.cleaning.categories import match_categories
from lakemill.preprocessing.cleaning.conditions import require_condition
from lakemill.preprocessing.cleaning.contract import Cleaned, Context
from lakemill.preprocessing.cleaning.dates import read_dates
from lakemill.preprocessing.cleaning.duplicates import drop_duplicates
from lakemill.preprocessing.cleaning.gaps import fill_gaps
from lakemill.preprocessing.cleaning.near_duplicates import drop_near_duplicates
from lakemill.preprocessing.cleaning.numbers import read_numbers
from lakemill.preprocessing.cleaning.outliers import judge_outliers
from lakemill.preprocessing.cleaning.ranges import limit_range
from lakemill.preprocessing.cleaning.references import look_up
from lakemill.preprocessing.cleaning.replacing import remove_sentinels, replace_values
from lakemill.preprocessing.cleaning.texts import normalise_texts, strip_texts
from lakemill.preprocessing.cleaning.units import convert_units

RULES: dict[str, Callable[[Any, pa.Table, Context], Cleaned]] = {
    "replace": replace_values,
    "sentinels": remove_sentinels,
    "strip": strip_texts,
    "text": normalise_texts,
    "numbers": read_numbers,
    "units": convert_units,
    "booleans": read_booleans,
    "dates": read_dates,
    "categories": match_categories,
    "range": limit_range,
    "require": require_condition,
    "reference": look_up,
    "outliers": judge_outliers,
    "duplicates": drop_duplicates,
    "near_duplicates": drop_near_duplicates,
    "gaps": fill_gaps,
}
# these look at rows together: one that is refused must neither take another's place nor teach anything
OF_ROWS_TOGETHER = frozenset({"outliers", "duplicates", "near_duplicates", "gaps"})
