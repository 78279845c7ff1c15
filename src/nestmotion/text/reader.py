"""From a prompt to its semantic tree by a small network over the text encoder's token states.

The network was taught by `nestmotion.text.parse` (nestmotion.training.reader). It needs no spaCy and
costs about a millisecond where the prompt is encoded anyway.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import BundleError
from nestmotion.text import lexicon
from nestmotion.text.encoder import EncodedText
from nestmotion.text.labels import RELATIONS, Span, WordLabel, build_tree, share_pieces, words_of
from nestmotion.text.tree import SemanticTree

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = [
    "MODEL_FILE",
    "SETTINGS_FILE",
    "SURFACE_SIZE",
    "TreeReader",
    "labels_from",
    "reader_settings",
    "surface",
    "word_states",
]

MODEL_FILE = "reader.onnx"
SETTINGS_FILE = "reader.json"
FORMAT = 1

# What stands before a word: each group of marks is one feature.
_MARKS = (",", ".;!?:", "-/'\u2019&")
_ENDINGS = ("ing", "ed", "s", "ly")
_LISTS = (
    lexicon.AGENTS,
    lexicon.BODY_PARTS,
    lexicon.DIRECTIONS,
    lexicon.MOTION,
    lexicon.LEADING | lexicon.TOOL,
    lexicon.POSTURES,
    lexicon.THEN,
    lexicon.WHILE,
    lexicon.BEFORE,
    lexicon.AFTER,
    lexicon.LINKS,
    lexicon.WITH,
    lexicon.PREPOSITIONS,
    lexicon.COUNTS | lexicon.COUNTED,
)
# An action that the network sees begins within so many words from there, subject and all.
_SOON = 4

SURFACE_SIZE = len(_MARKS) + len(_ENDINGS) + len(_LISTS)


def reader_settings() -> dict[str, Any]:
    """What the network's inputs and logits mean; must be the same when it is taught and used."""
    return {
        "format": FORMAT,
        "surface": SURFACE_SIZE,
        "relations": list(RELATIONS),
        "roles": list(lexicon.ROLES),
    }


def surface(prompt: str, words: Sequence[Span]) -> Float[np.ndarray, "w f"]:
    """What can be seen of each word without the encoder: marks before it, its ending, its lists."""
    found = np.zeros((len(words), SURFACE_SIZE), np.float32)
    for k, (start, end) in enumerate(words):
        gap = prompt[words[k - 1][1] if k else 0 : start]
        word = prompt[start:end].lower()
        marks = [any(mark in gap for mark in group) for group in _MARKS]
        found[k] = (*marks, *map(word.endswith, _ENDINGS), *(word in words for words in _LISTS))
    return found


def word_states(words: Sequence[Span], encoded: EncodedText, row: int) -> Float[np.ndarray, "w d"]:
    """The mean state of the pieces that begin in each word; zero for a word without any, such as one
    beyond the encoder's cut."""
    tokens, spans = _pieces(encoded, row)
    found = np.zeros((len(words), tokens.shape[1]), np.float32)
    for k, places in enumerate(share_pieces(words, spans)):
        if places:
            found[k] = tokens[places].mean(axis=0)
    return found


def _pieces(encoded: EncodedText, row: int) -> tuple[Float[np.ndarray, "l d"], list[Span]]:
    """States and spans of the tokens that stand for characters, not of the marks at the ends."""
    real = encoded.valid[row] & (encoded.spans[row, :, 1] > encoded.spans[row, :, 0])
    spans = encoded.spans[row][real].tolist()
    return encoded.tokens[row][real], [(start, end) for start, end in spans]


class TreeReader:
    """Prompts to trees. Make one with `TreeReader.load`."""

    def __init__(self, session: InferenceSession, folder: Path) -> None:
        self._session = session
        self._folder = folder

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> TreeReader:
        """From a folder holding reader.onnx and reader.json, such as a bundle's.

        Raises BundleError when it does not, or holds those of another version.
        """
        from nestmotion.text.session import open_session

        for name in (MODEL_FILE, SETTINGS_FILE):
            if not (folder / name).is_file():
                raise BundleError(f"{folder}: holds no {name}; name the folder of a bundle that does")
        settings = json.loads((folder / SETTINGS_FILE).read_text("utf-8"))
        if any(settings.get(name) != value for name, value in reader_settings().items()):
            raise BundleError(f"{folder / SETTINGS_FILE}: of another version; export the bundle again")
        return cls(open_session(folder / MODEL_FILE, threads), folder)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network's file: how it reads, in a name."""
        return sha256_of(self._folder / MODEL_FILE)

    def read(
        self, prompt: str, encoded: EncodedText, row: int = 0, pieces: bool = False
    ) -> SemanticTree:
        """The semantic tree of a prompt, of which `encoded` holds the token states in its row `row`.

        pieces: with level 5, the word pieces that the encoder read.
        A text without any word gives a tree of one node, the sentence. Words beyond the encoder's cut
        belong to the last action and phrase before it.
        """
        words = words_of(prompt)
        labels = self._labels(prompt, words, encoded, row) if words else []
        return build_tree(prompt, labels, _pieces(encoded, row)[1] if pieces else ())

    def _labels(
        self, prompt: str, words: Sequence[Span], encoded: EncodedText, row: int
    ) -> list[WordLabel]:
        states = word_states(words, encoded, row)
        inputs = {
            "states": states[None],
            "surface": surface(prompt, words)[None],
            "valid": np.ones((1, len(words)), bool),
        }
        (logits,) = self._session.run(None, inputs)
        labels = labels_from(logits[0], (states != 0).any(axis=1))
        return _after_that(labels, prompt, words)


def _after_that(labels: Sequence[WordLabel], prompt: str, spans: Sequence[Span]) -> list[WordLabel]:
    """Labels in which what "after that" and "after which" open is an action, and follows: the network
    often takes it for one that comes before, as in "after walking", or sees none."""
    found, words = list(labels), [prompt[start:end].lower() for start, end in spans]
    for k in range(1, len(words) - 1):
        if words[k] != "after" or words[k + 1] not in lexicon.BACK:
            continue
        first = k - (words[k - 1] == "and")
        if found[first].relation == "before":
            found[first] = replace(found[first], relation="then")
        elif _opens_action(labels, words, first, k, prompt[spans[first - 1][1] : spans[first][0]]):
            found[first] = WordLabel("then", found[first].role or "time_order")
    return found


def _opens_action(
    labels: Sequence[WordLabel], words: Sequence[str], first: int, after: int, gap: str
) -> bool:
    """Whether the "after that" at `after`, or its "and" at `first`, opens an action that the network
    did not see. Not at the end of a clause ("sits after that") nor before a noun ("after that step").

    gap: what stands before it.
    """
    apart = first < after or words[after + 1] == "which" or any(mark in gap for mark in ",.;!?")
    begun = any(
        labels[k].relation and words[k] not in ("and", "then")
        for k in range(after, min(after + _SOON, len(words)))
    )
    follows = after + 2 < len(words)
    return apart and follows and first > 0 and not labels[first].relation and not begun


def labels_from(logits: Float[np.ndarray, "w k"], known: Bool[np.ndarray, "w"]) -> list[WordLabel]:
    """The likeliest labels that make a tree.

    logits: for the action that begins at a word (none, then RELATIONS) and for the phrase (none, then
    lexicon.ROLES). known: False for words that the encoder did not see; nothing begins there.
    """
    actions, phrases = logits[:, : 1 + len(RELATIONS)], logits[:, 1 + len(RELATIONS) :]
    found = []
    for k in range(len(logits)):
        later = np.delete(actions[k], 1).argmax() if k and known[k] else 0
        relation = (RELATIONS[later] if later else None) if k else RELATIONS[0]
        begins = relation is not None or (known[k] and phrases[k].argmax() > 0)
        found.append(WordLabel(relation, lexicon.ROLES[phrases[k, 1:].argmax()] if begins else None))
    return found
