"""Cases of phrase editing: a caption, words that stand in it once, and others to put in their place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nestmotion.corpus import Clip
from nestmotion.text.mirror import mirror_text

__all__ = ["KINDS", "EditCase", "edit_cases"]

# Kind of edit -> words and what takes their place.
_WORDS = {
    "action": {
        "walks": "runs",
        "walking": "running",
        "runs": "walks",
        "jogs": "walks",
        "running": "walking",
        "jogging": "walking",
        "jumps": "kicks",
        "jumping": "kicking",
        "kicks": "jumps",
        "waves": "claps",
        "throws": "kicks",
        "sits down": "kneels down",
        "dances": "walks",
        "dancing": "walking",
        "bends down": "jumps up",
        "turns around": "jumps",
    },
    "direction": {
        "forward": "backwards",
        "forwards": "backwards",
        "backward": "forward",
        "backwards": "forward",
        "in a circle": "in a straight line",
        "in a straight line": "in a circle",
        "sideways": "forward",
    },
    "manner": {"slowly": "quickly", "quickly": "slowly", "carefully": "quickly", "fast": "slowly"},
    "side": {word: mirror_text(word) for word in ("left", "right", "clockwise", "counterclockwise")},
}
KINDS = tuple(_WORDS)


@dataclass(frozen=True)
class EditCase:
    """Edit a motion made from `caption`, as long as the clip: `phrase` becomes `to`."""

    clip: Clip
    caption: str
    kind: str
    phrase: str
    to: str


def edit_cases(clips: Sequence[Clip], count: int) -> list[EditCase]:
    """At most so many cases, the kinds in turn, one a caption and kind; drawn by clip id and caption
    alone, so that fewer cases are the first of more."""
    rows = [sorted(_cases(clips, kind), key=_draw) for kind in KINDS]
    longest = max(map(len, rows), default=0)
    mixed = [row[k] for k in range(longest) for row in rows if k < len(row)]
    return mixed[:count]


def _cases(clips: Sequence[Clip], kind: str) -> Iterator[EditCase]:
    for clip in clips:
        for caption in clip.captions:
            text = " ".join(caption.text.split())
            if caption.start_s is not None:
                continue
            for words, to in _WORDS[kind].items():
                found = re.findall(rf"(?<![\w-]){words}(?![\w-])", text, re.IGNORECASE)
                if len(found) == 1:
                    yield EditCase(clip, text, kind, words, to)
                    break


def _draw(case: EditCase) -> bytes:
    return hashlib.sha256(f"edit {case.clip.clip_id} {case.caption}".encode()).digest()
