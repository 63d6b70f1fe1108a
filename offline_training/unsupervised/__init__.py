"""Models that learn without labels: what can be said of them on rows that they have not seen.

There is no baseline to beat, and no accuracy: how well clusters are apart, how much of what a model says it would say
again of other rows, and labels, where some are known, beside.
"""

from offline_training.unsupervised.testing import Found, evaluate_unsupervised

__all__ = ["Found", "evaluate_unsupervised"]
