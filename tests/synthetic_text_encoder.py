"""A text encoder in the files of a real one: whole words, one random vector each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

__all__ = ["SIZE", "write_text_encoder"]

SIZE = 384
_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def write_text_encoder(folder: Path, words: Sequence[str]) -> np.ndarray:
    """Write text_encoder.onnx and tokenizer.json; the vectors, row k + 4 for the k-th of `words`."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: k for k, word in enumerate((*_MARKS, *words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.random.default_rng(0).normal(size=(len(vocabulary), SIZE)).astype(np.float32)
    shape = ["batch", "length"]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["states"])],
        "text_encoder",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, shape)
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("states", TensorProto.FLOAT, [*shape, SIZE])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, folder / "text_encoder.onnx")
    return table
