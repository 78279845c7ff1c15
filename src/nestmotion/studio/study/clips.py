"""The clips of a study: the same for every model in all but the motion, and nameless."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from nestmotion.core import Motion
from nestmotion.core.errors import SettingsError
from nestmotion.core.rotations import quat_from_rotation_vector, quat_multiply
from nestmotion.generate import Bundle, TextToMotion
from nestmotion.generate.prompt import check_seconds
from nestmotion.io import save_motion
from nestmotion.studio.study.design import BROKEN
from nestmotion.studio.study.prompts import StudyPrompt

__all__ = ["break_motion", "check_alike", "generate_clips", "lengths_s", "write_clip"]

# How a clip is broken: thrown on its back in the air, and every joint shaking.
_LIFT_M, _TILT_RAD, _SHAKE_RAD, _JUMP_M = 0.6, 1.9, 0.7, 0.25
# All clips are as old as one another: file times would tell in which order models made them.
_FILE_TIME = 946_684_800  # 1 January 2000


def check_alike(bundles: Sequence[Bundle]) -> None:
    """Raises SettingsError when a bundle's skeleton or frame rate would tell its clips apart."""
    first = bundles[0]
    for bundle in bundles[1:]:
        if bundle.skeleton != first.skeleton:
            raise SettingsError(
                f"{bundle.folder}: its skeleton is not that of {first.folder}, which would tell their "
                "clips apart; compare bundles of one skeleton"
            )
        if bundle.fps != first.fps:
            raise SettingsError(
                f"{bundle.folder}: makes {bundle.fps:g} frames a second, {first.folder} {first.fps:g}, "
                "which would tell their clips apart; compare bundles of one frame rate"
            )


def lengths_s(
    bundles: Sequence[Bundle], prompts: Sequence[StudyPrompt], seconds: float | None, threads: int
) -> list[float]:
    """The length of each prompt's clips: as given, or judged from the text by the first bundle, within
    what all bundles can make. Raises PromptError for a length or a prompt that is out of range."""
    limits = [bundle.manifest["seconds"] for bundle in bundles]
    shortest, longest = max(s["shortest"] for s in limits), min(s["longest"] for s in limits)
    model = TextToMotion.load(bundles[0].folder, threads)
    judged = [model.predict_seconds(prompt.text) for prompt in prompts]
    if seconds is not None:
        check_seconds(seconds, shortest, longest)
        return [seconds] * len(prompts)
    return [min(max(length, shortest), longest) for length in judged]


def generate_clips(
    bundles: Sequence[Bundle],
    prompts: Sequence[StudyPrompt],
    seconds: Sequence[float],
    seed: int,
    broken: Sequence[int],
    threads: int,
    watch: Callable[[int, int], None],
) -> Iterator[tuple[int, int, Motion]]:
    """Prompt, model and motion of every clip, one model after the other, then those broken on purpose.

    Prompt k has the seed `seed` + k with every model. broken: the prompts of which the models in turn
    have a clip broken. watch: told the model and how many of its clips are done.
    """
    spoiled = {prompt: k % len(bundles) for k, prompt in enumerate(broken)}
    for m, bundle in enumerate(bundles):
        model = TextToMotion.load(bundle.folder, threads)
        for k, (prompt, length) in enumerate(zip(prompts, seconds, strict=True)):
            (motion,) = model.generate(prompt.text, length, seed + k)
            yield k, m, motion
            if spoiled.get(k) == m:
                yield k, BROKEN, break_motion(motion, np.random.default_rng((seed, k)))
            watch(m, k + 1)


def break_motion(motion: Motion, rng: np.random.Generator) -> Motion:
    """A motion that nobody can take for a good one: lying on its back in the air, shaking all over."""
    frames, joints = motion.quat_local_xyzw.shape[:2]
    shake = quat_from_rotation_vector(rng.normal(scale=_SHAKE_RAD, size=(frames, joints, 3)))
    quat = quat_multiply(motion.quat_local_xyzw, shake)
    tilt = quat_from_rotation_vector(np.array((-_TILT_RAD, 0.0, 0.0)))
    quat[:, 0] = quat_multiply(np.broadcast_to(tilt, (frames, 4)), quat[:, 0])
    jump = rng.normal(scale=_JUMP_M, size=(frames, 3))
    return replace(motion, root_m=motion.root_m + jump + (0.0, _LIFT_M, 0.0), quat_local_xyzw=quat)


def write_clip(motion: Motion, path: Path) -> None:
    """Write a GLB file that holds the motion and nothing about where it comes from."""
    save_motion(replace(motion, metadata={}), path)
    os.utime(path, (_FILE_TIME, _FILE_TIME))
