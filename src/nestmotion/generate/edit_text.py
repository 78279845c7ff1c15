"""Which words of a prompt an edit changes, and which frames and joints they are about."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import takewhile

from nestmotion.core import Skeleton
from nestmotion.core.errors import PromptError
from nestmotion.generate.alignment_map import AlignmentMap
from nestmotion.text import SemanticTree
from nestmotion.text.mirror import mirror_text
from nestmotion.text.nodes import CUES
from nestmotion.text.tree import Node

__all__ = [
    "SHORTEST_S",
    "about_who",
    "actions_of",
    "changed_words",
    "find_phrase",
    "frames_of",
    "joints_named",
    "swaps_sides",
]

# Nothing that a text tells of is done in less; a turn that is read as shorter is misread.
SHORTEST_S = 1.0

# Joints that move without the rest, by the entry of CUES that names them.
_BY_THEMSELVES = {"hand": ("collar", "shoulder", "elbow", "wrist"), "head": ("neck", "head")}
# Phrases about when, not about what.
_LINKS = ("time_order", "simultaneity", "link")

Span = tuple[int, int]


def find_phrase(prompt: str, phrase: str) -> Span:
    """First and one-past-last character of a phrase, in any case, made of whole words.

    Raises PromptError when it is empty, not in the prompt, or there more than once.
    """
    if not phrase:
        raise PromptError("no phrase to change; give some words of the prompt")
    pattern = re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)", re.IGNORECASE)
    found = [match.span() for match in pattern.finditer(prompt)]
    if not found:
        whole = "; name whole words" if phrase.lower() in prompt.lower() else ""
        raise PromptError(f"{phrase!r} is not in the prompt {prompt!r}{whole}")
    if len(found) > 1:
        raise PromptError(
            f"{phrase!r} stands {len(found)} times in the prompt {prompt!r}; give more of the words "
            "around one of them"
        )
    return found[0]


def changed_words(old: str, new: str) -> tuple[Span, Span]:
    """The characters of either text between the words with which both begin and those with which both
    end; empty where a text has no words of its own."""
    spans = [[m.span() for m in re.finditer(r"\S+", text)] for text in (old, new)]
    words = [
        [text[a:b].casefold() for a, b in row] for text, row in zip((old, new), spans, strict=True)
    ]

    def alike(a: Sequence[str], b: Sequence[str]) -> int:
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))

    first = alike(*words)
    last = alike(words[0][first:][::-1], words[1][first:][::-1])
    found = []
    for row in spans:
        own = row[first : len(row) - last]
        edge = row[first - 1][1] if first else 0
        found.append((own[0][0], own[-1][1]) if own else (edge, edge))
    return found[0], found[1]


def swaps_sides(old: str, new: str) -> bool:
    """Whether two texts say the same with left and right, or the way round, exchanged."""
    return old.casefold() != new.casefold() and mirror_text(old).casefold() == new.casefold()


def _touched(nodes: Sequence[Node], span: Span) -> list[Node]:
    return [node for node in nodes if node.start < span[1] and span[0] < node.end]


def about_who(tree: SemanticTree, span: Span) -> bool:
    """Whether characters of the prompt are about who moves, and so about all that is done."""
    phrases = [n for n in _touched(tree.phrases, span) if n.role not in _LINKS]
    return bool(phrases) and all(n.role == "agent" for n in phrases)


def actions_of(tree: SemanticTree, span: Span) -> list[Node]:
    """The actions that characters of the prompt belong to; all for words about who moves."""
    if about_who(tree, span):
        return list(tree.actions)
    return _touched(tree.actions, span) or list(tree.actions)


def frames_of(alignment: AlignmentMap, actions: Sequence[Node]) -> range:
    """The frames of some actions, at least SHORTEST_S of them where the clip has so many."""
    spans, total, fps = alignment.spans_s(), alignment.weight.shape[1], alignment.fps
    first = round(min((spans[n.id][0] for n in actions), default=0.0) * fps)
    past = round(max((spans[n.id][1] for n in actions), default=total / fps) * fps)
    count = min(max(past - first, math.ceil(SHORTEST_S * fps)), total)
    first = min(max((first + past - count) // 2, 0), total - count)
    return range(first, first + count)


def joints_named(
    phrases: Sequence[tuple[SemanticTree, Span]], skeleton: Skeleton
) -> frozenset[int] | None:
    """Joints of arms and head that the phrases at some characters name; None for the whole body, when
    they are about anything else."""
    nodes = [node for tree, span in phrases for node in _touched(tree.phrases, span)]
    if not nodes or any(node.role != "body_part" for node in nodes):
        return None
    found: set[str] = set()
    for node in nodes:
        words = set(re.findall(r"\w+", node.text.lower()))
        named = [name for name in _BY_THEMSELVES if words & CUES[name]]
        if not named or words & (CUES["foot"] | CUES["torso"]):
            return None
        sides = [side for side in ("left", "right") if words & CUES[side]] or ["left", "right"]
        for stem in (stem for name in named for stem in _BY_THEMSELVES[name]):
            found |= {stem, *(f"{side}_{stem}" for side in sides)}
    return frozenset(j for j, name in enumerate(skeleton.joint_names) if name in found)
