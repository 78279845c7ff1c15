"""A reader of trees that needs no network: the rules that the real one is taught by."""

from __future__ import annotations

from nestmotion.text import EncodedText, SemanticTree, parse

__all__ = ["RuleReader"]


class RuleReader:
    """In place of nestmotion.text.reader.TreeReader."""

    digest = "rules"

    def read(
        self, prompt: str, encoded: EncodedText, row: int = 0, pieces: bool = False
    ) -> SemanticTree:
        spans = encoded.spans[row][encoded.valid[row]].tolist()
        return parse(prompt, [(a, b) for a, b in spans if b > a] if pieces else None)
