"""How good a model is, on rows that nothing has seen, and whether that is enough.

Stays out: fitting, and keeping models.
"""
