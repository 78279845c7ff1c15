"""All texts of a training run as vectors and nodes, read once and kept on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from nestmotion.text import SemanticTree, TextEncoder
from nestmotion.text.nodes import TextNodes, tree_nodes
from nestmotion.text.reader import TreeReader
from nestmotion.text.tree import LEVELS

__all__ = ["TextLibrary", "read_texts"]

_AT_ONCE = 64
_STORED_DEPTH = 4

# Of what is kept; another number where older files must not be taken.
_VERSION = 3

# What of the nodes is kept, and how small. `valid` is True for all of them.
_STORED = {
    "vectors": np.float16,
    "kind": np.int8,
    "level": np.int8,
    "parent": np.int16,
    "order": np.int8,
    "cues": np.bool_,
}


@dataclass(frozen=True)
class TextLibrary:
    """Sentence vectors (K, S) and nodes of K texts.

    The nodes of text k are rows first[k] to first[k + 1] of `nodes`; `starts` has the first
    character of each node. verbs: stem of the first verb of each text, "" for none.
    """

    rows: dict[str, int]
    sentences: Float[np.ndarray, "k s"]
    first: Int[np.ndarray, "k1"]
    nodes: dict[str, np.ndarray]
    starts: Int[np.ndarray, "m"]
    verbs: np.ndarray

    def sentence(self, text: str) -> Float[np.ndarray, "s"]:
        return self.sentences[self.rows[text]]

    def _span(self, text: str) -> slice:
        row = self.rows[text]
        return slice(int(self.first[row]), int(self.first[row + 1]))

    def nodes_of(self, text: str) -> TextNodes:
        """The nodes of one text."""
        span = self._span(text)
        arrays = {name: array[span] for name, array in self.nodes.items()}
        wide = {
            k: v.astype(np.float32 if k in ("vectors", "cues") else np.int64) for k, v in arrays.items()
        }
        return TextNodes(**wide, valid=np.ones(span.stop - span.start, dtype=bool))

    def lead_verb(self, text: str) -> str:
        return str(self.verbs[self.rows[text]])

    def action_turns(self, text: str) -> list[tuple[int, int]]:
        """(first character, turn) of each action."""
        span = self._span(text)
        acts = self.nodes["level"][span] == 2
        starts, orders = self.starts[span][acts], self.nodes["order"][span][acts]
        return [(int(a), int(b)) for a, b in zip(starts, orders, strict=True)]

    def cut(self, depth: int) -> TextLibrary:
        """The same texts with nodes down to a level only."""
        kept = self.nodes["level"] <= depth
        place = np.cumsum(kept) - 1
        first = np.concatenate(([0], np.cumsum(kept)))[self.first]
        lengths = np.diff(self.first)
        parent = place[np.repeat(self.first[:-1], lengths) + self.nodes["parent"]]
        parent = parent - np.repeat(first[:-1], lengths)
        nodes = {**self.nodes, "parent": parent.astype(np.int16)}
        nodes = {name: array[kept] for name, array in nodes.items()}
        return replace(self, first=first, nodes=nodes, starts=self.starts[kept])

    def joined(self, other: TextLibrary) -> TextLibrary:
        """These texts and those of another, of which none may be among these."""
        rows = self.rows | {text: row + len(self.rows) for text, row in other.rows.items()}
        return TextLibrary(
            rows,
            np.concatenate((self.sentences, other.sentences)),
            np.concatenate((self.first, self.first[-1] + other.first[1:])),
            {name: np.concatenate((array, other.nodes[name])) for name, array in self.nodes.items()},
            np.concatenate((self.starts, other.starts)),
            np.concatenate((self.verbs, other.verbs)),
        )

    def node_statistics(self) -> tuple[Float[np.ndarray, "s"], Float[np.ndarray, "s"]]:
        """Mean and standard deviation of the nodes' vectors."""
        vectors = self.nodes["vectors"].astype(np.float32)
        return vectors.mean(axis=0), vectors.std(axis=0)


def read_texts(
    texts: Sequence[str],
    encoder: TextEncoder,
    reader: TreeReader,
    depth: int,
    cache: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TextLibrary:
    """Encode the texts and read their trees down to `depth`, or take them from the folder `cache`.

    What is kept goes down to the words at least, so that several depths share it.
    """
    stored = max(depth, _STORED_DEPTH)
    ordered = sorted(set(texts), key=lambda text: (len(text), text))
    path = (
        cache / f"texts-{_key(ordered, f'{stored} {encoder.digest} {reader.digest}')}.npz"
        if cache is not None
        else None
    )
    if path is not None and path.is_file():
        return _load(path, ordered).cut(depth)
    sentences, nodes, starts, verbs = [], [], [], []
    for a in range(0, len(ordered), _AT_ONCE):
        part = ordered[a : a + _AT_ONCE]
        encoded = encoder.encode(part)
        sentences.append(encoded.sentence)
        for row, text in enumerate(part):
            tree = reader.read(text, encoded, row, pieces=stored == len(LEVELS))
            verbs.append(_lead_verb(tree))
            tree = tree.cut(stored)
            nodes.append(tree_nodes(tree, encoded, row))
            starts.append([node.start for node in tree.nodes])
        progress(min(a + _AT_ONCE, len(ordered)), len(ordered))
    arrays = {
        "sentences": np.concatenate(sentences),
        "first": np.cumsum([0, *map(len, nodes)]),
        "starts": np.concatenate(starts).astype(np.int16),
        "verbs": np.array(verbs),
    }
    for name, kind in _STORED.items():
        arrays[name] = np.concatenate([getattr(n, name) for n in nodes]).astype(kind)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    return _library(arrays, ordered).cut(depth)


def _lead_verb(tree: SemanticTree) -> str:
    """Stem of the last word of the first motion phrase: "starts to walk" gives "walk"."""
    phrase = next((node for node in tree.phrases if node.role == "motion"), None)
    word = phrase.text.lower().split()[-1] if phrase is not None else ""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _key(texts: Sequence[str], how: str) -> str:
    digest = hashlib.sha256(f"{_VERSION} {how}\n".encode())
    for text in texts:
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()[:24]


def _load(path: Path, texts: Sequence[str]) -> TextLibrary:
    with np.load(path, allow_pickle=False) as arrays:
        return _library(dict(arrays), texts)


def _library(arrays: dict[str, np.ndarray], texts: Sequence[str]) -> TextLibrary:
    rows = {text: k for k, text in enumerate(texts)}
    nodes = {name: arrays[name] for name in _STORED}
    return TextLibrary(
        rows, arrays["sentences"], arrays["first"], nodes, arrays["starts"], arrays["verbs"]
    )
