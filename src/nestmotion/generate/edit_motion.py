"""Motion in parts: a stretch or some joints of one set into another, retimed, or on the other side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize, mirror, move
from nestmotion.core.rotations import (
    quat_conjugate,
    quat_from_rotation_vector,
    quat_multiply,
    quat_to_rotation_vector,
    unroll_signs,
)
from nestmotion.core.smoothing import smooth_step
from nestmotion.generate.sampler import FADE_FRAMES

__all__ = ["carried", "mirrored", "retimed", "set_in"]

# Over so many seconds a retimed stretch goes from the clip's own pace to its new one.
_RAMP_S = 0.3


def _joined(motion: Motion, frame: int, end: Motion) -> Motion:
    return replace(
        motion,
        root_m=np.concatenate((motion.root_m[:frame], end.root_m)),
        quat_local_xyzw=np.concatenate((motion.quat_local_xyzw[:frame], end.quat_local_xyzw)),
    )


def carried(motion: Motion, frame: int, ahead: Motion) -> Motion:
    """The frames from `frame` on turned and moved over the floor to where `ahead` is at that frame."""
    x, _, z = ahead.root_m[frame]
    end = canonicalize(motion.frames(frame, len(motion)))
    return _joined(motion, frame, move(end, ahead.heading_rad[frame], (x, 0.0, z)))


def mirrored(motion: Motion, frames: range) -> Motion:
    """Some frames reflected left to right, from the place and heading of the first on; what follows is
    carried along. Each border is a jump wherever the pose is not symmetric."""
    x, _, z = motion.root_m[frames.start]
    rest = mirror(canonicalize(motion.frames(frames.start, len(motion))))
    turned = _joined(motion, frames.start, move(rest, motion.heading_rad[frames.start], (x, 0.0, z)))
    if frames.stop == len(motion):
        return turned
    after = carried(motion, frames.stop, turned)
    return _joined(turned, frames.stop, after.frames(frames.stop, len(motion)))


def set_in(kept: Motion, made: Motion, frames: range, joints: frozenset[int] | None = None) -> Motion:
    """`kept` with some frames (of some joints, None for all) taken from `made`.

    How far the two are apart just outside the frames fades out into them over FADE_FRAMES, so that
    nothing jumps at the borders.
    """
    inside, count = slice(frames.start, frames.stop), len(frames)
    new_root, new_quat = made.root_m[inside].copy(), made.quat_local_xyzw[inside].copy()
    for edge, distance in (
        (frames.start - 1, np.arange(1, count + 1)),
        (frames.stop, np.arange(count, 0, -1)),
    ):
        if not 0 <= edge < len(kept):
            continue
        share = smooth_step(1 - distance / min(FADE_FRAMES, count + 1))
        new_root += share[:, None] * (kept.root_m[edge] - made.root_m[edge])
        off = quat_multiply(kept.quat_local_xyzw[edge], quat_conjugate(made.quat_local_xyzw[edge]))
        turn = quat_from_rotation_vector(share[:, None, None] * quat_to_rotation_vector(off))
        new_quat = quat_multiply(turn, new_quat)
    root, quat = kept.root_m.copy(), kept.quat_local_xyzw.copy()
    chosen = sorted(range(len(kept.skeleton)) if joints is None else joints)
    quat[inside, chosen] = new_quat[:, chosen]
    if 0 in chosen:
        root[inside] = new_root
    return replace(kept, root_m=root, quat_local_xyzw=quat)


def retimed(motion: Motion, frames: range, factor: float) -> Motion:
    """Some frames made to last `factor` times as long (rounded to whole frames, two at least).

    Inside them the pace is the clip's own at borders with other frames and otherwise the same
    throughout, with smooth ramps of _RAMP_S between.
    """
    old, total = len(frames), len(motion)
    new = max(round(old * factor), 2)
    step = np.arange(new) + 0.5
    width = min(_RAMP_S * motion.fps, new / 3)
    share = np.ones(new)
    if frames.start > 0:
        share *= np.clip(step / width, 0, 1)
    if frames.stop < total:
        share *= np.clip((new - step) / width, 0, 1)
    share = smooth_step(share)
    pace = 1 + (old / new - 1) / share.mean() * share
    inside = frames.start + np.concatenate(([0.0], np.cumsum(pace)))[:-1]
    return _at(motion, np.concatenate((np.arange(frames.start), inside, np.arange(frames.stop, total))))


def _at(motion: Motion, times: Float[np.ndarray, "t"]) -> Motion:
    """The motion at fractional frames, by cubic interpolation of root and quaternions (Catmull and Rom
    1974); exact at whole frames."""
    last = len(motion) - 1
    low = np.clip(np.floor(times).astype(int), 0, max(last - 1, 0))
    u = times - low

    def interpolated(values: np.ndarray) -> np.ndarray:
        before, a, b, after = (values[np.clip(low + k, 0, last)] for k in (-1, 0, 1, 2))
        s = u.reshape(-1, *[1] * (values.ndim - 1))
        square, cube = 2 * before - 5 * a + 4 * b - after, 3 * (a - b) + after - before
        return a + s / 2 * (b - before + s * (square + s * cube))

    quat = interpolated(unroll_signs(motion.quat_local_xyzw))
    return replace(motion, root_m=interpolated(motion.root_m), quat_local_xyzw=quat)
