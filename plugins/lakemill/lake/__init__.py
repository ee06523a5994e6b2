"""The only room that knows storage: Delta tables by partition, staged files, documents, SQL over tables.

Stays out: workflows, models, and what a row means.
"""

from lakemill.lake.folder import Pieces
from lakemill.lake.queries import check_syntax, find_columns_read, find_unmet, phrase_condition, run_query
from lakemill.lake.storage import PARTITION, Lake

__all__ = [
    "PARTITION",
    "Lake",
    "Pieces",
    "check_syntax",
    "find_columns_read",
    "find_unmet",
    "phrase_condition",
    "run_query",
]
