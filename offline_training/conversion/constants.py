"""Arrays as the constants of a graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper


def constant(name: str, values: npt.ArrayLike) -> onnx.TensorProto:
    """Doubles."""
    return numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float64), name)


def whole_constant(name: str, values: npt.ArrayLike) -> onnx.TensorProto:
    """Whole numbers: axes, places; one alone is a scalar."""
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)
