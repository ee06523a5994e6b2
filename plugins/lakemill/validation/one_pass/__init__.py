"""Expectations evaluated together, in one pass over record batches, with the results that Great Expectations gives.

What is not exactly the same by this way is left to Great Expectations itself. Stays out: importing Great Expectations,
and what follows from a failed expectation.
"""
