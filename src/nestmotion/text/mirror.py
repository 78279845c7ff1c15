"""Captions of mirrored motion: left and right, clockwise and counterclockwise change places."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nestmotion.text.edits import Edit, apply_edits

__all__ = ["mirror_text", "mirror_text_with_spans", "sides_named"]

_COUNTER = r"(?:counter|anti|counter-|anti-|counter |anti )"
_SIDED = re.compile(
    rf"\b(?P<counter>{_COUNTER})?clock-?\s?wise\b|\b(?P<side>left|right|lefts|rights|leftward|"
    r"rightward|leftwards|rightwards|lefthand|righthand|lefty|righty)\b",
    re.IGNORECASE,
)

# "Right" that says nothing about sides. Not "right before" and "right after": in captions these are
# mostly sides ("looks left to right before walking").
_IDIOMS = re.compile(r"\b(?:right (?:away|now|angles?)|all right)\b", re.IGNORECASE)


def _swap(match: re.Match[str]) -> str:
    if match["side"] is None:
        return "clockwise" if match["counter"] else "counterclockwise"
    word = match["side"]
    lower = word.lower()
    new = lower.replace("left", "right") if "left" in lower else lower.replace("right", "left")
    return new.capitalize() if word[0].isupper() else new


def mirror_text(text: str) -> str:
    """The text with sides swapped, idioms such as "right away" left alone."""
    return mirror_text_with_spans(text, ())[0]


def mirror_text_with_spans(
    text: str, spans: Sequence[tuple[int, int]]
) -> tuple[str, list[tuple[int, int]]]:
    """`mirror_text`, and where stretches of the text (first and one-past-last character) lie in it.

    A stretch that begins or ends inside a swapped word takes in the whole of it.
    """
    edits = [Edit(*match.span(), _swap(match)) for match in _sided(text)]
    return apply_edits(text, edits, spans)


def sides_named(text: str) -> set[str]:
    """ "left" and "right", as far as the text names them; counterclockwise is to the left."""
    return {_side(match) for match in _sided(text)}


def _sided(text: str) -> list[re.Match[str]]:
    kept = [m.span() for m in _IDIOMS.finditer(text)]
    found = _SIDED.finditer(text)
    return [match for match in found if not any(a <= match.start() < b for a, b in kept)]


def _side(match: re.Match[str]) -> str:
    left = match["counter"] if match["side"] is None else "left" in match["side"].lower()
    return "left" if left else "right"
