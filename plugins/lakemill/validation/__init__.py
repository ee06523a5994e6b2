"""The only room that knows Great Expectations: suites run by our own step, refused rows kept with their reasons.

Stays out: mending rows (``preprocessing``).
"""

from lakemill.validation.step import validate_partition

__all__ = ["validate_partition"]
