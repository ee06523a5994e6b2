"""What a training run fits and judges on: all rows of its snapshot where they fit into memory, else a sample of them.

Stays out: drawing the sample (``sampling.py``), learning piece by piece (``streaming.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.exceptions import TrainingError, suggest
from lakemill.lake import Lake
from lakemill.lake.storage import PARTITION
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.preprocessing.splitting import Split, split_rows
from lakemill.training.found_features import settle_features
from lakemill.training.sampling import (
    MOST_VALIDATED,
    Sample,
    count_affordable,
    draw_evenly,
    draw_sample,
    measure_row,
    rebase,
)
from lakemill.training.snapshot_rows import SnapshotRows
from lakemill.training.snapshots import open_snapshot

LEAST_ROWS = 30  # fewer make no training, validation and test sets
MEASURED_ROWS = 10_000  # the first ones, by which memory is reckoned


@dataclass(frozen=True)
class Whole:
    """All rows of a snapshot that does not fit into memory: its few columns, and the others piece by piece.

    Attributes
    ----------
    rows : SnapshotRows
    y : ndarray of shape (n_rows,)
    split : Split
    sample : Sample
    """

    rows: SnapshotRows
    y: np.ndarray
    split: Split
    sample: Sample


@dataclass(frozen=True)
class TrainingRows:
    """The rows of a training run that are in memory.

    Attributes
    ----------
    workflow : Workflow
        With the snapshot's features.
    rows : pyarrow.Table
        By event time and key, of all columns that are of use.
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    split : Split
        Its positions count these rows.
    classes : tuple of str
        All there are in the snapshot, in order; empty for numbers.
    sampled : dict or None
        How the rows were drawn, as JSON values; None where all are here.
    whole : Whole or None
        All rows, where these are a sample of them.
    """

    workflow: Workflow
    rows: pa.Table
    X: pd.DataFrame
    y: np.ndarray
    split: Split
    classes: tuple[str, ...]
    sampled: dict[str, Any] | None = None
    whole: Whole | None = None

    def alone(self) -> "TrainingRows":
        """Return the same without what is known of all rows, which takes memory that fitting needs."""
        return replace(self, whole=None)

    @property
    def tuning_split(self) -> Split:
        """The split, of a sample with no more validation rows than a trial needs to be scored."""
        if self.sampled is None:
            return self.split
        seed = self.workflow.train.seed
        return replace(
            self.split,
            validation=draw_evenly(self.split.validation, MOST_VALIDATED, seed),
            folds=tuple((train, draw_evenly(held, MOST_VALIDATED, seed)) for train, held in self.split.folds),
        )

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each part of the split, those that were not drawn included."""
        split = self.split if self.whole is None else self.whole.split
        return {name: len(part) for name, part in split.parts.items()}

    @property
    def y_test(self) -> np.ndarray:
        """Labels of the test rows that are scored."""
        return self.y[self.split.test] if self.whole is None else self.whole.y[self.whole.sample.scored]

    @property
    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the test rows that are in memory, and their places among `y_test`."""
        if self.whole is None:
            return self.split.test, np.arange(len(self.split.test))
        scored, held = self.whole.sample.scored, self.whole.sample.positions[self.split.test]
        at = np.searchsorted(scored, held).clip(0, len(scored) - 1)
        is_scored = scored[at] == held
        return self.split.test[is_scored], at[is_scored]

    def test_frames(
        self, features: Features | None = None, rows: SnapshotRows | None = None
    ) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
        """Yield the features of the test rows that are scored, piece by piece, with their places among `y_test`.

        Parameters
        ----------
        features : Features, optional
            Of the model that is asked; this run's if left out.
        rows : SnapshotRows, optional
            The snapshot's, with columns that this run does not read.

        Yields
        ------
        ndarray of int64, DataFrame
        """
        features = self.workflow.features if features is None else features
        if self.whole is None and rows is None:
            yield np.arange(len(self.split.test)), make_frame(self.rows.take(self.split.test), features)
            return
        scored = self.split.test if self.whole is None else self.whole.sample.scored
        source = rows if rows is not None or self.whole is None else self.whole.rows
        assert source is not None  # noqa: S101  # one of the two is given
        for positions, piece in source.stream(scored, list(features.columns)):
            yield np.searchsorted(scored, positions), make_frame(piece, features)

    def fit_frames(self, epoch: int) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        """Yield all training and validation rows piece by piece, partitions and rows in an order of this epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Yields
        ------
        DataFrame, ndarray
            Features and labels.
        """
        assert self.whole is not None  # noqa: S101  # where all rows are in memory, nothing is streamed
        features, whole = self.workflow.features, self.whole
        generator = np.random.default_rng([self.workflow.train.seed, epoch])
        order = generator.permutation(np.asarray(whole.rows.partitions, dtype=object)).tolist()
        for positions, rows in whole.rows.stream(whole.split.fit, list(features.columns), partitions=order):
            shuffled = generator.permutation(len(positions))
            yield make_frame(rows, features).iloc[shuffled], whole.y[positions][shuffled]


def load_training_rows(
    workflow: Workflow,
    lake: Lake,
    snapshot: str,
    *,
    besides: np.ndarray | None = None,
) -> TrainingRows:
    """Read the rows of a snapshot, or a sample of them, and split them; the same id gives the same rows.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    snapshot : str
        Its id.
    besides : ndarray of int64, optional
        Positions that are kept from fitting.

    Returns
    -------
    TrainingRows

    Raises
    ------
    TrainingError
        If there is no such snapshot, it has too few rows, cannot be split, or has no column of use.
    """
    chosen = choose_rows(workflow, lake, snapshot, besides=besides)
    rows, split, sample = chosen.rows, chosen.split, chosen.sample
    classes = tuple(sorted({str(one) for one in pd.unique(chosen.y)})) if _is_classification(workflow) else ()
    at, small = (None, split) if sample is None else (sample.positions, rebase(split, sample.positions))
    taken = rows.take(at, chosen.columns)
    workflow = settle_features(workflow, lake, snapshot, taken.take(small.train))
    workflow = workflow.suit(len(workflow.features.columns), len(classes))
    X, y = make_frame(taken, workflow.features), chosen.y if at is None else chosen.y[at]
    whole = None if sample is None else Whole(rows, chosen.y, split, sample)
    return TrainingRows(workflow, taken, X, y, small, classes, chosen.sampled, whole)


@dataclass(frozen=True)
class Choice:
    """How the rows of a snapshot are split, and which of them are sampled, before more than a few columns are read.

    Attributes
    ----------
    rows : SnapshotRows
    y : ndarray of shape (n_rows,)
    split : Split
    columns : list of str
        That a training uses.
    sample : Sample or None
        None where all rows fit into memory.
    sampled : dict or None
        How it was drawn, as JSON values.
    """

    rows: SnapshotRows
    y: np.ndarray
    split: Split
    columns: list[str]
    sample: Sample | None = None
    sampled: dict[str, Any] | None = None


def choose_rows(
    workflow: Workflow,
    lake: Lake,
    snapshot: str,
    *,
    besides: np.ndarray | None = None,
) -> Choice:
    """Split the rows of a snapshot, and draw a sample where they do not fit into memory.

    Parameters, errors: as of `load_training_rows`.

    Returns
    -------
    Choice
    """
    rows = open_snapshot(workflow, lake, snapshot)
    if len(rows) < LEAST_ROWS:
        raise TrainingError(
            f"only {len(rows)} rows with a known label, {LEAST_ROWS} are needed",
            where=f"{workflow.workflow}, snapshot {snapshot}",
            remedy="raise retrain.first_after, or check label.known_after and the label column",
        )
    y = make_target(rows.index, workflow.table.label)
    split = split_rows(workflow, rows.index, y, besides=besides, known=rows.schema.names)
    names = _name_columns(workflow, rows)
    row_bytes = measure_row(rows.take(np.arange(min(MEASURED_ROWS, len(rows))), names))
    most = count_affordable(row_bytes, workflow.train.memory)
    if len(rows) <= most:
        return Choice(rows, y, split, names)
    sample = draw_sample(
        split,
        y,
        most=most,
        memory=workflow.train.memory,
        is_classification=_is_classification(workflow),
        seed=workflow.train.seed,
    )
    return Choice(rows, y, split, names, sample, _tell(split, sample, row_bytes, workflow.train.memory))


def keep_counts(lake: Lake, snapshot: str, counts: dict[str, int], sampled: dict[str, Any] | None) -> None:
    """Keep beside a snapshot how many rows each part of its split has, and how many were drawn of them."""
    name, told = f"datasets/{snapshot}", {**counts, "sampled": sampled}
    if lake.read_document(name) != told:
        lake.write_document(name, told)


def read_counts(lake: Lake, snapshot: str) -> dict[str, Any] | None:
    """Return what was kept of a snapshot's rows: ``train``, ``validation``, ``test``, ``sampled``; None if nothing."""
    return lake.read_document(f"datasets/{snapshot}")


def _name_columns(workflow: Workflow, rows: SnapshotRows) -> list[str]:
    """Return the columns that a training uses; all there are where features are still to be found."""
    for name in workflow.gate.slices.columns:
        if name not in rows.schema.names:
            raise TrainingError(
                f"gate.slices: no column {name!r} in the table",
                where=f"include/workflows/{workflow.workflow}.yaml",
                remedy=suggest(name, [one for one in rows.schema.names if one != PARTITION]),
            )
    if workflow.features.are_open:
        return [name for name in rows.schema.names if name != PARTITION]
    return list(dict.fromkeys((*rows.index.column_names, *workflow.features.columns, *workflow.gate.slices.columns)))


def _is_classification(workflow: Workflow) -> bool:
    return workflow.table.label.problem == "classification"


def _tell(split: Split, sample: Sample, row_bytes: int, memory: int) -> dict[str, Any]:
    """Return how many rows were drawn of how many, and how."""
    drawn, of = len(sample.fit), len(split.fit)
    from_training = int(np.isin(split.train, sample.fit).sum())
    scored = "all" if len(sample.scored) == len(split.test) else f"{len(sample.scored):,} of"
    text = (
        f"{drawn:,} of {of:,} training and validation rows, as train.memory allows: by class, with 4 times as many of "
        f"the newest eighth as of the oldest; scored on {scored} {len(split.test):,} test rows"
    )
    return {
        "train": from_training,
        "validation": drawn - from_training,
        "test": len(sample.scored),
        "of": {name: len(part) for name, part in split.parts.items()},
        "row_bytes": row_bytes,
        "memory": memory,
        "text": text,
    }
