"""Distances from centres as ONNX: every operation is rounded in one way only, and sums are taken one by one."""

from __future__ import annotations

import numpy as np
from onnx import helper

from features.bundle import MODEL_OUTPUT
from offline_training.conversion.constants import constant, whole_constant
from offline_training.conversion.model_bytes import model_bytes
from offline_training.conversion.preparation import PREPARED, Preparation


def centres_to_onnx(preparation: Preparation, centres: np.ndarray) -> bytes:
    """Serialised model: of each row, the Euclidean distance to each centre, with a minus before it."""
    nodes, constants = preparation.nodes()
    node = helper.make_node
    nodes += [
        node("Unsqueeze", [PREPARED, "centre_axis"], ["for_each_centre"]),
        node("Sub", ["for_each_centre", "centres"], ["apart"]),
        node("Mul", ["apart", "apart"], ["squares"]),
        node("CumSum", ["squares", "input_axis"], ["sums"]),
        node("Gather", ["sums", "last"], ["sum"], axis=2),
        node("Sqrt", ["sum"], ["distances"]),
        node("Neg", ["distances"], [MODEL_OUTPUT]),
    ]
    constants += [
        constant("centres", centres),
        whole_constant("centre_axis", [1]),
        whole_constant("input_axis", 2),
        whole_constant("last", -1),
    ]
    return model_bytes("centres", nodes, constants, n_features=len(preparation.fills), n_outputs=len(centres))
