"""Why a model scores rows as it does: exact Shapley values, and a surrogate that is fitted around one row.

Both are told of a few rows that were chosen for what they show; `offline_training.plots` draws them.
"""

from offline_training.explanations.local_surrogate import Surrogate, fit_surrogate
from offline_training.explanations.samples import Sample, choose_samples
from offline_training.explanations.shapley import Contributions, contributions_of

__all__ = ["Contributions", "Sample", "Surrogate", "choose_samples", "contributions_of", "fit_surrogate"]
