"""Captions of mirrored motion: left and right, clockwise and counterclockwise change places."""

from __future__ import annotations

import re

__all__ = ["mirror_text"]

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
    kept = [m.span() for m in _IDIOMS.finditer(text)]
    parts, at = [], 0
    for match in _SIDED.finditer(text):
        if any(a <= match.start() < b for a, b in kept):
            continue
        parts += [text[at : match.start()], _swap(match)]
        at = match.end()
    return "".join(parts) + text[at:]
