"""Cleaning rules: each takes rows, returns them mended, and says what it did and why.

No rule learns from what comes later: so the past is cleaned as it would have been. Stays out: refusing by expectations
(``validation``), and keeping what came of it (``preprocessing.step``).
"""

from lakemill.preprocessing.cleaning.applying import Applied, CleanRows, clean_rows
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect, Refusal
from lakemill.preprocessing.cleaning.registry import RULES

__all__ = ["RULES", "Applied", "CleanRows", "Cleaned", "Context", "Effect", "Refusal", "clean_rows"]
