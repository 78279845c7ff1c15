"""Replacing stretches of a text while keeping track of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Edit", "apply_edits"]


@dataclass(frozen=True)
class Edit:
    """Put `new` in place of text[start:end]."""

    start: int
    end: int
    new: str


def apply_edits(
    text: str, edits: Sequence[Edit], spans: Sequence[tuple[int, int]] = ()
) -> tuple[str, list[tuple[int, int]]]:
    """The text with edits made, which are in order and do not overlap, and where stretches of the old
    text (first and one-past-last character) lie in the new one.

    A stretch that begins or ends inside an edit takes in the whole of it; what is put in where
    stretches meet, nothing being replaced, belongs to neither.
    """
    parts: list[str] = []
    # New place of every character, as the first of a stretch and as the one past its last.
    first, past = list(range(len(text) + 1)), list(range(len(text) + 1))
    at = shift = 0
    for edit in edits:
        parts += [text[at : edit.start], edit.new]
        at, new, inside = edit.end, edit.start + shift, edit.end - edit.start
        shift += len(edit.new) - inside
        first[edit.start :] = [new] * inside + [k + shift for k in range(edit.end, len(text) + 1)]
        past[edit.start + 1 :] = [new + len(edit.new)] * inside + [
            k + shift for k in range(edit.end + 1, len(text) + 1)
        ]
    return "".join(parts) + text[at:], [(first[a], past[b]) for a, b in spans]
