"""Leakage proofs: what a training run must show besides a good score, each a named check with a verdict.

One module a family: ``fitting`` (what the transformers saw), ``sides`` (rows on both sides), ``columns`` (features
that know too much), ``chance`` (what is learnt where there is nothing to learn).

Stays out: what follows (``evaluation.gate``).
"""

from lakemill.evaluation.leakage.case import Case, Proof
from lakemill.evaluation.leakage.proofs import prove

__all__ = ["Case", "Proof", "prove"]
