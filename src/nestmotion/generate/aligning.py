"""Which words of a text are about which moment of a motion that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion
from nestmotion.core.errors import PromptError
from nestmotion.features import encode, mirror_features
from nestmotion.generate.alignment_map import AlignmentMap
from nestmotion.generate.prompt import check_prompt, check_seconds
from nestmotion.generate.text_inputs import TextInputs
from nestmotion.generate.turns import actions_told
from nestmotion.text import SemanticTree
from nestmotion.text.mirror import mirror_text

if TYPE_CHECKING:
    from nestmotion.generate.pipeline import TextToMotion

__all__ = ["align"]


def align(model: TextToMotion, motion: Motion, text: str) -> AlignmentMap:
    """As `TextToMotion.align`, whose method this is."""
    bundle = model.bundle
    if motion.skeleton != bundle.skeleton or motion.fps != bundle.fps:
        raise PromptError(
            f"the motion must be on the bundle's own skeleton at {bundle.fps:g} frames a second; "
            "convert it with --retarget and --fps first"
        )
    limits = bundle.manifest["seconds"]
    check_seconds(motion.duration_s, limits["shortest"], limits["longest"])
    prompt, features = check_prompt(text, model.encoder), encode(motion)
    tree, weight = _read(model, prompt, features)
    mirrored, other = _read(model, mirror_text(prompt), mirror_features(features))
    if mirrored.form == tree.form:
        weight = (weight + other) / 2
    return AlignmentMap(tree, weight, bundle.fps, actions_told(motion, tree))


def _read(
    model: TextToMotion, prompt: str, features: Float[np.ndarray, "t f"]
) -> tuple[SemanticTree, Float[np.ndarray, "n t"]]:
    """A prompt's tree, and how much each node is about each frame."""
    (encoded, tree), frames = model.encode_text(prompt), len(features)
    clean = np.zeros((1, model.padded(frames), features.shape[1]), dtype=np.float32)
    clean[0, :frames] = model.bundle.normalizer.normalize(features)
    now, yes = np.zeros(1, dtype=np.float32), np.ones(1, dtype=bool)
    _, alignment = model.denoise(clean, now, yes, TextInputs(encoded, tree), frames, None)
    return tree, model.by_frame(alignment, frames)[0]
