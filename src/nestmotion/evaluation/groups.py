"""Groups of captions: by length, by number of actions, by how the sentence is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nestmotion.evaluation.evaluator import normal_text
from nestmotion.text import SemanticTree, TextEncoder
from nestmotion.text.reader import TreeReader

__all__ = [
    "ACTIONS",
    "LENGTHS",
    "STRUCTURES",
    "CaptionGroups",
    "action_group",
    "caption_groups",
    "length_group",
    "structure",
]

# In the order in which tables and figures show them.
LENGTHS = ("1-5", "6-10", "11-15", "16-20", ">20")
ACTIONS = ("1", "2", "3", "4+")
STRUCTURES = ("single", "modified", "sequence", "simultaneous")

# Phrases that say how, where or with what an action is done, besides who does what.
_MODIFYING = {"manner", "count", "direction", "path", "state"}
_AT_ONCE = 64


@dataclass(frozen=True)
class CaptionGroups:
    """The groups of one caption: an entry each of LENGTHS, ACTIONS and STRUCTURES."""

    length: str
    actions: str
    structure: str


def length_group(text: str) -> str:
    """By the number of words, punctuation not counted."""
    words = len(normal_text(text).split())
    return LENGTHS[min(max(words - 1, 0) // 5, 4)]


def action_group(tree: SemanticTree) -> str:
    """By the number of actions."""
    return ACTIONS[min(max(len(tree.actions), 1), len(ACTIONS)) - 1]


def structure(tree: SemanticTree) -> str:
    """single: one plain action; modified: one action whose manner, direction, path, count or state is
    said; simultaneous: two or more, some at the same time; sequence: two or more, one after another."""
    turns = [action.order for action in tree.actions]
    if len(turns) > 1:
        return "simultaneous" if len(set(turns)) < len(turns) else "sequence"
    roles = {phrase.role for phrase in tree.phrases}
    return "modified" if roles & _MODIFYING else "single"


def caption_groups(
    captions: Sequence[str], encoder: TextEncoder, reader: TreeReader
) -> list[CaptionGroups]:
    """The groups of each caption, its tree read by `reader`."""
    found = []
    for a in range(0, len(captions), _AT_ONCE):
        part = list(captions[a : a + _AT_ONCE])
        encoded = encoder.encode(part)
        for row, text in enumerate(part):
            tree = reader.read(text, encoded, row)
            found.append(CaptionGroups(length_group(text), action_group(tree), structure(tree)))
    return found
