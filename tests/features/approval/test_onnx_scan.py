"""What `model.onnx` may hold: every other thing that ONNX knows is refused before anything is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from features.approval.onnx_scan import NEWEST, OPERATORS, faults_of
from features.bundle import MODEL
from tests.grpc_api.shop import write_bundle

Change = Callable[[onnx.ModelProto], None]


@pytest.fixture
def model(tmp_path: Path) -> onnx.ModelProto:
    """A model that may serve."""
    return onnx.load(write_bundle(tmp_path / "sound").file(MODEL))


def faults(model: onnx.ModelProto, folder: Path) -> list[str]:
    """What is wrong with it."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return list(faults_of(path))


def test_a_model_of_ours_may_serve(model: onnx.ModelProto, tmp_path: Path) -> None:
    """Nothing is wrong with it."""
    assert faults(model, tmp_path) == []


def foreign_node(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("ReadFile", ["x"], ["y"], domain="com.example"))


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("RandomNormal", [], ["y"], shape=[1]))


def operator_of_the_wrong_domain(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("MatMul", ["x", "x"], ["y"], domain="ai.onnx.ml"))


def foreign_import(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def newer_import(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = NEWEST[""] + 1


def loop(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Loop", ["n", "c"], ["y"], body=helper.make_graph([], "body", [], [])))


def graph_in_a_known_operator(model: onnx.ModelProto) -> None:
    node = helper.make_node("Add", ["x", "x"], ["y"])
    node.attribute.append(helper.make_attribute("hidden", helper.make_graph([], "inner", [], [])))
    model.graph.node.append(node)


def function(model: onnx.ModelProto) -> None:
    opsets = [helper.make_opsetid("", 20)]
    model.functions.append(helper.make_function("com.example", "Twice", ["x"], ["y"], [], opsets))


def training(model: onnx.ModelProto) -> None:
    model.training_info.add()


def external(tensor: onnx.TensorProto) -> onnx.TensorProto:
    """The same with its data elsewhere."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return tensor


def external_weights(model: onnx.ModelProto) -> None:
    external(model.graph.initializer[0])


def external_attribute(model: onnx.ModelProto) -> None:
    value = external(numpy_helper.from_array(np.zeros(1), "v"))
    model.graph.node.append(helper.make_node("Constant", [], ["y"], value=value))


def external_words_alone(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].external_data.add(key="location", value="weights")


def external_sparse(model: onnx.ModelProto) -> None:
    values, indices = numpy_helper.from_array(np.ones(1), "s"), numpy_helper.from_array(np.zeros(1, np.int64), "i")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(external(values), indices, [4]))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (foreign_node, "uses com.example:ReadFile"),
        (unknown_operator, "uses RandomNormal"),
        (operator_of_the_wrong_domain, "uses ai.onnx.ml:MatMul"),
        (foreign_import, "imports operators of com.microsoft"),
        (newer_import, "imports version 27 of ai.onnx, of which 26 is known"),
        (loop, "uses Loop"),
        (graph_in_a_known_operator, "has an inner graph inner"),
        (function, "has functions"),
        (training, "has training_info"),
        (external_weights, "keeps zero in another file"),
        (external_attribute, "keeps v in another file"),
        (external_words_alone, "keeps zero in another file"),
        (external_sparse, "keeps s in another file"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_not_arithmetic_on_the_inputs_is_refused(
    model: onnx.ModelProto, tmp_path: Path, change: Change, fault: str
) -> None:
    """And named."""
    change(model)
    assert fault in faults(model, tmp_path)


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
def test_what_grows_without_bound_is_refused(model: onnx.ModelProto, tmp_path: Path, axis: int) -> None:
    """A few steps that each double what they are given would fill any memory, of rows or of columns."""
    name = model.graph.input[0].name
    for step in range(40):
        model.graph.node.append(helper.make_node("Concat", [name, name], [f"twice_{step}"], axis=axis))
        name = f"twice_{step}"
    assert any("values of a row (twice_39)" in fault for fault in faults(model, tmp_path))


def test_what_hides_how_much_it_makes_is_refused(model: onnx.ModelProto, tmp_path: Path) -> None:
    """A shape that is computed from the row's values keeps the sizes of all that follows from being known."""
    (given,) = model.graph.input
    model.graph.initializer.append(numpy_helper.from_array(np.array([[1, -1]], np.int64), "shape"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "first"))
    model.graph.node.extend(
        [
            helper.make_node("ArgMax", [given.name], ["place"], axis=1, keepdims=0),
            helper.make_node("Cast", ["place"], ["nought"], to=onnx.TensorProto.INT64),
            helper.make_node("Mul", ["nought", "first"], ["nothing"]),
            helper.make_node("Add", ["shape", "nothing"], ["found"]),
            helper.make_node("Reshape", ["found", "minus"], ["flat"]),
            helper.make_node("Reshape", [given.name, "flat"], ["hidden"]),
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), "minus"))
    name = "hidden"
    for step in range(40):
        model.graph.node.append(helper.make_node("Concat", [name, name], [f"twice_{step}"], axis=1))
        name = f"twice_{step}"
    assert faults(model, tmp_path) == ["makes of a row what only its values say the size of (hidden)"]


@pytest.mark.parametrize("content", [b"", b"no model", b"\x80\x04K\x01."], ids=["empty", "words", "pickle"])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever it is instead."""
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert list(faults_of(path))


def test_every_operator_that_is_allowed_exists() -> None:
    """In the newest operator set that was looked through."""
    for domain, names in OPERATORS.items():
        for name in names:
            assert onnx.defs.has(name, NEWEST[domain], domain), f"{domain}:{name}"
