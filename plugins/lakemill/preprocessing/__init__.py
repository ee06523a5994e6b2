"""From accepted rows to what a model takes: cleaning, splits, feature transformers.

Stays out: refusing rows (``validation``), estimators (``training``).
"""

from lakemill.preprocessing.step import clean_partition, publish_partition

__all__ = ["clean_partition", "publish_partition"]
