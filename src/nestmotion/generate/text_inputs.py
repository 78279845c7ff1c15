"""What the network is told of a prompt."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from nestmotion.text import EncodedText, SemanticTree
from nestmotion.text.nodes import tree_nodes

__all__ = ["TextInputs"]


class TextInputs:
    """A prompt as it was read: its sentence and the nodes of its tree, for any number of rows.

    mirrored: the prompt's mirror image, read likewise and with a tree of the same form, where that is
    what the network is told (generate/sides.py). nodes, sentence: what it is told.
    """

    def __init__(
        self,
        encoded: EncodedText,
        tree: SemanticTree,
        mirrored: tuple[EncodedText, SemanticTree] | None = None,
    ) -> None:
        self.encoded, self.tree, self.mirrored = encoded, tree, mirrored is not None
        told, told_tree = mirrored or (encoded, tree)
        self.nodes, self.sentence = tree_nodes(told_tree, told), told.sentence[0]
        self._arrays = {
            "sentence": self.sentence,
            "mirrored": np.array(self.mirrored),
            **{f"node_{f.name}": getattr(self.nodes, f.name) for f in fields(self.nodes)},
        }

    def rows(self, count: int) -> dict[str, np.ndarray]:
        """Inputs of `TextToMotion.run` by name, each with `count` equal rows."""
        return {k: np.broadcast_to(v, (count, *v.shape)) for k, v in self._arrays.items()}
