"""Learning algorithms behind one door: each fits, says how good it is on the way, and exports itself to ONNX.

`offline_training.learners.learner` is the seam; `LEARNERS` are those that there are.
"""

from offline_training.conversion.exported import Exported, Probes
from offline_training.learners.catalogue import LEARNERS, OF_EXTRAS, learner_of
from offline_training.learners.learner import (
    Keep,
    Learned,
    Learner,
    Params,
    Report,
    Sample,
    Trial,
    Validation,
    keeping,
    of_inputs,
)
from offline_training.learners.wrapped import Wrapped

__all__ = [
    "LEARNERS",
    "OF_EXTRAS",
    "Exported",
    "Keep",
    "Learned",
    "Learner",
    "Params",
    "Probes",
    "Report",
    "Sample",
    "Trial",
    "Validation",
    "Wrapped",
    "keeping",
    "learner_of",
    "of_inputs",
]
