"""Learning algorithms behind one door: each fits, says how good it is on the way, and exports itself to ONNX.

`offline_training.learners.learner` is the seam; `LEARNERS` are those that there are.
"""

from offline_training.conversion.exported import Exported, Probes
from offline_training.learners.catalogue import LEARNERS, learner_of
from offline_training.learners.learner import (
    Learned,
    Learner,
    Params,
    Report,
    Trial,
    Validation,
)

__all__ = [
    "LEARNERS",
    "Exported",
    "Learned",
    "Learner",
    "Params",
    "Probes",
    "Report",
    "Trial",
    "Validation",
    "learner_of",
]
