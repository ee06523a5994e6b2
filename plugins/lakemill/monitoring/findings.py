"""What a finding is: something that may be wrong with a partition or its champion, and what it rests on.

Stays out: looking for them (a module each), and what follows (``decision.py``).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakemill.config.deciding import Decide

DIGITS = 6  # of figures in evidence


@dataclass(frozen=True)
class Finding:
    """One of the separate verdicts on a partition.

    Attributes
    ----------
    name : str
        A key of the section ``decide``.
    holds : bool or None
        None where it cannot be told.
    text : str
        What was found, or why it cannot be told.
    evidence : mapping
        Figures that it rests on; JSON values.
    """

    name: str
    holds: bool | None
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def put_in_evidence(findings: Sequence[Finding], table: Decide) -> list[dict[str, Any]]:
    """Return findings as evidence of a verdict, each with what the table makes of it where it holds.

    Parameters
    ----------
    findings : sequence of Finding
    table : Decide

    Returns
    -------
    list of dict
        ``finding``, ``holds``, ``follows``, ``text``, and the figures as ``evidence``.
    """
    return [
        {
            "finding": one.name,
            "holds": one.holds,
            "follows": table.follow(one.name) if one.holds else "nothing",
            "text": one.text,
            "evidence": dict(one.evidence),
        }
        for one in findings
    ]


def round_figure(value: float) -> float | None:
    """Return a figure as evidence has it: six digits of it, None where it is not known.

    Examples
    --------
    >>> round_figure(0.123456789), round_figure(math.nan)
    (0.123457, None)
    """
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
