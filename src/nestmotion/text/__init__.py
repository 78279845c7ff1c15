"""From text to vectors."""

from nestmotion.text.encoder import EncodedText, TextEncoder
from nestmotion.text.mirror import mirror_text, mirror_text_with_spans
from nestmotion.text.parser import parse
from nestmotion.text.tree import Node, SemanticTree

__all__ = [
    "EncodedText",
    "Node",
    "SemanticTree",
    "TextEncoder",
    "mirror_text",
    "mirror_text_with_spans",
    "parse",
]
