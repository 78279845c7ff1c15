"""A network's better side: texts that name the other one are made as their mirror image.

Mirror images of clips and captions are equally frequent in training, and still a network does one side
better than the other. docs/adr/0028 says how much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from nestmotion.core.errors import SettingsError
from nestmotion.features import mirror_features
from nestmotion.text.mirror import sides_named
from nestmotion.text.nodes import CUES, cue_words

__all__ = ["WeakSide", "from_the_mirror", "into_the_mirror", "says_weak_side"]

_BODY = CUES["hand"] | CUES["foot"]
_TURNS = CUES["turn"] | CUES["clockwise"] | CUES["counterclockwise"] | {"circle", "circles", "circling"}


@dataclass(frozen=True)
class WeakSide:
    """Which side a network does less well, of turns and of all else: "left", "right" or "" for none.
    Raises SettingsError for another word."""

    turns: str = ""
    others: str = ""

    def __post_init__(self) -> None:
        for side in (self.turns, self.others):
            if side not in ("left", "right", ""):
                raise SettingsError(f"a weak side is left or right, or left out, not {side!r}")


def says_weak_side(text: str, weak: WeakSide) -> bool:
    """Whether a text names one side only and it is the weak one of what the text is about: of turns,
    where it says so and names no hand or foot, or of others."""
    words = cue_words(text)
    turns = bool(words & _TURNS) and not words & _BODY
    return sides_named(text) == {weak.turns if turns else weak.others}


def into_the_mirror(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The network's inputs with the motion of the rows that are `mirrored` (B,) as its mirror image.
    Normalised features have one as others do: a normalizer is the same for both sides."""
    noisy, known, mirrored = inputs["noisy"], inputs["known"], inputs["mirrored"]
    other = mirror_features(known.astype(np.float32)) != 0
    return {
        **inputs,
        "noisy": from_the_mirror(noisy, mirrored),
        "known": np.where(mirrored[:, None, None], other, known),
    }


def from_the_mirror(features: np.ndarray, mirrored: Bool[np.ndarray, "b"]) -> np.ndarray:
    """Features (B, T, F) with the mirror image in the rows that were mirrored."""
    return np.where(mirrored[:, None, None], mirror_features(features), features)
