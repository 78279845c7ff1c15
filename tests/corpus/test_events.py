"""Events of motions whose answers are known, and of their mirror images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core import canonical_skeleton
from nestmotion.core.edit import mirror, move
from nestmotion.core.rotations import quat_from_rotation_vector, quat_from_yaw
from nestmotion.corpus.events import Event, ground_events, hand_events, leg_events, upright
from synthetic_motion import FPS, bent, glide

SWAPPED = {"left": "right", "right": "left", "both": "both", "": ""}


@pytest.mark.parametrize(
    ("motion", "kind", "side"),
    [
        (glide(), "stand", ""),
        (glide(ahead_m_s=1.0), "walk", ""),
        (glide(ahead_m_s=2.5), "run", ""),
        (glide(ahead_m_s=-0.8), "back", ""),
        (glide(left_m_s=0.6), "side", "left"),
        (glide(left_m_s=-0.6), "side", "right"),
        (glide(turn_rad_s=1.0), "turn", "left"),
        (glide(turn_rad_s=-1.0), "turn", "right"),
        (glide(ahead_m_s=1.0, turn_rad_s=1.0), "curve", "left"),
    ],
)
def test_steady_movement_is_one_event(motion, kind, side):
    (event,) = ground_events(move(motion, 1.3, (2, 0, 1)))
    assert (event.kind, event.side, event.start, event.stop) == (kind, side, 0, 100)


def test_a_turn_knows_its_angle():
    (event,) = ground_events(glide(turn_rad_s=1.0))
    assert event.amount == pytest.approx(99 / FPS)


def test_a_small_turn_is_none():
    motion = glide(turn_rad_s=0.0)
    quat = motion.quat_local_xyzw.copy()
    quat[:, 0] = quat_from_yaw(np.clip(np.arange(100) / FPS - 2, 0, 0.5))
    (event,) = ground_events(replace(motion, quat_local_xyzw=quat))
    assert event.kind == "stand"


def test_events_follow_one_another_and_fill_the_motion():
    motion = glide(ahead_m_s=1.0)
    root = motion.root_m.copy()
    root[50:] = root[50]
    events = ground_events(replace(motion, root_m=root))
    assert [e.kind for e in events] == ["walk", "stand"]
    assert events[0].start == 0
    assert events[0].stop == events[1].start == pytest.approx(50, abs=6)
    assert events[1].stop == 100


def test_a_jump_is_seen_and_counted():
    motion = glide()
    root = motion.root_m.copy()
    for start in (30, 55):
        root[start : start + 8, 1] += 0.3
    events = ground_events(replace(motion, root_m=root))
    jumps = [e for e in events if e.kind == "jump"]
    assert sum(e.amount for e in jumps) == 2
    assert jumps[0].start == 24


def test_a_jump_that_goes_ahead_leaps():
    motion = glide()
    root = motion.root_m.copy()
    root[30:38, 1] += 0.3
    root[:, 2] += 0.6 * np.clip((np.arange(100) - 30) / 8, 0, 1)
    assert "leap" in {e.kind for e in ground_events(replace(motion, root_m=root))}


def test_what_hangs_in_the_air_does_not_jump():
    motion = glide()
    root = motion.root_m.copy()
    root[30:80, 1] += 0.3
    assert "jump" not in {e.kind for e in ground_events(replace(motion, root_m=root))}


def test_sinking_is_crouching():
    motion = glide()
    root = motion.root_m.copy()
    root[30:80, 1] -= 0.4
    assert [e.kind for e in ground_events(replace(motion, root_m=root))] == ["stand", "crouch", "stand"]


def test_a_raised_hand_has_its_side_and_time():
    # The rest pose has the arms stretched out to the sides; turning one about Z raises it.
    motion = bent(glide(), "left_shoulder", (0, 0, 1), 1.0, slice(20, 60))
    assert hand_events(motion) == [Event("raise", 20, 60, "left")]


def test_both_hands_at_once_are_one_event():
    motion = bent(glide(), "left_shoulder", (0, 0, 1), 1.0, slice(20, 60))
    motion = bent(motion, "right_shoulder", (0, 0, -1), 1.0, slice(22, 60))
    assert hand_events(motion) == [Event("raise", 20, 60, "both")]


def test_a_stretched_hand_that_is_slow_reaches():
    angle = np.clip((np.arange(100) - 20) / 30, 0, 1) * np.pi / 2
    quat = glide().quat_local_xyzw.copy()
    axis = np.stack((0 * angle, -angle, 0 * angle), axis=1)
    quat[:, canonical_skeleton().index("left_shoulder")] = quat_from_rotation_vector(axis)
    (event,) = hand_events(replace(glide(), quat_local_xyzw=quat))
    assert (event.kind, event.side) == ("reach", "left")


def test_a_leg_thrown_forward_kicks_and_one_bent_up_is_lifted():
    kick = bent(glide(), "right_hip", (1, 0, 0), -1.5, slice(40, 50))
    assert leg_events(kick) == [Event("kick", 40, 50, "right")]
    lift = bent(glide(), "right_hip", (1, 0, 0), -1.3, slice(40, 50))
    lift = bent(lift, "right_knee", (1, 0, 0), 1.3, slice(40, 50))
    assert [(e.kind, e.side) for e in leg_events(lift)] == [("lift", "right")]


@pytest.mark.parametrize(
    "motion",
    [
        glide(turn_rad_s=1.0),
        glide(left_m_s=0.6),
        bent(glide(), "left_shoulder", (0, 0, 1), 1.0, slice(20, 60)),
        bent(glide(ahead_m_s=1.0), "left_hip", (1, 0, 0), -1.5, slice(40, 50)),
    ],
)
def test_the_mirror_image_does_the_same_on_the_other_side(motion):
    for events in (ground_events, hand_events, leg_events):
        swapped = [replace(e, side=SWAPPED[e.side]) for e in events(motion)]
        found = events(mirror(motion))
        assert [(e.kind, e.side, e.start, e.stop) for e in found] == [
            (e.kind, e.side, e.start, e.stop) for e in swapped
        ]


def test_a_waving_hand_waves_also_in_the_mirror():
    motion = glide()
    quat = motion.quat_local_xyzw.copy()
    swing = 0.5 * np.sin(2 * np.pi * 1.2 * np.arange(100) / FPS)
    vectors = np.stack((0 * swing, 0 * swing, 1.2 + swing), axis=1)
    quat[:, canonical_skeleton().index("left_shoulder")] = quat_from_rotation_vector(vectors)
    waving = replace(motion, quat_local_xyzw=quat)
    for one, side in ((waving, "left"), (mirror(waving), "right")):
        assert [(e.kind, e.side) for e in hand_events(one)] == [("wave", side)]


def test_who_lies_is_not_upright():
    assert upright(glide()).all()
    assert not upright(bent(glide(), "pelvis", (1, 0, 0), 1.5, slice(0, 100))).any()
