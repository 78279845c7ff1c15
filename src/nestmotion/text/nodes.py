"""A semantic tree as arrays: what the network reads of a prompt's nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from nestmotion.text import lexicon
from nestmotion.text.encoder import EncodedText
from nestmotion.text.tree import SemanticTree

__all__ = ["CUES", "KINDS", "MOST_TURNS", "TextNodes", "cue_words", "stack_nodes", "tree_nodes"]

# What a node is: its level or, for a phrase, its role.
KINDS = ("sentence", "action", "word", "piece", *lexicon.ROLES)

# Actions are done in so many turns at most; what comes later shares the last.
MOST_TURNS = 8

# Words on which the meaning of a movement hangs and which a sentence encoder puts close together
# ("left" and "right" are used alike). A node is told outright which of them it holds.
CUES: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "left": "left leftward leftwards lefthand lefty",
        "right": "right rightward rightwards righthand righty",
        "both": "both",
        "forward": "forward forwards ahead straight front",
        "backward": "backward backwards back backs reverse behind",
        "sideways": "sideways side sidestep sidesteps sidewards laterally",
        "clockwise": "clockwise",
        "counterclockwise": "counterclockwise anticlockwise counter anti",
        "up": "up upward upwards raise raises raised raising lift lifts lifted lifting stand stands",
        "down": "down downward downwards lower lowers lowered lowering sit sits sitting crouch",
        "around": "around circle circles circular round",
        "turn": "turn turns turning turned rotate rotates rotating spin spins spinning pivot pivots",
        "hand": "hand hands arm arms wrist fist fists elbow elbows palm palms finger fingers",
        "foot": "foot feet leg legs knee knees toe toes heel heels",
        "head": "head neck face",
        "torso": "torso waist hips hip body chest shoulders shoulder",
        "walk": "walk walks walking walked step steps stepping stroll strolls march marches",
        "run": "run runs running ran jog jogs jogging sprint sprints",
        "jump": "jump jumps jumping jumped hop hops hopping leap leaps",
        "kick": "kick kicks kicking kicked",
        "wave": "wave waves waving waved",
        "punch": "punch punches punching box boxes boxing jab jabs",
        "throw": "throw throws throwing threw toss tosses",
        "dance": "dance dances dancing waltz salsa",
        "still": "still stays stay stationary place idle motionless",
        "slowly": "slow slowly slower carefully gently casually",
        "quickly": "fast quick quickly rapidly faster hurriedly",
        "one": "one once 1 single",
        "two": "two twice 2 second",
        "three": "three thrice 3",
        "many": "four five six several multiple repeatedly times 4 5 6",
    }.items()
}


@dataclass(frozen=True)
class TextNodes:
    """N nodes of one text, or (B, N) of several, the shorter texts padded.

    vectors (N, D): mean of the token states inside the node; zero where the encoder cut the text.
    kind (N): index into KINDS. level (N): 1 to 5. parent (N): index of the parent; 0 for the root.
    order (N): when the node's action is done, 0 to MOST_TURNS - 1; -1 for the sentence.
    cues (N, C): 1 where the node holds a word of that entry of CUES.
    valid (N): True for a real node.
    """

    vectors: Float[np.ndarray, "*b n d"]
    kind: Int[np.ndarray, "*b n"]
    level: Int[np.ndarray, "*b n"]
    parent: Int[np.ndarray, "*b n"]
    order: Int[np.ndarray, "*b n"]
    cues: Float[np.ndarray, "*b n c"]
    valid: Bool[np.ndarray, "*b n"]

    def __len__(self) -> int:
        return self.valid.shape[-1]


def tree_nodes(tree: SemanticTree, encoded: EncodedText, row: int = 0) -> TextNodes:
    """The nodes of a tree with the token states of its prompt, which is text `row` of `encoded`."""
    starts, ends = encoded.spans[row].T
    real = encoded.valid[row] & (ends > starts)
    inside = np.array([(starts >= n.start) & (starts < n.end) & real for n in tree.nodes])
    share = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    order = [-1 if n.level == 1 else _order(tree, n.id) for n in tree.nodes]
    return TextNodes(
        vectors=(share @ encoded.tokens[row]).astype(np.float32),
        kind=np.array([KINDS.index(n.role) for n in tree.nodes]),
        level=np.array([n.level for n in tree.nodes]),
        parent=np.array([n.parent or 0 for n in tree.nodes]),
        order=np.minimum(np.array(order), MOST_TURNS - 1),
        cues=np.array([_cues(n.text) for n in tree.nodes], dtype=np.float32),
        valid=np.ones(len(tree.nodes), dtype=bool),
    )


def _order(tree: SemanticTree, node_id: int) -> int:
    order = tree.ancestor(tree.nodes[node_id], 2).order
    return 0 if order is None else order


def cue_words(text: str) -> set[str]:
    """The words of a text as CUES has them; of "counter clockwise" only the first."""
    words = set(text.lower().replace("-", " ").replace(".", " ").replace(",", " ").split())
    if "counter" in words or "anti" in words:
        words.discard("clockwise")
    return words


def _cues(text: str) -> list[bool]:
    words = cue_words(text)
    return [bool(words & held) for held in CUES.values()]


def stack_nodes(texts: Sequence[TextNodes]) -> TextNodes:
    """Several texts in one, padded with zeros to the longest."""
    longest = max(map(len, texts))
    stacked = {}
    for field in fields(TextNodes):
        arrays = [getattr(text, field.name) for text in texts]
        out = np.zeros((len(texts), longest, *arrays[0].shape[1:]), dtype=arrays[0].dtype)
        for row, array in enumerate(arrays):
            out[row, : len(array)] = array
        stacked[field.name] = out
    return TextNodes(**stacked)
