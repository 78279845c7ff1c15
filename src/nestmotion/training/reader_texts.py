"""Captions to teach the tree reader with: read from files, held out by hash, and varied.

Variants take over the labels of the caption they were made from: what changes (subject, sides, letter
case, final dot, a connective between two captions) does not change what begins at the other words.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from nestmotion.core.errors import CorpusError
from nestmotion.corpus import PreparedCorpus
from nestmotion.text.labels import WordLabel, words_of
from nestmotion.text.mirror import mirror_text
from nestmotion.text.tree import Relation

__all__ = ["Labelled", "caption_key", "is_held_out", "read_captions", "varied"]

HELD_OUT_SHARE = 0.05
TRAIN_FOLDS = (1, 2, 3, 4)
JOINED_SHARE = 0.6
LONGEST_JOINED = 25  # words of each part

_SUBJECTS = (
    *("a person", "the person", "a man", "the man", "a woman", "he", "she", "someone", "somebody"),
    *("a figure", "the figure", "person", "man", "this person", "the character", "a guy", "they"),
    *("a human", "an old man", "the dancer", "i"),
)
_PRONOUNS = ("he", "she", "he", "the person", "a person", "the man")


@dataclass(frozen=True)
class Labelled:
    """A text with the label of each of its words."""

    text: str
    labels: tuple[WordLabel, ...]


def read_captions(paths: Iterable[Path]) -> list[str]:
    """The captions of files and folders, in their order.

    A file holds a JSON object a line whose "captions" are texts. A folder is a prepared corpus, of
    which the training folds count. Raises CorpusError for what cannot be read.
    """
    found: list[str] = []
    for path in paths:
        if path.is_dir():
            clips = PreparedCorpus.open(path).select(TRAIN_FOLDS, captioned=True)
            found += [caption.text for clip in clips for caption in clip.captions]
            continue
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(f"{path}: cannot be read ({error})") from None
        for number, line in enumerate(lines, 1):
            try:
                captions = json.loads(line)["captions"]
                found += ["".join(caption) for caption in captions]
            except (KeyError, TypeError, ValueError) as error:
                raise CorpusError(f"{path}:{number}: not an object with captions ({error})") from None
    return found


def caption_key(text: str) -> str:
    """The same for texts that differ in letter case, marks, spaces or sides only."""
    forms = (text, mirror_text(text))
    return min(" ".join(re.findall(r"\w+", form.lower())) for form in forms)


def is_held_out(key: str) -> bool:
    """Whether a caption is kept to measure with; drawn from its key alone."""
    digest = hashlib.sha256(f"reader {key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def varied(captions: Sequence[Labelled], rng: Random) -> list[Labelled]:
    """One variant of every caption, and pairs of captions joined by a connective."""
    found = [_variant(caption, rng) for caption in captions]
    parts = [c for c in captions if len(c.labels) <= LONGEST_JOINED and _opens_plainly(c)]
    for _ in range(round(JOINED_SHARE * len(parts))):
        joined = _joined(rng.choice(parts), rng.choice(parts), rng)
        if rng.random() < 0.25:
            joined = _joined(joined, rng.choice(parts), rng)
        found.append(_dressed(joined, rng))
    return found


def _variant(caption: Labelled, rng: Random) -> Labelled:
    found = _mirrored(caption) if rng.random() < 0.3 else caption
    kind = rng.choices(("other", "none", "command", "same"), (4, 2, 3, 2))[0]
    if kind == "other":
        found = _with_subject(found, rng.choice(_SUBJECTS))
    elif kind == "none":
        found = _with_subject(found, "")
    elif kind == "command":
        found = _as_command(found)
    return _dressed(found, rng)


def _dressed(caption: Labelled, rng: Random) -> Labelled:
    """With a dot at the end or none, the first letter large or small, now and then all large."""
    text = caption.text.rstrip(" .") + rng.choice(("", "."))
    text = text[:1].upper() + text[1:] if rng.random() < 0.5 else text[:1].lower() + text[1:]
    return replace(caption, text=text.upper() if rng.random() < 0.02 else text)


def _mirrored(caption: Labelled) -> Labelled:
    text = mirror_text(caption.text)
    return replace(caption, text=text) if len(words_of(text)) == len(caption.labels) else caption


def _opens_plainly(caption: Labelled) -> bool:
    return caption.labels[0].role in ("agent", "motion")


def _subject_words(caption: Labelled) -> int:
    """How many words name who moves at the beginning; 0 when it does not begin with that."""
    if caption.labels[0].role != "agent":
        return 0
    following = [k for k, label in enumerate(caption.labels) if k and label.role]
    return following[0] if following and caption.labels[following[0]].relation is None else 0


def _with_subject(caption: Labelled, subject: str) -> Labelled:
    """Another subject in place of the caption's, or none; as it is when it begins with none."""
    count = _subject_words(caption)
    if not count:
        return caption
    rest = caption.text[words_of(caption.text)[count][0] :]
    new = len(words_of(subject))
    labels = [WordLabel(None, "agent"), *[WordLabel()] * (new - 1)] if new else []
    labels += caption.labels[count:]
    labels[0] = WordLabel("first", labels[0].role)
    return Labelled(f"{subject} {rest}".lstrip(), tuple(labels))


def _as_command(caption: Labelled) -> Labelled:
    """ "a person walks, then sits" as "walk, then sit" """
    found = _with_subject(caption, "")
    text, end = "", 0
    for (a, b), label in zip(words_of(found.text), found.labels, strict=True):
        word = found.text[a:b]
        text += found.text[end:a] + (_base_form(word) if label.role == "motion" else word)
        end = b
    return replace(found, text=text + found.text[end:])


def _base_form(verb: str) -> str:
    """ "walks" to "walk"; other forms as they are."""
    if verb in ("has", "does", "is"):
        return {"has": "have", "does": "do", "is": "be"}[verb]
    if len(verb) > 4 and verb.endswith("ies"):
        return verb[:-3] + "y"
    if verb.endswith(("shes", "ches", "sses", "xes", "goes")):
        return verb[:-2]
    return verb[:-1] if len(verb) > 3 and verb.endswith("s") and not verb.endswith("ss") else verb


# What stands between two captions, its role, how the second follows, and how often it is drawn.
_CONNECTIVES: tuple[tuple[str, str, Relation, int], ...] = (
    (", then ", "time_order", "then", 6),
    (" then ", "time_order", "then", 6),
    (" and then ", "time_order", "then", 6),
    (", and then ", "time_order", "then", 4),
    (". then ", "time_order", "then", 4),
    (", next ", "time_order", "then", 1),
    (". next, ", "time_order", "then", 1),
    (". afterwards, ", "time_order", "then", 1),
    (", finally ", "time_order", "then", 1),
    (" before ", "time_order", "then", 4),
    (" after ", "time_order", "before", 3),
    (" and ", "link", "and", 6),
    (", and ", "link", "and", 3),
    (". ", "", "and", 4),
    (", ", "", "and", 3),
    (" while ", "simultaneity", "while", 6),
    (", while ", "simultaneity", "while", 2),
    (" as ", "simultaneity", "while", 1),
)


def _joined(first: Labelled, second: Labelled, rng: Random) -> Labelled:
    """Two captions as one; the second with its own subject, another or none."""
    between, role, relation, _ = rng.choices(_CONNECTIVES, [c[-1] for c in _CONNECTIVES])[0]
    ongoing = second.labels[0].role == "motion"
    clause = between.strip(" ,") in ("while", "as", "before", "after")
    kind = rng.choice(("own", "pronoun") if clause else ("own", "pronoun", "none", "none"))
    if kind == "pronoun":
        second = _with_subject(second, rng.choice(_PRONOUNS))
    elif kind == "none" and not ongoing:
        second = _with_subject(second, "")
    labels = list(second.labels)
    labels[0] = WordLabel(None if role else relation, labels[0].role)
    if role:
        count = len(words_of(between))
        labels = [WordLabel(relation, role), *[WordLabel()] * (count - 1), *labels]
    text = first.text.rstrip(" .,!?") + between + second.text[:1].lower() + second.text[1:]
    return Labelled(text, (*first.labels, *labels))
