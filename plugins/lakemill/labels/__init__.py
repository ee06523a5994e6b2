"""Ground truth under suspicion: label errors, conflicts, annotators' agreement, the noise rate and what it costs.

Pure: frames and arrays in, frozen values out. Stays out: which rows (``training.snapshots``), where findings are kept
(``lake.label_reviews``), people's answers (``lake.label_corrections``), and what a metric is (``evaluation``).
"""
