"""Motions joined by blended transitions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion
from nestmotion.core.errors import SettingsError
from nestmotion.core.rotations import (
    quat_apply,
    quat_conjugate,
    quat_from_rotation_vector,
    quat_from_yaw,
    quat_multiply,
    quat_slerp,
    quat_to_rotation_vector,
)
from nestmotion.features.layout import CONTACT_JOINTS

__all__ = ["BLEND_S", "Poses", "join"]

BLEND_S = 0.6

# Poses alike but moving differently still make a poor seam: this many metres for one m/s.
_VELOCITY_WEIGHT_S = 0.1
_FEET_WEIGHT = 4

# Height of CONTACT_JOINTS when the foot stands, and how little above it and how slow (m a frame) a
# joint must be to be taken for standing.
_STANDING_M = np.array([0.06 if "ankle" in name else 0.0 for name in CONTACT_JOINTS])
_LOW_M, _SLOW_M, _IN_AIR_M = 0.02, 0.05, 0.06


def join(motions: Sequence[Motion], blend_s: float = BLEND_S) -> Motion:
    """One motion after another, as long as its parts together.

    Each part is turned and moved on the floor so that it goes on where and facing as the one before
    ends, and the last `blend_s / 2` seconds of a part and as many of the next become a transition: both
    are extrapolated across the seam, their velocity dying away, and cross-faded by Perlin's
    smootherstep (cf. Bollo, "Inertialization", GDC 2018, and Holden, "Dead Blending", 2023). Rotations
    and root height are faded in value, turning and walking in velocity, so that neither pose nor path
    jumps. The lowest joint keeps the height that the parts give it, so that feet stay on the floor, and
    standing feet are held against sliding.

    Raises SettingsError when there is no motion, when skeletons or frame rates differ, and when a
    part is shorter than the transition.
    """
    if not motions:
        raise SettingsError("nothing to join")
    fps = motions[0].fps
    if any(m.skeleton != motions[0].skeleton or m.fps != fps for m in motions):
        raise SettingsError("motions to join must share one skeleton and one frame rate")
    half = max(round(blend_s * fps / 2), 1)
    shortest = min(map(len, motions))
    if len(motions) > 1 and shortest < 2 * half:
        raise SettingsError(
            f"a part of {shortest / fps:g} s is shorter than the transition of {2 * half / fps:g} s"
        )
    joined = motions[0]
    for motion in motions[1:]:
        joined = _join_two(joined, motion, half)
    return joined


@dataclass(frozen=True)
class Poses:
    """Poses, to find those at which motions can be joined: joints in metres and their velocity in m/s,
    both seen from the root's place on the floor and its heading.

    weight: share of each joint in distances, 1 in all; a foot counts more, for out of place it slides.
    """

    joints_m: Float[np.ndarray, "*t j 3"]
    velocity_m_s: Float[np.ndarray, "*t j 3"]
    weight: Float[np.ndarray, "j"]

    @classmethod
    def of(cls, motion: Motion) -> Poses:
        """The pose of every frame, with the velocity to the next; that of the last is repeated."""
        position = motion.positions_m
        step = np.diff(position, axis=0) if len(motion) > 1 else np.zeros_like(position)
        velocity = np.concatenate([step, step[-1:]])[: len(motion)] * motion.fps
        turn = quat_from_yaw(-motion.heading_rad)[:, None]
        is_foot = np.isin(motion.skeleton.joint_names, CONTACT_JOINTS)
        weight = np.where(is_foot, _FEET_WEIGHT, 1.0)
        return cls(
            quat_apply(turn, position - position[:, :1] * (1, 0, 1)),
            quat_apply(turn, velocity),
            weight / weight.sum(),
        )

    def __getitem__(self, frames: int | Sequence[int]) -> Poses:
        return Poses(self.joints_m[frames], self.velocity_m_s[frames], self.weight)

    def distance_m(self, other: Poses) -> Float[np.ndarray, "*t"]:
        """Weighted mean distance of the joints, plus 0.1 s times that of their velocities."""
        joints = np.linalg.norm(self.joints_m - other.joints_m, axis=-1)
        velocity = np.linalg.norm(self.velocity_m_s - other.velocity_m_s, axis=-1)
        return (joints + _VELOCITY_WEIGHT_S * velocity) @ self.weight

    @property
    def lowest_m(self) -> Float[np.ndarray, "*t"]:
        """Height of the lowest joint."""
        return self.joints_m[..., 1].min(axis=-1)


def _join_two(a: Motion, b: Motion, half: int) -> Motion:
    """`half` frames of each become the transition; the seam lies between the two."""
    window = slice(len(a) - half, len(a) + half)
    quat = _faded(_without_yaw(a), _without_yaw(b), half, _rotations_ahead, _mix_rotations)
    height = _faded(a.root_m[:, 1], b.root_m[:, 1], half, _values_ahead, _mix_values)
    yaw, floor = _floor_path(a, b, half)
    quat[:, 0] = quat_multiply(quat_from_yaw(yaw), quat[:, 0])
    root = np.stack([floor[:, 0], height, floor[:, 1]], axis=1)
    # Both parts as they were and the transition, all at once because that is faster.
    before, after = slice(len(a) - half, len(a)), slice(0, half)
    roots = [a.root_m[before], b.root_m[after], root[window]]
    quats = [a.quat_local_xyzw[before], b.quat_local_xyzw[after], quat[window]]
    lowest = _lowest_m(Motion(a.skeleton, a.fps, np.concatenate(roots), np.concatenate(quats)))
    wanted = _faded(lowest[:half], lowest[half : 2 * half], half, _held_ahead, _mix_values)
    root[window, 1] += wanted - lowest[2 * half :]
    return _with_feet_held(Motion(a.skeleton, a.fps, root, quat, a.metadata), window)


def _with_feet_held(motion: Motion, window: slice) -> Motion:
    """Take back, by moving the root over the floor, most of what standing feet slide in the window.

    Feet count the more the lower and the slower they are, and not at all when the lowest is in the air.
    What follows the window is moved along.
    """
    around = motion.frames(window.start - 1, window.stop + 1)
    feet = around.positions_m[:, [motion.skeleton.index(name) for name in CONTACT_JOINTS]]
    slid = np.diff(feet[..., [0, 2]], axis=0)
    height = np.maximum((feet[1:, :, 1] + feet[:-1, :, 1]) / 2 - _STANDING_M, 0)
    stands = np.exp(-height / _LOW_M - np.linalg.norm(slid, axis=-1) / _SLOW_M)
    on_floor = np.clip(1.5 - height.min(axis=1) / _IN_AIR_M, 0, 1)
    edge = (np.arange(len(slid)) + 0.5) / len(slid)
    share = on_floor * np.clip(4 * np.minimum(edge, 1 - edge), 0, 1)
    back = -share[:, None] * np.average(slid, axis=1, weights=np.stack([stands, stands], axis=-1))
    moved = np.zeros((len(motion), 2))
    moved[window.start : window.stop + 1] = np.cumsum(back, axis=0)
    moved[window.stop + 1 :] = moved[window.stop]
    root = motion.root_m.copy()
    root[:, [0, 2]] += moved
    return replace(motion, root_m=root)


def _lowest_m(motion: Motion) -> Float[np.ndarray, "t"]:
    return motion.positions_m[..., 1].min(axis=1)


def _without_yaw(motion: Motion) -> Float[np.ndarray, "t j 4"]:
    """Local rotations; the root's as seen from its own heading."""
    quat = motion.quat_local_xyzw.copy()
    quat[:, 0] = quat_multiply(quat_conjugate(quat_from_yaw(motion.heading_rad)), quat[:, 0])
    return quat


def _floor_path(
    a: Motion, b: Motion, half: int
) -> tuple[Float[np.ndarray, "t"], Float[np.ndarray, "t 2"]]:
    """Heading in radians and (x, z) in metres of both motions in a row, from `a`'s first frame.

    Steps (turn, and way in the step's first heading) are faded and summed up, so that what follows
    the seam follows the path.
    """
    before, after = _floor_steps(a), _floor_steps(b)
    # Each with the step across the seam, as either motion would make it: there the fade is half done.
    before = np.concatenate([before, before[-1:]])
    after = np.concatenate([after[:1], after])
    faded = _faded(before, after, half, _held_ahead, _mix_values)
    across = (faded[len(a) - 1] + faded[len(a)]) / 2
    steps = np.concatenate([faded[: len(a) - 1], across[None], faded[len(a) + 1 :]])
    yaw = a.heading_rad[0] + np.concatenate([[0], np.cumsum(steps[:, 0])])
    way = quat_apply(quat_from_yaw(yaw[:-1]), np.insert(steps[:, 1:], 1, 0, axis=1))[:, [0, 2]]
    start = a.root_m[:1, [0, 2]]
    return yaw, np.concatenate([start, start + np.cumsum(way, axis=0)])


def _floor_steps(motion: Motion) -> Float[np.ndarray, "t-1 3"]:
    """Turn in radians and way (x, z) in metres from frame to frame, seen from the earlier heading."""
    turn = np.diff(motion.heading_rad)
    step = np.diff(motion.root_m, axis=0)
    local = quat_apply(quat_from_yaw(-motion.heading_rad[:-1]), step)
    return np.stack([turn, local[:, 0], local[:, 2]], axis=1)


def _smootherstep(u: Float[np.ndarray, "k"]) -> Float[np.ndarray, "k"]:
    """From 0 at 0 to 1 at 1, with speed and acceleration 0 at both (Perlin, 2002)."""
    return u**3 * (10 - 15 * u + 6 * u**2)


def _faded(
    a: np.ndarray,
    b: np.ndarray,
    half: int,
    ahead: Callable[[np.ndarray, int], np.ndarray],
    mix: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """`a` and then `b`, cross-faded over `half` frames of each, beyond whose end `ahead` looks."""
    ending = np.concatenate([a[-half:], ahead(a, half)])
    starting = np.concatenate([ahead(b[::-1], half)[::-1], b[:half]])
    share = _smootherstep((np.arange(2 * half) + 0.5) / (2 * half))
    share = share.reshape(-1, *[1] * (a.ndim - 1))
    return np.concatenate([a[:-half], mix(ending, starting, share), b[half:]])


def _mix_values(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    return (1 - share) * a + share * b


def _mix_rotations(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    return quat_slerp(a, b, share[..., 0])


def _held_ahead(values: np.ndarray, count: int) -> np.ndarray:
    return np.repeat(values[-1:], count, axis=0)


def _dying_steps(count: int) -> Float[np.ndarray, "count"]:
    """How many frames' way is gone after 1 to `count` frames at a speed that falls to zero."""
    k = np.arange(1, count + 1)
    return k - k**2 / (2 * count)


def _values_ahead(values: np.ndarray, count: int) -> np.ndarray:
    return values[-1] + (values[-1] - values[-2]) * _dying_steps(count)


def _rotations_ahead(quat: np.ndarray, count: int) -> np.ndarray:
    step = quat_to_rotation_vector(quat_multiply(quat[-1], quat_conjugate(quat[-2])))
    way = step * _dying_steps(count)[:, None, None]
    return quat_multiply(quat_from_rotation_vector(way), quat[-1])
