"""From a prompt to its semantic tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from nestmotion.text.clauses import Clause, find_clauses
from nestmotion.text.dependencies import Token, analyse
from nestmotion.text.phrases import Phrase, find_phrases
from nestmotion.text.tree import Node, Relation, SemanticTree

__all__ = ["parse"]

Span = tuple[int, int]
Part = TypeVar("Part", Clause, Phrase)

# A word keeps its apostrophes ("doesn't"). BERT splits at every other mark, so its pieces lie in words.
_WORD = re.compile(r"[^\W_]+(?:['\u2018\u2019][^\W_]+)*")


def parse(prompt: str, pieces: Iterable[Span] | None = None) -> SemanticTree:
    """The semantic tree of a prompt in English, of any length, well-formed or not.

    pieces: spans (first and one-past-last character) of word pieces in reading order, such as the
    valid ones of `EncodedText.spans`; they become level 5, without which the tree has 4 levels.
    Pieces that begin in no word (marks, punctuation) have no node.
    A text without any word gives a tree of one node, the sentence.
    Raises SettingsError when spaCy is not installed (extra `parse`).
    """
    words = [match.span() for match in _WORD.finditer(prompt)]
    builder = _Builder(prompt)
    builder.add(None, 1, "sentence", 0, len(prompt))
    if words:
        tokens = analyse(prompt)
        pieces_of = _by_word(words, pieces or ())
        builder.add_actions(tokens, words, pieces_of)
    return SemanticTree(prompt, tuple(builder.nodes))


def _by_word(words: Sequence[Span], pieces: Iterable[Span]) -> dict[Span, list[Span]]:
    """The pieces of each word: those that begin in it, cut off where it ends."""
    found: dict[Span, list[Span]] = {word: [] for word in words}
    remaining = iter(words)
    word = next(remaining)
    for start, end in pieces:
        while start >= word[1]:
            following = next(remaining, None)
            if following is None:
                return found
            word = following
        if word[0] <= start < end:
            found[word].append((int(start), int(min(end, word[1]))))
    return found


class _Builder:
    """Nodes in reading order, each with the next free id."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        self.nodes: list[Node] = []

    def add(
        self,
        parent: int | None,
        level: int,
        role: str,
        start: int,
        end: int,
        relation: Relation | None = None,
        order: int | None = None,
    ) -> int:
        node_id = len(self.nodes)
        text = self.prompt[start:end]
        self.nodes.append(Node(node_id, parent, level, role, text, start, end, relation, order))
        return node_id

    def add_actions(
        self, tokens: Sequence[Token], words: Sequence[Span], pieces: dict[Span, list[Span]]
    ) -> None:
        """Levels 2 to 5. A word goes to the clause and the phrase that hold its first token."""
        clauses = find_clauses(tokens)
        for clause, inside in _share(tokens, words, clauses):
            span = (inside[0][0], inside[-1][1])
            action = self.add(0, 2, "action", *span, clause.relation, clause.order)
            for phrase, among in _share(tokens, inside, find_phrases(tokens, clause)):
                node = self.add(action, 3, phrase.role, among[0][0], among[-1][1])
                for word in among:
                    leaf = self.add(node, 4, "word", *word)
                    for piece in pieces[word]:
                        self.add(leaf, 5, "piece", *piece)


def _share(
    tokens: Sequence[Token], words: Sequence[Span], parts: Sequence[Part]
) -> list[tuple[Part, list[Span]]]:
    """Each part with the words that begin before its last character; parts without words left out."""
    found: list[tuple[Part, list[Span]]] = []
    k = 0
    for part in parts:
        inside: list[Span] = []
        end = tokens[part.end - 1].end
        while k < len(words) and words[k][0] < end:
            inside.append(words[k])
            k += 1
        if inside:
            found.append((part, inside))
    return found
