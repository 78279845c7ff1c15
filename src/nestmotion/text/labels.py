"""The tree as one label a word: what begins there. From labels the tree follows by construction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nestmotion.text.tree import Node, Relation, SemanticTree

__all__ = [
    "RELATIONS",
    "Span",
    "WordLabel",
    "build_tree",
    "labels_of",
    "orders",
    "share_pieces",
    "words_of",
]

# First and one-past-last character.
Span = tuple[int, int]

RELATIONS: tuple[Relation, ...] = ("first", "then", "and", "while", "before")

# A word keeps its apostrophes ("doesn't"). BERT splits at every other mark, so its pieces lie in words.
_WORD = re.compile(r"[^\W_]+(?:['\u2018\u2019][^\W_]+)*")


@dataclass(frozen=True)
class WordLabel:
    """What begins at a word.

    relation: of the action that begins here, None where none begins.
    role: of the phrase that begins here, None where none begins; never None where an action begins.
    """

    relation: Relation | None = None
    role: str | None = None


def words_of(prompt: str) -> list[Span]:
    """The words of a prompt, level 4 of its tree, in reading order."""
    return [match.span() for match in _WORD.finditer(prompt)]


def share_pieces(words: Sequence[Span], pieces: Iterable[Span]) -> list[list[int]]:
    """For each word the places, among the pieces in reading order, of those that begin in it."""
    found: list[list[int]] = [[] for _ in words]
    k = 0
    for place, (start, _) in enumerate(pieces):
        while k < len(words) and start >= words[k][1]:
            k += 1
        if k == len(words):
            break
        if words[k][0] <= start:
            found[k].append(place)
    return found


def orders(relations: Sequence[Relation]) -> list[int]:
    """When each action is done, counted from 0; those at the same time share a number."""
    groups: list[list[int]] = []
    at = 0
    for k, relation in enumerate(relations):
        if relation == "while":
            groups[at].append(k)
            continue
        at = {"first": 0, "before": at, "and": at + 1, "then": at + 1}[relation]
        groups.insert(at, [k])
    numbers = {k: order for order, group in enumerate(groups) for k in group}
    return [numbers[k] for k in range(len(relations))]


def build_tree(
    prompt: str, labels: Sequence[WordLabel], pieces: Iterable[Span] | None = None
) -> SemanticTree:
    """The tree whose actions and phrases begin where the labels, one for each word, say.

    The first action's relation is "first" whatever its label; pieces: see `nestmotion.text.parse`.
    """
    words, spans, nodes = words_of(prompt), list(pieces or ()), _Nodes(prompt)
    nodes.add(None, 1, "sentence", (0, len(prompt)))
    inside = share_pieces(words, spans)
    begun = [(k, label.relation) for k, label in enumerate(labels) if k and label.relation]
    firsts = [0, *(k for k, _ in begun)] if words else []
    relations: list[Relation] = ["first", *(relation for _, relation in begun)]
    numbers = orders(relations)
    for n, (first, stop) in enumerate(zip(firsts, [*firsts[1:], len(words)], strict=False)):
        action = nodes.add(0, 2, "action", _hull(words, first, stop), relations[n], numbers[n])
        starts = [first, *(k for k in range(first + 1, stop) if labels[k].role)]
        for a, b in zip(starts, [*starts[1:], stop], strict=True):
            phrase = nodes.add(action, 3, labels[a].role or "other", _hull(words, a, b))
            for k in range(a, b):
                word = nodes.add(phrase, 4, "word", words[k])
                past = 0
                for start, end in (spans[place] for place in inside[k]):
                    if start < past:  # a letter that the tokenizer takes apart (Hangul) is one piece
                        continue
                    past = min(end, words[k][1])
                    nodes.add(word, 5, "piece", (int(start), int(past)))
    return SemanticTree(prompt, tuple(nodes.found))


def labels_of(tree: SemanticTree) -> list[WordLabel]:
    """The labels, one for each word, from which `build_tree` makes this tree."""
    relations = {node.start: node.relation for node in tree.actions}
    roles = {node.start: node.role for node in tree.phrases}
    return [WordLabel(relations.get(word.start), roles.get(word.start)) for word in tree.words]


def _hull(words: Sequence[Span], first: int, stop: int) -> Span:
    return words[first][0], words[stop - 1][1]


class _Nodes:
    """Nodes in reading order, each with the next free id."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        self.found: list[Node] = []

    def add(
        self,
        parent: int | None,
        level: int,
        role: str,
        span: Span,
        relation: Relation | None = None,
        order: int | None = None,
    ) -> int:
        node_id = len(self.found)
        text = self.prompt[slice(*span)]
        self.found.append(Node(node_id, parent, level, role, text, *span, relation, order))
        return node_id
