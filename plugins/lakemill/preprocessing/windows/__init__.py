"""Features over time windows: one computation for training, scoring and monitoring, over rows of any partitions.

``series`` and ``frames`` compute; ``reading`` finds the rows to look back on in the lake. Stays out: what is declared
(``config.windows``).
"""

from lakemill.preprocessing.windows.reading import iterate_clean, look_back, read_clean
from lakemill.preprocessing.windows.series import add_windows

__all__ = ["add_windows", "iterate_clean", "look_back", "read_clean"]
