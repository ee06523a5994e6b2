"""From a pinned dataset to a tuned, fitted pipeline.

Stays out: whether it is good enough (``evaluation``), where it is kept (``registry``).
"""
