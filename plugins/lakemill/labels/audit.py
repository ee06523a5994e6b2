"""The audit of a training's labels: errors, conflicts and agreement brought together into one value.

Stays out: each of them (a module of its own), where it is kept, and what the noise does to a metric.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.labels.agreement import Agreement, weigh_classes, weigh_values
from lakemill.labels.conflicts import Conflicts, find_conflicts
from lakemill.labels.errors import count_confidently, find_wrong_classes, find_wrong_values
from lakemill.labels.judges import predict_classes, predict_values
from lakemill.labels.noise import estimate_noise
from lakemill.lake.row_names import as_texts
from lakemill.preprocessing.features import make_frame, make_target

LEAST_ROWS = 100
MakeModel = Callable[[], Pipeline]


@dataclass(frozen=True)
class Suspect:
    """A label that a person should look at.

    Attributes
    ----------
    row : int
        Position among the rows that were given.
    given, suggested : str
        As text.
    probability : float or None
        Of the suggested class, by the model; None for values.
    suspicion : float
        In [0, 1]; greater is more likely wrong.
    is_flagged : bool
        Whether it is taken for wrong.
    reason : str
        What speaks against the given label.
    """

    row: int
    given: str
    suggested: str
    probability: float | None
    suspicion: float
    is_flagged: bool
    reason: str


@dataclass(frozen=True)
class Audit:
    """What is found of the labels of a dataset.

    Attributes
    ----------
    rows, of : int
        Rows that were audited, and all there are.
    rate, low, high : float
        Share of wrong labels with its interval, in [0, 1].
    counted : float or None
        The rate as confident learning counts it; None for values.
    is_clear : bool
        Whether the rate is an estimate; if not, it is an upper bound at most, and nothing is flagged.
    unclear : tuple of str
        Classes whose noise cannot be told from what the features don't tell.
    classes : tuple of str
        Those audited; empty for values.
    transition, prior : ndarray or None
        Of `lakemill.labels.noise.Noise`; None for values.
    given, mended : ndarray
        For values: the audited labels, and the same with the prediction in place of each flagged one.
    flagged : ndarray of int
        Positions of the rows taken for wrong.
    conflicts : Conflicts
    agreement : Agreement or None
    suspects : list of Suspect
        The most suspicious first.
    """

    rows: int
    of: int
    rate: float
    low: float
    high: float
    counted: float | None
    is_clear: bool
    unclear: tuple[str, ...]
    classes: tuple[str, ...]
    transition: np.ndarray | None
    prior: np.ndarray | None
    given: np.ndarray
    mended: np.ndarray
    flagged: np.ndarray
    conflicts: Conflicts
    agreement: Agreement | None
    suspects: list[Suspect]


def choose_rows(workflow: Workflow, y: np.ndarray) -> np.ndarray:
    """Draw the rows to audit; classes too rare to be in each fold are left out.

    Parameters
    ----------
    workflow : Workflow
    y : ndarray
        All labels.

    Returns
    -------
    ndarray of int64
        Positions, in order. Of rows that were chosen so all are chosen again.
    """
    return _choose(y, workflow.table.label.problem, workflow.labels.folds, workflow.labels.rows, workflow.train.seed)


def audit_labels(workflow: Workflow, rows: pa.Table, make_model: MakeModel, *, of: int | None = None) -> Audit | str:
    """Audit labels.

    Parameters
    ----------
    workflow : Workflow
    rows : pyarrow.Table
        With a label each.
    make_model : callable
        ``make_model() -> Pipeline``, not fitted: what the labels are judged by.
    of : int, optional
        Rows that these were drawn from by `choose_rows`; as many as are given if left out.

    Returns
    -------
    Audit or str
        Or why that cannot be done: too few rows, or hardly more than one class.
    """
    label = workflow.table.label
    at = choose_rows(workflow, make_target(rows, label))
    if len(at) < LEAST_ROWS:
        return f"{len(at)} rows with a label that others have too, {LEAST_ROWS} are needed"
    chosen = rows.take(pa.array(at))
    y = make_target(chosen, label)
    if len(set(y)) < 2:
        return f"all {len(at)} rows have the label {y[0]}"
    X = make_frame(chosen, workflow.features)
    audit = _audit_values if label.problem == "regression" else _audit_classes
    return audit(workflow, chosen, X, y, at, make_model, rows.num_rows if of is None else of)


def _choose(y: np.ndarray, problem: str, folds: int, most: int, seed: int) -> np.ndarray:
    """Draw rows to audit; classes too rare to be in each fold are left out."""
    at = np.arange(len(y))
    if len(at) > most:
        at = np.sort(np.random.default_rng(seed).choice(at, size=most, replace=False))
    if problem == "classification" and len(at):
        _, codes, counts = np.unique(y[at], return_inverse=True, return_counts=True)
        at = at[counts[codes] >= folds]
    return at


def _audit_classes(
    workflow: Workflow, rows: pa.Table, X: pd.DataFrame, y: np.ndarray, at: np.ndarray, make_model: MakeModel, of: int
) -> Audit:
    seed = workflow.train.seed
    classes, codes = np.unique(y.astype(str), return_inverse=True)
    probabilities = predict_classes(make_model, X, codes, count=len(classes), folds=workflow.labels.folds, seed=seed)
    noise = estimate_noise(codes, probabilities, seed=seed)
    found = find_wrong_classes(codes, probabilities, noise)
    conflicts = find_conflicts(X, codes)
    agreement = None
    if workflow.labels.annotators:
        names = {name: code for code, name in enumerate(classes)}
        agreement = weigh_classes(
            _read_annotators(workflow, rows).apply(lambda column: column.map(names).astype("float64")), probabilities
        )
    believed = probabilities.argmax(axis=1)
    # where the model agrees with the label, what else speaks against it suggests the next best
    other = np.where(np.eye(len(classes), dtype=bool)[codes], -1.0, probabilities).argmax(axis=1)
    votes = agreement.consensus if agreement else np.full(len(codes), -1)
    texts = as_texts(rows.column(workflow.table.label.column)).to_pylist()
    suspects = []
    for row in _rank(found.is_flagged, found.suspicion, conflicts.group >= 0, (votes >= 0) & (votes != codes)):
        reasons, suggested = [], other[row]
        if votes[row] >= 0 and votes[row] != codes[row]:
            suggested = votes[row]
            reasons.append(f"annotators together say {classes[suggested]}")
        if believed[row] != codes[row]:
            reasons.append(f"the model says {classes[believed[row]]} ({probabilities[row, believed[row]]:.0%})")
        if conflicts.group[row] >= 0:
            reasons.append(_tell_conflict(conflicts.group, y, row))
        if not reasons:
            reasons.append(f"the model gives the label {probabilities[row, codes[row]]:.0%}")
        suspects.append(
            Suspect(
                row=int(at[row]),
                given=texts[row],
                suggested=str(classes[suggested]),
                probability=float(probabilities[row, suggested]),
                suspicion=float(found.suspicion[row]),
                is_flagged=bool(noise.is_clear and found.is_flagged[row]),
                reason="; ".join(reasons),
            )
        )
    return Audit(
        rows=len(at),
        of=of,
        rate=noise.rate,
        low=noise.low,
        high=noise.high,
        counted=count_confidently(codes, probabilities),
        is_clear=noise.is_clear,
        unclear=tuple(str(classes[k]) for k in noise.unclear),
        classes=tuple(map(str, classes)),
        transition=noise.transition,
        prior=noise.prior,
        given=y,
        mended=y,
        flagged=at[found.is_flagged] if noise.is_clear else at[:0],
        conflicts=conflicts,
        agreement=agreement,
        suspects=suspects,
    )


def _audit_values(
    workflow: Workflow, rows: pa.Table, X: pd.DataFrame, y: np.ndarray, at: np.ndarray, make_model: MakeModel, of: int
) -> Audit:
    predicted = predict_values(make_model, X, y, folds=workflow.labels.folds, seed=workflow.train.seed)
    found = find_wrong_values(y, predicted)
    wrong = found.suspects
    conflicts = find_conflicts(X, y)
    agreement = weigh_values(_read_annotators(workflow, rows)) if workflow.labels.annotators else None
    suspects = []
    texts = as_texts(rows.column(workflow.table.label.column)).to_pylist()
    nothing = np.zeros(len(y), dtype=bool)
    # values of rows that are alike differ by nature: conflicts are counted, and nobody is asked about them
    for row in _rank(wrong.is_flagged, wrong.suspicion, nothing, nothing):
        suspects.append(
            Suspect(
                row=int(at[row]),
                given=texts[row],
                suggested=f"{predicted[row]:.6g}",
                probability=None,
                suspicion=float(wrong.suspicion[row]),
                is_flagged=bool(wrong.is_flagged[row]),
                reason=f"the model says {predicted[row]:.6g}",
            )
        )
    return Audit(
        rows=len(at),
        of=of,
        rate=found.rate,
        low=found.low,
        high=found.high,
        counted=None,
        is_clear=True,
        unclear=(),
        classes=(),
        transition=None,
        prior=None,
        given=y,
        mended=np.where(wrong.is_flagged, predicted, y),
        flagged=at[wrong.is_flagged],
        conflicts=conflicts,
        agreement=agreement,
        suspects=suspects,
    )


def _rank(flagged: np.ndarray, suspicion: np.ndarray, in_conflict: np.ndarray, outvoted: np.ndarray) -> list[int]:
    """Return the rows that anything speaks against: outvoted ones, then flagged ones, then those in conflict."""
    chosen = np.flatnonzero(flagged | in_conflict | outvoted)
    order = np.lexsort((chosen, -suspicion[chosen], ~flagged[chosen], ~outvoted[chosen]))
    return chosen[order].tolist()


def _tell_conflict(group: np.ndarray, y: np.ndarray, row: int) -> str:
    others = np.flatnonzero((group == group[row]) & (np.arange(len(y)) != row))
    labels = sorted({str(y[other]) for other in others})
    return f"{len(others)} row(s) with the same features are labelled {', '.join(labels[:3])}"


def _read_annotators(workflow: Workflow, rows: pa.Table) -> pd.DataFrame:
    """Return what each annotator said; a column that came into the file after the rows were published is empty."""
    kind = pa.float64() if workflow.table.label.problem == "regression" else pa.string()
    columns = {
        name: rows.column(name).cast(kind) if name in rows.column_names else pa.nulls(rows.num_rows, kind)
        for name in workflow.labels.annotators
    }
    return pa.table(columns).to_pandas()
