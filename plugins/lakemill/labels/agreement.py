"""Several people's labels of the same rows: how far they agree, what they say together, and how good each of them is.

Stays out: labels of one source, however doubtful.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from cleanlab.multiannotator import get_label_quality_multiannotator


@dataclass(frozen=True)
class Agreement:
    """How annotators agree.

    Attributes
    ----------
    alpha : float
        Krippendorff's; 1 is full agreement, 0 what chance would give; NaN where no row has two labels.
    quality : dict of str to float
        By annotator: for classes the estimated share of right labels; for values the correlation with the others' mean.
    labelled : dict of str to int
        Rows by annotator.
    consensus : ndarray of shape (n,)
        Code of the class, or the median value; -1, or NaN, where nobody gave a label.
    certainty : ndarray of shape (n,)
        Of the consensus, in [0, 1]; for values NaN.
    """

    alpha: float
    quality: dict[str, float]
    labelled: dict[str, int]
    consensus: np.ndarray
    certainty: np.ndarray


def weigh_classes(given: pd.DataFrame, probabilities: np.ndarray) -> Agreement:
    """Weigh annotators' classes against each other and against the model's.

    Parameters
    ----------
    given : DataFrame of shape (n, n_annotators)
        Codes of classes as float; NaN where somebody gave none.
    probabilities : ndarray of shape (n, n_classes)
        Out of fold.

    Returns
    -------
    Agreement

    Notes
    -----
    Consensus and quality by CROWDLAB (Goh, Tkachenko and Mueller, 2022), as cleanlab has it.
    """
    consensus, certainty = np.full(len(given), -1), np.zeros(len(given))
    used = np.flatnonzero(given.notna().to_numpy().any(axis=1))
    named = given.iloc[used].dropna(axis=1, how="all").reset_index(drop=True)
    quality = dict.fromkeys(map(str, given.columns), float("nan"))
    if len(named):
        found = get_label_quality_multiannotator(named, probabilities[used], verbose=False)
        consensus[used] = found["label_quality"]["consensus_label"].to_numpy()
        certainty[used] = found["label_quality"]["consensus_quality_score"].to_numpy()
        quality |= {str(name): float(value) for name, value in found["annotator_stats"]["annotator_quality"].items()}
    alpha = krippendorff(given.to_numpy(), is_nominal=True)
    return Agreement(alpha, quality, _count(given), consensus, certainty)


def weigh_values(given: pd.DataFrame) -> Agreement:
    """Weigh annotators' values against each other.

    Parameters
    ----------
    given : DataFrame of shape (n, n_annotators)
        NaN where somebody gave none.

    Returns
    -------
    Agreement
    """
    quality = {}
    for name in given.columns:
        others = given.drop(columns=[name]).mean(axis=1)
        both = given[name].notna() & others.notna()
        varies = both.sum() > 2 and given.loc[both, name].nunique() > 1 and others[both].nunique() > 1
        quality[str(name)] = float(np.corrcoef(given.loc[both, name], others[both])[0, 1]) if varies else float("nan")
    alpha = krippendorff(given.to_numpy(), is_nominal=False)
    return Agreement(alpha, quality, _count(given), given.median(axis=1).to_numpy(), np.full(len(given), np.nan))


def krippendorff(given: np.ndarray, *, is_nominal: bool) -> float:
    """Return Krippendorff's alpha, for any number of annotators and any labels missing.

    Parameters
    ----------
    given : ndarray of shape (n, n_annotators)
        Codes of classes, or values; NaN where missing.
    is_nominal : bool
        Whether labels are equal or not; else their squared difference counts.

    Returns
    -------
    float
        At most 1; NaN where no row has two labels, 1 where all labels are the same.

    Notes
    -----
    alpha = 1 - D_o / D_e, the observed over the expected disagreement of pairs of labels (Krippendorff, Content
    Analysis, 2004, chapter 11), here by moments: a row's pairs differ as its labels vary.

    Examples
    --------
    >>> krippendorff(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [np.nan, 1.0]]), is_nominal=True).__round__(3)
    0.444
    """
    rows = given[(~np.isnan(given)).sum(axis=1) >= 2]
    if len(rows) == 0:
        return float("nan")
    if is_nominal:  # squared differences of indicators count each unequal pair twice, in both terms
        codes = np.unique(rows[~np.isnan(rows)])
        layers = [np.where(np.isnan(rows), np.nan, rows == code) for code in codes]
    else:
        layers = [rows]
    counts = (~np.isnan(rows)).sum(axis=1)
    observed = sum(float((np.nanvar(layer, axis=1) * counts**2 / (counts - 1)).sum()) for layer in layers)
    total = counts.sum()
    expected = sum(float(np.nanvar(layer)) * total**2 / (total - 1) for layer in layers)
    return float(1 - observed / expected) if expected > 0 else 1.0


def _count(given: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(given[name].notna().sum()) for name in given.columns}
