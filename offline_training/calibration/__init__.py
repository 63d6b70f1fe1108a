"""Calibration: a map behind the raw score that makes a probability of it, in a form that ONNX computes exactly.

A map is fitted on scores of rows that lie after those that their model was fitted on, never on test rows. It stands in
``model.onnx`` behind the model, and the pair is a `Learned` like any other, so that conversion, proof, golden rows and
scorer see one model.

Platt scaling is a product and a sum in double; of log-odds it is also beta calibration with its two parameters alike
(of three, it needs logarithms, whose last bits differ between libraries). Isotonic regression is a step function, so a
tree of one input: comparisons of doubles, exact by nature. Both were chosen for that.

What Platt scaling does to a raw score it does to each feature's contribution: TreeSHAP stays exact, and sums to the
calibrated raw score. A step function has no such form: a model behind one explains nothing, and says so.
"""

from offline_training.calibration.calibrated import Calibrated
from offline_training.calibration.calibrator import Calibrator
from offline_training.calibration.fitting import calibrated
from offline_training.calibration.isotonic import Isotonic, fit_isotonic
from offline_training.calibration.platt import Platt, fit_platt

__all__ = ["Calibrated", "Calibrator", "Isotonic", "Platt", "calibrated", "fit_isotonic", "fit_platt"]
