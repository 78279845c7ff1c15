"""The semantic tree: a prompt read at nested levels, from the whole sentence down to word pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nestmotion.core.errors import SettingsError

__all__ = ["LEVELS", "Node", "Relation", "SemanticTree"]

# Level 1 to 5, outermost first.
LEVELS = ("sentence", "action", "phrase", "word", "piece")

# When an action happens, told from the one before it in the text: it follows ("and" says so less
# surely than "then"), goes on at the same time, or happens before it.
Relation = Literal["first", "then", "and", "while", "before"]


@dataclass(frozen=True)
class Node:
    """A stretch of the prompt.

    id: its place in `SemanticTree.nodes`; parent: the id of the node it lies in, None for the root.
    level: 1 to 5, see LEVELS. role: the level's name or, for a phrase, what it is about
    (nestmotion.text.lexicon.ROLES).
    text: prompt[start:end], in characters.
    relation, order: of actions only. Actions are done in the ascending order of `order`, counted
    from 0; those that share a number are done at the same time.
    """

    id: int
    parent: int | None
    level: int
    role: str
    text: str
    start: int
    end: int
    relation: Relation | None = None
    order: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; `relation` and `order` only where they are set."""
        fields = {name: getattr(self, name) for name in ("id", "parent", "level", "role", "text")}
        fields |= {"start": self.start, "end": self.end}
        if self.relation is not None:
            fields |= {"relation": self.relation, "order": self.order}
        return fields


@dataclass(frozen=True)
class SemanticTree:
    """Nodes in reading order, every parent before its children; nodes[0] is the whole prompt.

    A child lies inside its parent, siblings do not overlap and stand in reading order, a node's level
    is its parent's plus one, and the nodes of levels 2, 3 and 4 cover the same characters: every word.
    What lies between words (spaces, punctuation) belongs to no word.
    """

    prompt: str
    nodes: tuple[Node, ...]

    def level(self, level: int) -> tuple[Node, ...]:
        """The nodes of one level, in reading order."""
        return tuple(node for node in self.nodes if node.level == level)

    @property
    def actions(self) -> tuple[Node, ...]:
        """Level 2, in reading order; their `order` tells when each is done."""
        return self.level(2)

    @property
    def phrases(self) -> tuple[Node, ...]:
        """Level 3, in reading order."""
        return self.level(3)

    @property
    def words(self) -> tuple[Node, ...]:
        """Level 4, in reading order."""
        return self.level(4)

    def children(self, node: Node) -> tuple[Node, ...]:
        """The nodes directly inside a node, in reading order."""
        return tuple(child for child in self.nodes if child.parent == node.id)

    def ancestor(self, node: Node, level: int) -> Node:
        """The node of that level in which `node` lies, itself when it is of that level."""
        while node.level > level and node.parent is not None:
            node = self.nodes[node.parent]
        return node

    @property
    def form(self) -> tuple[tuple[int | None, int, int | None], ...]:
        """Parent, level and order of every node: equal for trees that differ in their words alone."""
        return tuple((node.parent, node.level, node.order) for node in self.nodes)

    def cut(self, depth: int) -> SemanticTree:
        """The tree down to a level, 1 (the sentence alone) to 5. Raises SettingsError outside that."""
        if not 1 <= depth <= len(LEVELS):
            raise SettingsError(f"the depth must be from 1 to {len(LEVELS)}, not {depth}")
        kept = [node for node in self.nodes if node.level <= depth]
        new = {node.id: k for k, node in enumerate(kept)}
        return SemanticTree(self.prompt, tuple(_renumbered(node, new) for node in kept))

    def to_dict(self) -> dict[str, Any]:
        """{"nodes": [...]}, as `nestmotion parse --json` prints it."""
        return {"nodes": [node.to_dict() for node in self.nodes]}


def _renumbered(node: Node, new: dict[int, int]) -> Node:
    parent = None if node.parent is None else new[node.parent]
    span = (node.text, node.start, node.end)
    return Node(new[node.id], parent, node.level, node.role, *span, node.relation, node.order)
