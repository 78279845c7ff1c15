"""From a prompt to its semantic tree, by rules over a dependency parse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from nestmotion.text.clauses import Clause, find_clauses
from nestmotion.text.dependencies import Token, analyse
from nestmotion.text.labels import Span, WordLabel, build_tree, words_of
from nestmotion.text.phrases import Phrase, find_phrases
from nestmotion.text.tree import SemanticTree

__all__ = ["parse"]

Part = TypeVar("Part", Clause, Phrase)


def parse(prompt: str, pieces: Iterable[Span] | None = None) -> SemanticTree:
    """The semantic tree of a prompt in English, of any length, well-formed or not.

    pieces: spans (first and one-past-last character) of word pieces in reading order, such as the
    valid ones of `EncodedText.spans`; they become level 5, without which the tree has 4 levels.
    Pieces that begin in no word (marks, punctuation) have no node.
    A text without any word gives a tree of one node, the sentence.
    Raises SettingsError when spaCy is not installed (extra `parse`).
    """
    words = words_of(prompt)
    return build_tree(prompt, _labels(analyse(prompt), words) if words else [], pieces)


def _labels(tokens: Sequence[Token], words: Sequence[Span]) -> list[WordLabel]:
    """What begins at each word. A word goes to the clause and the phrase that hold its first token."""
    found: list[WordLabel] = []
    for clause, inside in _share(tokens, words, find_clauses(tokens)):
        begun = len(found)
        for phrase, among in _share(tokens, inside, find_phrases(tokens, clause)):
            found += [WordLabel(None, phrase.role), *[WordLabel()] * (len(among) - 1)]
        found[begun] = WordLabel(clause.relation, found[begun].role)
    return found


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
