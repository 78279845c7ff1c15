"""From text to vectors."""

from nestmotion.text.encoder import EncodedText, TextEncoder
from nestmotion.text.mirror import mirror_text

__all__ = ["EncodedText", "TextEncoder", "mirror_text"]
