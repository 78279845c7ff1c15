"""Where a person sits down, stands up or bends down, told by rules from positions alone.

A chair is not in the data; that someone sits is seen from the feet, which are ahead of a low pelvis
where no one could keep the balance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core import Motion
from nestmotion.corpus.stretches import local, runs, smooth

__all__ = ["SEATED_S", "Posture", "postures"]

_SMOOTH_S = 0.4

# Metres of the pelvis above the floor: below the first it is low, below the second on the floor;
# standing is above the third.
_LOW_M, _FLOOR_M, _STANDS_M = 0.7, 0.32, 0.75
# Sitting: both ankles so far ahead of the pelvis, the neck so far above it, for so long.
_SEAT_M, _UPRIGHT_M, SEATED_S = 0.2, 0.3, 0.8
# Whoever is down keeps the pelvis slower than this, and has the ankles no higher than this; dances,
# climbs and landings do not.
_STILL_M_S, _DOWN_M = 0.25, 0.35
# Going down and up begin and end where the height is within the first of what it was or will be, in
# the time of the third; the seat ends where it has risen by the second.
_NEAR_M, _RISEN_M, _LONGEST_S = 0.05, 0.06, 2.5
# Bending: the neck is no higher above the pelvis, and ahead of it, on both feet; it begins and ends at
# the second. Something is picked up where a wrist comes this near the floor.
_BENT_M, _STRAIGHT_M, _AHEAD_M, _PICKED_M = 0.25, 0.4, 0.2, 0.45
_ON_FEET_M, _ANKLE_M, _BEND_S = 0.45, 0.4, 0.5


@dataclass(frozen=True)
class Posture:
    """Frames start (included) to stop (excluded). kind: sit (goes down to a seat and stays), seated
    (sits from the first frame), floor (is on the floor from the first frame), rise and arise (stands up
    from a seat, from the floor), bend or pick (bends down and comes up)."""

    kind: str
    start: int
    stop: int


def postures(motion: Motion) -> list[Posture]:
    """What is seen, in order of time, without overlap."""
    found = sorted((*_seats(motion), *_bends(motion)), key=lambda p: p.start)
    kept: list[Posture] = []
    for posture in found:
        if not kept or posture.start >= kept[-1].stop:
            kept.append(posture)
    return kept


def _seats(motion: Motion) -> Iterator[Posture]:
    fps, neck = motion.fps, local(motion, "neck")[:, 1]
    height = smooth(motion.root_m[:, 1], round(_SMOOTH_S * fps))
    feet = np.minimum(local(motion, "left_ankle")[:, 2], local(motion, "right_ankle")[:, 2])
    still = _is_still(motion)
    for low_start, low_stop in runs(height < _LOW_M):
        held, end = _longest(still[low_start:low_stop])
        if end - held < SEATED_S * fps:
            continue
        here, part = slice(low_start + held, low_start + end), height[low_start:low_stop]
        seat = np.median(feet[here]) > _SEAT_M and np.median(neck[here]) > _UPRIGHT_M
        start = _upper_edge(height[:low_start][::-1], fps)
        stop = _upper_edge(height[low_stop:], fps)
        on_floor = np.median(height[here]) < _FLOOR_M
        floor = low_start == 0 and height[0] < _FLOOR_M and on_floor and stop is not None
        if not (seat or floor):
            continue
        risen = low_start + int(np.flatnonzero(part < part.min() + _RISEN_M)[-1]) + 1
        if seat and start is not None:
            yield Posture("sit", low_start - start, risen)
        elif low_start == 0:
            yield Posture("floor" if floor else "seated", 0, risen)
        if stop is not None:
            yield Posture("arise" if on_floor else "rise", risen, low_stop + stop)


def _is_still(motion: Motion) -> Bool[np.ndarray, "t"]:
    """Frames in which the pelvis keeps its place and no foot is in the air."""
    path = smooth(motion.root_m, round(_SMOOTH_S * motion.fps))
    speed = np.linalg.norm(np.gradient(path, axis=0), axis=-1) * motion.fps
    ankles = np.maximum(motion.joint_m("left_ankle")[:, 1], motion.joint_m("right_ankle")[:, 1])
    return (speed < _STILL_M_S) & (ankles < _DOWN_M)


def _longest(mask: Bool[np.ndarray, "t"]) -> tuple[int, int]:
    """Start and stop of the longest run of True."""
    return max(runs(mask), key=lambda run: run[1] - run[0], default=(0, 0))


def _upper_edge(height: Float[np.ndarray, "t"], fps: float) -> int | None:
    """Frames from a low stretch on until the body stands; None where it does not."""
    height = height[: round(_LONGEST_S * fps)]
    if len(height) == 0 or height.max() < _STANDS_M:
        return None
    return int(np.flatnonzero(height > height.max() - _NEAR_M)[0]) + 1


def _bends(motion: Motion) -> Iterator[Posture]:
    neck = smooth(local(motion, "neck"), 5)
    wrists = np.minimum(motion.joint_m("left_wrist")[:, 1], motion.joint_m("right_wrist")[:, 1])
    ankles = np.maximum(motion.joint_m("left_ankle")[:, 1], motion.joint_m("right_ankle")[:, 1])
    stands = (motion.root_m[:, 1] > _ON_FEET_M) & (ankles < _ANKLE_M)
    bent = (neck[:, 1] < _BENT_M) & (neck[:, 2] > _AHEAD_M)
    for start, stop in runs(neck[:, 1] < _STRAIGHT_M):
        inside = start > 0 and stop < len(bent) and stop - start >= _BEND_S * motion.fps
        if inside and stands[start:stop].all() and bent[start:stop].any():
            picked = wrists[start:stop].min() < _PICKED_M
            yield Posture("pick" if picked else "bend", start, stop)
