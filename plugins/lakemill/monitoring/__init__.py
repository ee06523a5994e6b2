"""Watching partitions: profiles, drift, realised performance, and the decision what follows.

Stays out: starting anything. A verdict that asks for a training is only a row until ``orchestration`` acts on it.
"""
