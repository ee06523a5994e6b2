"""Scores: of partitions by the model in charge and its challengers, and of rows in a file.

Stays out: how good the scores were (``monitoring``), and who is in charge (``registry``).
"""

from lakemill.scoring.step import SHADOW, TABLE, find_outdated, score_partition

__all__ = ["SHADOW", "TABLE", "find_outdated", "score_partition"]
