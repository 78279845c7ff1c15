"""Weights in few bytes: how far they are off, and that ONNX Runtime gets them back."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from nestmotion.training.onnx_files import compress_weights, save_onnx

ROWS, COLUMNS = 96, 64


def _weights() -> dict[str, np.ndarray]:
    """An embedding whose rows and a matrix whose columns differ much in scale, and a small bias."""
    rng = np.random.default_rng(0)
    scale = np.logspace(-2, 2, ROWS)[:, None]
    table = rng.normal(size=(ROWS, COLUMNS)) * scale
    matrix = rng.normal(size=(COLUMNS, ROWS)) * scale.T
    matrix[:, 3] = 0.0
    arrays = {"table": table, "matrix": matrix, "bias": rng.normal(size=ROWS)}
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _model() -> onnx.ModelProto:
    """ids -> table[ids] @ matrix + bias"""
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("MatMul", ["rows", "matrix"], ["product"]),
            helper.make_node("Add", ["product", "bias"], ["out"]),
        ],
        "test",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", ROWS])],
        [numpy_helper.from_array(array, name) for name, array in _weights().items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _stored(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _run(model: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"ids": np.arange(ROWS)})[0]


def _expected(table: np.ndarray, matrix: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return table.astype(np.float64) @ matrix.astype(np.float64) + bias


def _restored(stored: dict[str, np.ndarray], name: str) -> np.ndarray:
    return stored[name + "_q"].astype(np.float32) * stored[name + "_s"]


def test_float16_rounds_each_number():
    model = _model()
    compress_weights(model, "float16")
    stored, weights = _stored(model), _weights()
    assert set(stored) == {"table_h", "matrix_h", "bias"}
    for name in ("table", "matrix"):
        assert stored[name + "_h"].dtype == np.float16
        error = np.abs(stored[name + "_h"].astype(np.float64) - weights[name])
        assert (error <= 2.0**-11 * np.abs(weights[name]) + 1e-7).all()
    rounded = {name: stored.get(name + "_h", weights[name]).astype(np.float32) for name in weights}
    assert np.abs(_run(model) / _expected(**rounded) - 1).max() < 1e-3


def test_eight_bits_have_a_scale_for_each_row_of_a_table_and_column_of_a_matrix():
    model = _model()
    compress_weights(model, "int8")
    stored, weights = _stored(model), _weights()
    assert set(stored) == {"table_q", "table_s", "matrix_q", "matrix_s", "bias"}
    for name, axis in (("table", 1), ("matrix", 0)):
        assert stored[name + "_q"].dtype == np.int8
        largest = np.abs(weights[name]).max(axis=axis, keepdims=True)
        error = np.abs(_restored(stored, name) - weights[name])
        assert (error <= largest / 253).all()
    rounded = {name: _restored(stored, name) for name in ("table", "matrix")}
    found = _run(model)
    assert np.abs(found - _expected(**rounded, bias=weights["bias"])).max() < 1e-3 * np.abs(found).max()
    assert np.abs(found[:, 3] - weights["bias"][3]).max() < 1e-6  # the column of zeros stays zero


@pytest.mark.parametrize(("kind", "share"), [("int8", 0.35), ("float16", 0.55)])
def test_the_file_shrinks(kind, share):
    model = _model()
    before = len(model.SerializeToString())
    compress_weights(model, kind)
    assert len(model.SerializeToString()) < share * before


def test_small_and_whole_numbers_are_left_alone():
    model = _model()
    counts = np.arange(5000)
    model.graph.initializer.append(numpy_helper.from_array(counts, "counts"))
    compress_weights(model, "int8")
    stored = _stored(model)
    assert np.array_equal(stored["counts"], counts)
    assert np.array_equal(stored["bias"], _weights()["bias"])


class _Twice(torch.nn.Module):
    def forward(self, x: torch.Tensor, flag: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 2 * x, torch.where(flag[:, None], x.sum(dim=1, keepdim=True), -1.0)


def test_several_outputs_by_name_at_any_size(tmp_path):
    path = tmp_path / "twice.onnx"
    inputs = {"x": torch.ones(2, 3), "flag": torch.tensor([True, False])}
    rows, columns = torch.export.Dim("rows"), torch.export.Dim("columns")
    shapes = {"x": {0: rows, 1: columns}, "flag": {0: rows}}
    save_onnx(_Twice(), inputs, ("double", "total"), shapes, "float16", path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["x", "flag"]
    assert [value.name for value in session.get_outputs()] == ["double", "total"]
    x = np.arange(15, dtype=np.float32).reshape(3, 5)
    double, total = session.run(None, {"x": x, "flag": np.array([True, False, True])})
    assert np.array_equal(double, 2 * x)
    assert total.tolist() == [[10], [-1], [60]]
    assert [file.name for file in tmp_path.iterdir()] == ["twice.onnx"]
