"""Sources into ``raw_`` tables as delivered, and from these the one table of a workflow.

One small file a kind of source. Stays out: judging rows (``validation``) and mending them (``preprocessing``).
"""

from lakemill.collection.column_kinds import find_kinds, needs_first_partition, read_kinds
from lakemill.collection.delivery import Connections, Credentials
from lakemill.collection.late_labels import TakenLabels, find_label_faults, name_label_columns, take_labels
from lakemill.collection.step import collect_source
from lakemill.collection.table import BuiltTable, build_table, is_read_later, name_texts, type_pieces, type_source

__all__ = [
    "BuiltTable",
    "Connections",
    "Credentials",
    "TakenLabels",
    "build_table",
    "collect_source",
    "find_kinds",
    "find_label_faults",
    "is_read_later",
    "name_label_columns",
    "name_texts",
    "needs_first_partition",
    "read_kinds",
    "take_labels",
    "type_pieces",
    "type_source",
]
