"""The gate: small rules over the evidence of one evaluation; each says whether it is met, and with which figures.

One module a family: ``quality`` (how good on all test rows), ``parts`` (in slices, by probability, by cost), ``speed``,
``soundness`` (leakage, label noise, skew, behaviour). Stays out: gathering evidence (``registry.evaluating``).
"""

from lakemill.evaluation.gate.evidence import Evidence, Finding, LabelNoise
from lakemill.evaluation.gate.rules import RULES, judge

__all__ = ["RULES", "Evidence", "Finding", "LabelNoise", "judge"]
