"""The only room that knows MLflow: runs, versions, the live alias; beside it the ledger of champions in the lake.

Stays out: whether a model is good enough (``evaluation``).
"""
