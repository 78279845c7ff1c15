"""Captions of several actions in a row, put together from captions of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nestmotion.corpus.source import ActionSpan, Caption
from nestmotion.text import SemanticTree, mirror_text_with_spans, parse

__all__ = ["PartCaption", "join_captions", "mirror_caption", "read_caption"]

_SUBJECT = re.compile(
    r"(?:(?:an?|the|this|one) )?(?:person|man|woman|lady|guy|figure|human|character|individual|sim|"
    r"toon|dancer|model)|someone|somebody|he|she"
)
_MAN, _WOMAN = re.compile(r"\b(?:man|guy|he)$"), re.compile(r"\b(?:woman|lady|she)$")

# Pronouns in a caption that are about the one who moves, by what they make of him or her.
_PRONOUNS = {
    "he": re.compile(r"\b(?:he|him|his|himself)\b"),
    "she": re.compile(r"\b(?:she|her|hers|herself)\b"),
    "they": re.compile(r"\b(?:they|them|their|theirs|themselves|themself)\b"),
}
# Those that can take another's place without a change of verb or doubt about whom they mean.
_EXCHANGED = {
    ("they", "he"): {"their": "his", "themselves": "himself", "themself": "himself"},
    ("they", "she"): {"their": "her", "themselves": "herself", "themself": "herself"},
    ("he", "they"): {"his": "their", "himself": "themselves"},
    ("he", "she"): {"his": "her", "himself": "herself"},
}

# What stands between two actions, and how often. {subject} is "he", "she" or "the person".
_CONNECTIVES = {
    ", then {action}": 6,
    " then {action}": 3,
    " and then {action}": 6,
    ", and then {action}": 3,
    " and {action}": 2,
    ", and {action}": 2,
    ", after which {subject} {action}": 1,
    ", and after that {action}": 1,
    ", then {subject} {action}": 2,
    ". then {subject} {action}": 3,
    ". after that {subject} {action}": 2,
    ". next, {subject} {action}": 1,
}
_LAST_CONNECTIVES = {", and finally {action}": 2, ". finally, {subject} {action}": 2}

# Neutral surroundings for longer texts: nothing about how the body moves.
_OPENINGS = (
    "in a large room, ",
    "in an empty hall, ",
    "on a flat floor, ",
    "in front of the cameras, ",
    "in a quiet studio, ",
    "under bright lights, ",
    "on a sunny day, ",
)
_CLOSINGS = (
    ", in a large room",
    ", in an empty hall with plain walls",
    ", with nobody else around",
    ", wearing a dark suit with small markers",
)


@dataclass(frozen=True)
class PartCaption:
    """A caption that can be joined to others: who moves, and what is done.

    action: begins with a verb in the third person ("walks forward") or its adverb, without final dot.
    actions: how many are done one after the other. exact: it counts, measures or names a closed path,
    so that it is true of the whole clip only.
    """

    subject: str
    action: str
    actions: int
    exact: bool

    @cached_property
    def words(self) -> frozenset[str]:
        """Stems that tell what is done, to compare captions by."""
        found = re.findall(r"[a-z0-9]+", self.action.lower())
        return frozenset(w[:4] for w in found if w not in _EMPTY_WORDS)


_EMPTY_WORDS = frozenset(
    ("a", "an", "the", "is", "are", "his", "her", "their", "its", "and", "then")
    + ("to", "in", "on", "of", "with", "at", "by", "as", "for")
)
_CLOSED_PATH = re.compile(r"\b(?:circles?|square|triangle|eight|8|laps?|around|back and forth|full)\b")


def read_caption(text: str) -> PartCaption | None:
    """A caption as a part to join, None where it does not begin with a subject and a verb in the
    present. Raises SettingsError when spaCy is not installed (extra `parse`)."""
    text = re.sub(r"\s+", " ", text).strip().rstrip(" .!,;")
    text = text[:1].lower() + text[1:]
    tree = parse(text)
    if not tree.actions:
        return None
    phrases = tree.children(tree.actions[0])
    roles = [p.role for p in phrases]
    if roles[:1] == ["agent"]:
        subject, action, roles = phrases[0].text, text[phrases[0].end :].lstrip(" ,"), roles[1:]
    else:
        subject, action = "a person", text
    if not _SUBJECT.fullmatch(subject) or roles[:2] not in (
        ["manner", "motion"],
        ["motion", *roles[1:2]],
    ):
        return None
    verb, *others = (p.text.split()[0] for p in tree.phrases if p.role == "motion")
    if verb.endswith("ing"):
        # "A person standing still waves" has its main verb elsewhere.
        if any(other.endswith("s") for other in others):
            return None
        action = f"is {action}"
    elif not verb.endswith("s") or verb == "was":
        return None
    exact = any(p.role == "count" for p in tree.phrases) or bool(_CLOSED_PATH.search(text))
    return PartCaption(subject, action, _in_a_row(tree), exact)


def _in_a_row(tree: SemanticTree) -> int:
    return len({action.order for action in tree.actions})


def join_captions(
    parts: Sequence[PartCaption],
    times_s: Sequence[tuple[float, float]],
    rng: np.random.Generator,
    details: float = 0.0,
) -> Caption:
    """One caption for the parts in their order, with the span of each in characters and seconds.

    The first keeps its subject; the others lose it or have a pronoun. A part's span holds its
    connective. With probability `details` a neutral detail of the scene is added, outside all spans.
    """
    who = _pronoun(parts, rng)
    opening = closing = ""
    if rng.random() < details:
        if rng.random() < 0.5:
            opening = str(rng.choice(_OPENINGS))
        else:
            closing = str(rng.choice(_CLOSINGS))
    text, spans = opening, []
    for k, part in enumerate(parts):
        action = _with_pronoun(part.action, who)
        start = len(text)
        if k == 0:
            text += f"{part.subject} {action}"
        else:
            text += _connective(parts, k, rng).format(action=action, subject=_subject(who, rng))
        spans.append(ActionSpan(start, len(text), *times_s[k]))
    return Caption(text + closing + ("." if rng.random() < 0.5 else ""), actions=tuple(spans))


def _connective(parts: Sequence[PartCaption], k: int, rng: np.random.Generator) -> str:
    weights = dict(_CONNECTIVES)
    if k == len(parts) - 1 and k > 1:
        weights |= _LAST_CONNECTIVES
    if parts[k].action.startswith("is "):  # "then is walking" wants a subject
        weights = {text: weight for text, weight in weights.items() if "{subject}" in text}
    share = np.array(list(weights.values()), dtype=float)
    return str(rng.choice(list(weights), p=share / share.sum()))


def _pronoun(parts: Sequence[PartCaption], rng: np.random.Generator) -> str:
    """ "he", "she" or "they" for the one who moves: as the first part that tells has it."""
    for part in parts:
        if _MAN.search(part.subject):
            return "he"
        if _WOMAN.search(part.subject):
            return "she"
        for who, pattern in _PRONOUNS.items():
            if pattern.search(part.action):
                return who
    return str(rng.choice(["he", "they"]))


def _subject(who: str, rng: np.random.Generator) -> str:
    """How a later part names who moves; "they" would need other verbs."""
    return "the person" if who == "they" or rng.random() < 0.4 else who


def _with_pronoun(action: str, who: str) -> str:
    """The action with its pronouns made to agree, where that can be done word for word."""
    for (old, new), words in _EXCHANGED.items():
        if new != who:
            continue
        found = set(_PRONOUNS[old].findall(action))
        if found and found <= set(words):
            action = _PRONOUNS[old].sub(lambda match, words=words: words[match[0]], action)
    return action


def mirror_caption(caption: Caption) -> Caption:
    """The caption of the mirrored motion: sides swapped, spans moved with their words."""
    spans = [(a.start_char, a.end_char) for a in caption.actions]
    text, moved = mirror_text_with_spans(caption.text, spans)
    actions = tuple(
        replace(action, start_char=start, end_char=end)
        for action, (start, end) in zip(caption.actions, moved, strict=True)
    )
    return replace(caption, text=text, actions=actions)
