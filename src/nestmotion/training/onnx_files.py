"""Torch modules as ONNX files: small, and silent about where they were made.

Large weights are stored in few bytes and restored to float32 when the file is loaded. The arithmetic
stays float32; ONNX Runtime folds the restoring nodes into constants, so it costs nothing at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

__all__ = ["compress_weights", "save_onnx", "strip_metadata"]

_SMALLEST = 4096  # elements; below this the saving is not worth the rounding


def save_onnx(
    module: torch.nn.Module,
    inputs: Mapping[str, torch.Tensor],
    output: str | Sequence[str],
    dynamic_shapes: dict[str, dict[int, Any]],
    kind: Literal["int8", "float16"],
    path: Path,
) -> None:
    """Trace a module and write it.

    inputs: examples of its arguments, in order, by name; output: name of its result, or several.
    dynamic_shapes: for each input, which axes vary (torch.export.Dim). kind: see compress_weights.
    """
    import onnx

    program = torch.onnx.export(
        module,
        tuple(inputs.values()),
        input_names=list(inputs),
        output_names=[output] if isinstance(output, str) else list(output),
        dynamic_shapes=dynamic_shapes,
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # only None when asked to raise nothing
    model = program.model_proto
    strip_metadata(model)
    compress_weights(model, kind)
    onnx.save(model, path)


def compress_weights(model: Any, kind: Literal["int8", "float16"]) -> None:
    """Replace the large float32 weights of an `onnx.ModelProto` in place.

    int8: per-row scale along the first axis (an embedding's row) or the last (a matrix' output), the
        largest magnitude mapped to 127. Rounding error at most 1/254 of a row's largest weight.
    float16: rounded to nearest, relative error at most 2^-11.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    gathered = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    nodes = []
    for tensor in list(graph.initializer):
        weight = numpy_helper.to_array(tensor)
        if weight.dtype != np.float32 or weight.size < _SMALLEST:
            continue
        name = tensor.name
        graph.initializer.remove(tensor)
        if kind == "float16":
            graph.initializer.append(numpy_helper.from_array(weight.astype(np.float16), name + "_h"))
            nodes.append(helper.make_node("Cast", [name + "_h"], [name], to=1))
            continue
        axis = tuple(range(1, weight.ndim)) if name in gathered else tuple(range(weight.ndim - 1))
        scale = np.maximum(np.abs(weight).max(axis=axis, keepdims=True), 1e-12) / 127
        whole = np.round(weight / scale).astype(np.int8)
        graph.initializer.append(numpy_helper.from_array(whole, name + "_q"))
        graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), name + "_s"))
        nodes.append(helper.make_node("Cast", [name + "_q"], [name + "_f"], to=1))
        nodes.append(helper.make_node("Mul", [name + "_f", name + "_s"], [name]))
    for node in reversed(nodes):
        graph.node.insert(0, node)


def strip_metadata(model: Any) -> None:
    """Remove what the exporter notes of the source (stack traces with the paths of whoever exported)
    from an `onnx.ModelProto`, in place. What it computes stays the same."""
    graph = model.graph
    del model.metadata_props[:]
    model.doc_string = graph.doc_string = ""
    inside = [node for function in model.functions for node in function.node]
    values = [*graph.input, *graph.output, *graph.value_info, *graph.initializer]
    for part in (graph, *graph.node, *model.functions, *inside, *values):
        del part.metadata_props[:]
        part.doc_string = ""
