"""A published model made expensive: the same raw scores, after matrix products of which nothing is left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from deploy.made_up_model import require_sound
from features.bundle import MODEL, MODEL_INPUT, MODEL_OUTPUT, read_bundle, write_manifest
from grpc_api.pointer import models_dir, pointer_file, read_pointer, write_pointer
from grpc_api.session import RawScorer

SIDE: Final = 192
PRODUCTS: Final = (2, 40)
"""Numbers of products that are timed, to know what one costs."""

TIMES: Final = 15
LIGHT: Final = "heavy_light"


def make_heavy(state_dir: Path, model: str, score_s: float) -> float:
    """Make a score of the published model take so long on this machine; what it takes then."""
    pointer_path = pointer_file(models_dir(state_dir), model)
    pointer = read_pointer(pointer_path)
    assert pointer is not None
    folder = pointer.bundle_path(pointer_path)
    manifest = read_bundle(folder).manifest
    file, light = folder / MODEL, onnx.load(folder / MODEL)
    few, many = (_timed(light, n, file, len(manifest.features)) for n in PRODUCTS)
    n = max(1, round((score_s - few) / (many - few) * (PRODUCTS[1] - PRODUCTS[0]) + PRODUCTS[0]))
    took_s = _timed(light, n, file, len(manifest.features))
    bundle = write_manifest(folder, manifest)
    require_sound(bundle)
    write_pointer(pointer_path, msgspec.structs.replace(pointer, digest=bundle.digest))
    return took_s


def heavy(light: onnx.ModelProto, n_products: int) -> onnx.ModelProto:
    """The model with so many products of a rotation with itself on its way to the score."""
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(SIDE, SIDE)))[0]  # keeps its size however often
    model = onnx.ModelProto()
    model.CopyFrom(light)
    graph = model.graph
    for node in graph.node:
        for i, name in enumerate(node.output):
            if name == MODEL_OUTPUT:
                node.output[i] = LIGHT
    graph.initializer.append(numpy_helper.from_array(rotation, "heavy_rotation"))
    graph.initializer.append(numpy_helper.from_array(np.zeros(1), "heavy_nothing"))
    graph.node.extend(
        [  # of the input's shape, so that nothing can be computed before there is one
            helper.make_node("Shape", [MODEL_INPUT], ["heavy_shape"]),
            helper.make_node("Cast", ["heavy_shape"], ["heavy_sizes"], to=TensorProto.DOUBLE),
            helper.make_node("ReduceSum", ["heavy_sizes"], ["heavy_size"], keepdims=0),
            helper.make_node("Mul", ["heavy_size", "heavy_nothing"], ["heavy_zero"]),
            helper.make_node("Add", ["heavy_rotation", "heavy_zero"], ["heavy_turned_0"]),
            *(
                helper.make_node("MatMul", [f"heavy_turned_{i}", "heavy_rotation"], [f"heavy_turned_{i + 1}"])
                for i in range(n_products)
            ),
            helper.make_node("ReduceSum", [f"heavy_turned_{n_products}"], ["heavy_sum"], keepdims=0),
            helper.make_node("Mul", ["heavy_sum", "heavy_nothing"], ["heavy_waste"]),
            helper.make_node("Add", [LIGHT, "heavy_waste"], [MODEL_OUTPUT]),
        ]
    )
    return model


def _timed(light: onnx.ModelProto, n_products: int, file: Path, n_features: int) -> float:
    """Write the model with so many products; processor time that a score takes, whatever else the machine does."""
    file.write_bytes(heavy(light, n_products).SerializeToString())
    scorer, row, seconds = RawScorer(file, n_features), np.zeros((1, n_features)), []
    for _ in range(TIMES):
        begin_s = time.thread_time()
        scorer.raw_scores(row)
        seconds.append(time.thread_time() - begin_s)
    return sorted(seconds)[TIMES // 2]
