"""From clean rows to what an estimator takes: frames, and one scikit-learn transformer fitted on training rows only.

A module a kind of column. Stays out: estimators, and columns derived from others (the table's SQL).
"""

from lakemill.preprocessing.features.assembly import count_coded, make_transformer
from lakemill.preprocessing.features.frames import MISSING, make_frame, make_target

__all__ = ["MISSING", "count_coded", "make_frame", "make_target", "make_transformer"]
