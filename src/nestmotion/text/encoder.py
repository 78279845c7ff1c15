"""The frozen text encoder: a BERT as an ONNX file with its tokenizer, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core.checksums import sha256_of

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

__all__ = ["MAX_TOKENS", "EncodedText", "TextEncoder"]

MODEL_FILE = "text_encoder.onnx"
TOKENIZER_FILE = "tokenizer.json"

# Longer texts are cut here: the longest caption of the corpus has under 100 word pieces.
MAX_TOKENS = 128


@dataclass(frozen=True)
class EncodedText:
    """Vectors of B texts of at most L word pieces (with the two marks at the ends).

    sentence (B, D): mean of the token states, unit length (Reimers and Gurevych, EMNLP 2019).
    tokens (B, L, D): last hidden states; zero where not valid.
    valid (B, L): True for a real token.
    spans (B, L, 2): first and one-past-last character of each token in the text.
    """

    sentence: Float[np.ndarray, "b d"]
    tokens: Float[np.ndarray, "b l d"]
    valid: Bool[np.ndarray, "b l"]
    spans: np.ndarray


class TextEncoder:
    """Texts to vectors. `session` and `tokenizer` are what `load` builds from a bundle's folder."""

    def __init__(self, session: InferenceSession, tokenizer: Tokenizer, folder: Path) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._folder = folder

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> TextEncoder:
        """From a folder holding text_encoder.onnx and tokenizer.json."""
        from tokenizers import Tokenizer

        from nestmotion.text.session import open_session

        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.enable_padding()
        return cls(open_session(folder / MODEL_FILE, threads), tokenizer, folder)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the encoder's two files, one after the other: what it computes, in a name."""
        return "".join(sha256_of(self._folder / name) for name in (MODEL_FILE, TOKENIZER_FILE))

    def count_tokens(self, text: str) -> int:
        """Word pieces of a text, cut at MAX_TOKENS."""
        return len(self._tokenizer.encode(text).ids)

    def encode(self, texts: Sequence[str]) -> EncodedText:
        """Vectors of the texts, in one batch."""
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = np.array([e.ids for e in encodings], dtype=np.int64)
        mask = np.array([e.attention_mask for e in encodings], dtype=np.int64)
        (states,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        tokens = states * mask[..., None].astype(np.float32)
        mean = tokens.sum(axis=1) / mask.sum(axis=1, keepdims=True)
        sentence = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        spans = np.array([e.offsets for e in encodings])
        return EncodedText(sentence.astype(np.float32), tokens, mask.astype(bool), spans)
