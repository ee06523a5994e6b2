"""Training, validation and test rows, and the folds that tuning may use instead of the validation rows.

One module a family of splits: ``by_time``, ``by_chance`` (random, stratified, group), ``by_value`` (hash, predefined).
Stays out: which rows may be used at all (``training.snapshots``).
"""

from lakemill.preprocessing.splitting.by_time import split_by_time
from lakemill.preprocessing.splitting.parts import Split
from lakemill.preprocessing.splitting.rows import split_rows

__all__ = ["Split", "split_by_time", "split_rows"]
