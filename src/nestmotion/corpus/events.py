"""What a person does in a motion, told by rules from positions and heading alone.

The rules know where the body goes (walks, runs, steps aside, turns, jumps, crouches, stands) and a few
things that hands and feet do. They see sides, directions and times exactly, and nothing of what is
meant by a movement; that is what people's captions are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from nestmotion.core import Motion
from nestmotion.corpus.postures import postures
from nestmotion.corpus.stretches import local, runs, smooth
from nestmotion.features.layout import CONTACT_JOINTS

__all__ = ["Event", "ground_events", "hand_events", "leg_events", "upright"]

_SMOOTH_S = 0.5
_SHORTEST_S = 0.6

# Metres a second over the floor: below the first a person stands; above the second he runs.
_MOVES, _RUNS = 0.3, 1.8
_TURNS_RAD_S = 0.6
_LEAST_TURN_RAD = np.deg2rad(40)
_JUMP_M, _LONGEST_JUMP_S = 0.14, 1.0
# A jump that goes so far ahead is a leap.
_LEAP_M = 0.35

# Height of the pelvis as a share of its height in standing; below the first a person crouches.
_CROUCHES = 0.72
_STANDING_M = 0.92

# A hand: this far above the shoulder it is raised, this far ahead of it (and above the pelvis)
# stretched, when it stays so.
_RAISED_M, _REACH_M, _WAIST_M, _HELD_S = 0.08, 0.4, 0.1, 0.35
_PUNCH_M_S = 2.2

# It waves while it is no farther below the shoulder than the first and once above by the second, and
# goes to and fro, or up and down, so far, so often and so quickly.
_WAVE_LOW_M, _WAVE_TOP_M, _WAVE_S = 0.15, 0.05, 1.2
_SWAY_M, _LEAST_SWAYS, _SWAY_S = 0.08, 3, 0.8

# An ankle: this far above the other it is lifted; a kick goes so far ahead of the pelvis and so high.
_LIFT_M, _KICK_AHEAD_M, _KICK_HEIGHT_M = 0.3, 0.45, 0.4


@dataclass(frozen=True)
class Event:
    """Frames start (included) to stop (excluded) of one movement.

    kind: of the ground (walk, run, back, side, turn, curve, jump, leap, crouch, stand, and those of
        `postures`), of a hand (raise, wave, punch, reach) or of a leg (kick, lift).
    side: "left", "right", "both" or "".
    amount: radians turned, or how often it is done.
    """

    kind: str
    start: int
    stop: int
    side: str = ""
    amount: float = 0.0


def upright(motion: Motion) -> Bool[np.ndarray, "t"]:
    """Frames in which the neck is well above the pelvis."""
    return local(motion, "neck")[:, 1] > 0.3


def ground_events(motion: Motion) -> list[Event]:
    """What the body does over the floor; the events follow one another and fill all frames."""
    fps = motion.fps
    window = round(_SMOOTH_S * fps)
    heading = smooth(motion.heading_rad, window)
    path = smooth(motion.root_m[:, [0, 2]], window)
    velocity = np.gradient(path, axis=0) * fps
    ahead = velocity[:, 0] * np.sin(heading) + velocity[:, 1] * np.cos(heading)
    leftward = velocity[:, 0] * np.cos(heading) - velocity[:, 1] * np.sin(heading)
    rate = np.gradient(heading) * fps
    speed = np.hypot(ahead, leftward)
    way = np.where(rate > 0, "left", "right")
    label = np.where(np.abs(rate) > _TURNS_RAD_S, np.char.add("turn ", way), "stand ")
    onward = np.where(ahead > _RUNS, "run ", "walk ")
    onward = np.where(np.abs(rate) > _TURNS_RAD_S, np.char.add("curve ", way), onward)
    onward = np.where(ahead < 0, "back ", onward)
    aside = np.where(leftward > 0, "side left", "side right")
    onward = np.where(np.abs(leftward) > 1.2 * np.abs(ahead), aside, onward)
    label = np.where(speed > _MOVES, onward, label)
    low = smooth(motion.root_m[:, 1], window) < _CROUCHES * _STANDING_M
    label = np.where(low & (speed < 2 * _MOVES), "crouch ", label)
    for start, stop in _jumps(motion):
        label[start:stop] = "jump "
    for posture in postures(motion):
        label[posture.start : posture.stop] = f"{posture.kind} "
    return _confirmed(motion, _without_short(label, round(_SHORTEST_S * fps)))


def _jumps(motion: Motion) -> Iterator[tuple[int, int]]:
    """Stretches with both feet in the air, with the push-off and the landing."""
    joints = [motion.skeleton.index(name) for name in CONTACT_JOINTS]
    lowest = motion.positions_m[:, joints, 1].min(axis=1)
    margin = round(0.3 * motion.fps)
    for start, stop in runs(lowest > _JUMP_M):
        inside = start > 0 and stop < len(lowest)
        if inside and 0.1 <= (stop - start) / motion.fps <= _LONGEST_JUMP_S:
            yield max(start - margin, 0), min(stop + margin, len(lowest))


def _stretches(label: np.ndarray) -> list[tuple[str, int, int]]:
    edges = [0, *(np.flatnonzero(label[1:] != label[:-1]) + 1).tolist(), len(label)]
    return [(str(label[a]), a, b) for a, b in pairwise(edges)]


def _without_short(label: np.ndarray, shortest: int) -> np.ndarray:
    """The shortest stretch joins the longer of its neighbours until none is too short."""
    label = label.copy()
    while True:
        parts = _stretches(label)
        found = [p for p in parts if p[2] - p[1] < shortest]
        if not found or len(parts) == 1:
            return label
        k = parts.index(min(found, key=lambda p: p[2] - p[1]))
        beside = [parts[j] for j in (k - 1, k + 1) if 0 <= j < len(parts)]
        label[parts[k][1] : parts[k][2]] = max(beside, key=lambda p: p[2] - p[1])[0]


def _confirmed(motion: Motion, label: np.ndarray) -> list[Event]:
    """Stretches as events; a turn that comes to little is none."""
    label = label.copy()
    for text, start, stop in _stretches(label):
        kind, _, side = text.partition(" ")
        turned = motion.heading_rad[stop - 1] - motion.heading_rad[start]
        sign = 1 if side == "left" else -1
        if kind in ("turn", "curve") and sign * turned < _LEAST_TURN_RAD:
            label[start:stop] = "stand " if kind == "turn" else "walk "
    events = []
    for text, start, stop in _stretches(label):
        kind, _, side = text.partition(" ")
        amount = abs(motion.heading_rad[stop - 1] - motion.heading_rad[start])
        if kind == "jump":
            amount = sum(start <= (a + b) / 2 < stop for a, b in _jumps(motion))
            if _ahead_m(motion, start, stop) > _LEAP_M * max(amount, 1):
                kind = "leap"
        events.append(Event(kind, start, stop, side, float(amount)))
    return events


def _ahead_m(motion: Motion, start: int, stop: int) -> float:
    """How far the root goes towards where the body faces at the start."""
    x, _, z = motion.root_m[stop - 1] - motion.root_m[start]
    heading = motion.heading_rad[start]
    return float(x * np.sin(heading) + z * np.cos(heading))


def hand_events(motion: Motion) -> list[Event]:
    """What each hand does, and what both do together, in order of time."""
    sides = {side: _one_hand(motion, side) for side in ("left", "right")}
    return _merged(sides["left"], sides["right"])


def _one_hand(motion: Motion, side: str) -> list[Event]:
    wrist, shoulder = local(motion, f"{side}_wrist"), local(motion, f"{side}_shoulder")
    fps = motion.fps
    above = wrist[:, 1] - shoulder[:, 1]
    raised = above > _RAISED_M
    events = [
        Event("raise", start, stop, side)
        for start, stop in runs(raised)
        if stop - start >= _HELD_S * fps
    ]
    reach = wrist[:, 2] - shoulder[:, 2]
    stretched = (reach > _REACH_M) & (wrist[:, 1] > _WAIST_M) & ~raised
    speed = np.gradient(reach) * fps
    for start, stop in runs(stretched):
        if speed[max(start - 6, 0) : stop].max() > _PUNCH_M_S:
            events.append(Event("punch", max(start - 4, 0), stop, side))
        elif stop - start >= _HELD_S * fps:
            events.append(Event("reach", start, stop, side))
    for wave in _waves(wrist - shoulder, side, fps):
        within = [e for e in events if wave.start <= (e.start + e.stop) / 2 < wave.stop]
        if sum(e.kind == "punch" for e in within) < 2:  # else it boxes
            events = [*(e for e in events if e not in within), wave]
    return sorted(events, key=lambda e: e.start)


def _waves(wrist: Float[np.ndarray, "t 3"], side: str, fps: float) -> Iterator[Event]:
    """Stretches in which a hand, seen from its shoulder, waves."""
    for start, stop in runs(smooth(wrist[:, 1], 5) > -_WAVE_LOW_M):
        part = wrist[start:stop]
        if stop - start < _WAVE_S * fps or part[:, 1].max() < _WAVE_TOP_M:
            continue
        turns = max(_turning_points(smooth(part[:, axis], 3), _SWAY_M) for axis in (0, 1))
        if turns >= _LEAST_SWAYS and (stop - start) / turns < _SWAY_S * fps:
            yield Event("wave", start, stop, side)


def _turning_points(values: Float[np.ndarray, "t"], least: float) -> int:
    """How often a curve turns back by more than so much; the same for its mirror image."""
    count, extreme, direction = 0, values[0], 0.0
    for value in values:
        if (value - extreme) * direction > 0:
            extreme = value
        elif abs(value - extreme) > least:
            count += direction != 0
            direction, extreme = np.sign(value - extreme), value
    return count


def leg_events(motion: Motion) -> list[Event]:
    """Kicks and lifted legs, in order of time."""
    found = []
    for side, other in (("left", "right"), ("right", "left")):
        ankle, rest = motion.joint_m(f"{side}_ankle")[:, 1], motion.joint_m(f"{other}_ankle")[:, 1]
        ahead = local(motion, f"{side}_ankle")[:, 2]
        for start, stop in runs(ankle - rest > _LIFT_M):
            peak = start + int((ankle - rest)[start:stop].argmax())
            if stop - start < 0.15 * motion.fps or ahead[peak] < 0.1:
                continue  # behind the body it is a runner's heel
            kick = ahead[start:stop].max() > _KICK_AHEAD_M and ankle[peak] > _KICK_HEIGHT_M
            kind = "kick" if kick else "lift"
            found.append(Event(kind, start, stop, side))
    return sorted(found, key=lambda e: e.start)


def _merged(left: list[Event], right: list[Event]) -> list[Event]:
    """Both sides in one row; where both do the same at about the same time, one event of both."""
    rest, events = list(right), []
    for event in left:
        pair = next((r for r in rest if r.kind == event.kind and _overlap(event, r) > 0.5), None)
        if pair is None or event.kind == "punch":
            events.append(event)
            continue
        rest.remove(pair)
        start, stop = min(event.start, pair.start), max(event.stop, pair.stop)
        events.append(Event(event.kind, start, stop, "both"))
    return sorted(events + rest, key=lambda e: e.start)


def _overlap(a: Event, b: Event) -> float:
    inside = min(a.stop, b.stop) - max(a.start, b.start)
    return inside / max(a.stop - a.start, b.stop - b.start)
