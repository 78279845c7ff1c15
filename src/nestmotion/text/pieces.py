"""Word pieces of a prompt, without running the text encoder."""

from __future__ import annotations

from pathlib import Path

from nestmotion.core.errors import BundleError
from nestmotion.text.encoder import TOKENIZER_FILE

__all__ = ["piece_spans"]


def piece_spans(folder: Path, text: str) -> list[tuple[int, int]]:
    """First and one-past-last character of each piece, by the tokenizer of a bundle's folder.

    The marks at the ends, which stand for no character, are left out, and unlike the encoder this
    cuts no text off. Raises BundleError when the folder has no tokenizer.
    """
    from tokenizers import Tokenizer

    path = folder / TOKENIZER_FILE
    if not path.is_file():
        raise BundleError(f"{folder}: holds no {TOKENIZER_FILE}; name the folder of a bundle")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    return [(start, end) for start, end in tokenizer.encode(text).offsets if end > start]
