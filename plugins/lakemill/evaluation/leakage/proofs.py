"""All proofs, in the order in which they are told.

To add one: a function in a module of this folder that takes a `Case` and returns a `Proof`, and a line in ``PROOFS``.
"""

from collections.abc import Callable

from lakemill.evaluation.leakage.case import Case, Proof
from lakemill.evaluation.leakage.chance import check_permuted_labels
from lakemill.evaluation.leakage.columns import check_availability, check_single_features
from lakemill.evaluation.leakage.fitting import check_transformers
from lakemill.evaluation.leakage.sides import check_duplicates, check_groups, check_keys

PROOFS: tuple[Callable[[Case], Proof], ...] = (
    check_transformers,
    check_keys,
    check_groups,
    check_duplicates,
    check_availability,
    check_single_features,
    check_permuted_labels,
)


def prove(case: Case) -> list[Proof]:
    """Look at one training run by all proofs; the same run gives the same findings.

    Parameters
    ----------
    case : Case

    Returns
    -------
    list of Proof
        None where ``gate.leakage.action`` is ``skip``.
    """
    if case.workflow.gate.leakage.action == "skip":
        return []
    return [proof(case) for proof in PROOFS]
