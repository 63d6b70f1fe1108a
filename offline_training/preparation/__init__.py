"""Steps between the feature vector and a learner: fitted on training rows, exact in numpy and in ONNX alike.

Each step is a file of its own; `prepared` puts those of ``model.yaml`` before a learner.
"""

from offline_training.preparation.prepared import Prepared, PreparedLearner, prepared
from offline_training.preparation.steps import Steps, fit_steps

__all__ = ["Prepared", "PreparedLearner", "Steps", "fit_steps", "prepared"]
