"""Pictures, sound and films from bytes to values: in a process of its own, whose end is a reason and no failure.

Decoders are large C libraries that are given whatever was delivered: they may print, hang, or end their process. Stays
out: where files come from, and features (``extraction``).
"""
