"""The rows of a training run, without those that the audit of labels keeps from fitting.

Stays out: reading and splitting them (``training.training_rows``).
"""

import numpy as np

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.registry.label_audit import read_audit
from lakemill.training.training_rows import TrainingRows, keep_counts, load_training_rows


def load_rows(workflow: Workflow, lake: Lake, snapshot: str) -> TrainingRows:
    """Read the rows of a snapshot, and keep beside it how many each part of its split has.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    snapshot : str
        Its id.

    Returns
    -------
    TrainingRows

    Raises
    ------
    TrainingError
        If they cannot be trained on.
    """
    dropped = np.array(read_audit(lake, snapshot).get("dropped", []), dtype=int)
    loaded = load_training_rows(workflow, lake, snapshot, besides=dropped)
    keep_counts(lake, snapshot, loaded.counts, loaded.sampled)
    return loaded
