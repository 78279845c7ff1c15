"""What the network is told of a prompt."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from nestmotion.text import EncodedText, SemanticTree
from nestmotion.text.nodes import tree_nodes

__all__ = ["TextInputs"]


class TextInputs:
    """A prompt as it was read: its sentence and the nodes of its tree, for any number of rows."""

    def __init__(self, encoded: EncodedText, tree: SemanticTree) -> None:
        self.encoded, self.tree = encoded, tree
        nodes = tree_nodes(tree, encoded)
        self._arrays = {
            "sentence": encoded.sentence[0],
            **{f"node_{f.name}": getattr(nodes, f.name) for f in fields(nodes)},
        }

    def rows(self, count: int) -> dict[str, np.ndarray]:
        """The network's inputs by name, each with `count` equal rows."""
        return {k: np.broadcast_to(v, (count, *v.shape)) for k, v in self._arrays.items()}
