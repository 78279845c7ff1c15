"""Measures of controlled motion, with answers known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core import Motion
from nestmotion.core.edit import concatenate, move
from nestmotion.core.rotations import quat_from_yaw, quat_multiply
from nestmotion.evaluation.control_facts import (
    drift_in_place_cm,
    heading_error_deg,
    joint_error_cm,
    outside_change_cm,
    path_error_cm,
    posture,
    quality,
    seam,
    transition,
)
from synthetic_corpus import moving, still

SHIFT = (0.03, 0.0, 0.04)  # 5 cm over the floor


def test_errors_of_a_shifted_and_turned_motion():
    reference = moving(40)
    shifted = move(reference, 0.0, SHIFT)
    assert joint_error_cm(shifted, reference, (3, 20)) == pytest.approx(5)
    assert joint_error_cm(shifted, reference, (3,), [20, 21]) == pytest.approx(5)
    assert joint_error_cm(reference, reference, (3,)) == 0
    assert path_error_cm(shifted, reference) == pytest.approx(5)
    assert path_error_cm(move(reference, 0.0, (0, 1, 0)), reference) == pytest.approx(0)
    # 350 degrees to the left are 10 to the right.
    turned = move(reference, np.radians(350), (0, 0, 0))
    assert heading_error_deg(turned, reference) == pytest.approx(10)


def test_only_the_named_frames_and_joints_count():
    reference = moving(40)
    root = reference.root_m.copy()
    root[10] += SHIFT
    spoilt = replace(reference, root_m=root)
    assert joint_error_cm(spoilt, reference, (9, 11)) == 0
    assert joint_error_cm(spoilt, reference, (9, 10)) == pytest.approx(2.5)


def test_quality_of_standing_still_is_zero():
    found = quality(still(40), np.full(22, 1.0), still(40))
    assert found == {
        "mean_jerk": 0.0,
        "peak_jerk": 0.0,
        "foot_slide": 0.0,
        "skating_ratio": 0.0,
        "jump_rate": 0.0,
        "drift": 0.0,
        "smoothness_error": 0.0,
    }


def test_drift_against_a_reference():
    walk = still(40)
    steps = np.linspace(0, 0.39, 40)  # 1 cm a frame
    walk = replace(walk, root_m=walk.root_m + steps[:, None] * (0, 0, 1))
    assert quality(walk, np.full(22, 9.0), still(40))["drift"] == pytest.approx(1)


def test_a_jump_is_seen_at_its_transition_and_nowhere_else():
    cut = concatenate([still(40), move(still(40), 0.0, (0.5, 0.0, 0.0))], align=False)
    assert transition(cut, 40, 0.0)["peak_jerk"] == pytest.approx(3 * 0.5 * 20**3 / 1.5)
    assert transition(cut, 60, 0.0) == {"peak_jerk": 0.0, "area_under_jerk": 0.0}


def _turning(frames: int, period: int) -> Motion:
    """A body that swings from side to side by 0.2 m in so many frames, standing in one place."""
    motion = still(frames)
    swing = 0.2 * np.sin(2 * np.pi * np.arange(frames) / period)
    quat = motion.quat_local_xyzw.copy()
    quat[:, 16] = quat_multiply(quat_from_yaw(swing), quat[:, 16])
    return replace(motion, quat_local_xyzw=quat)


def test_a_loop_of_whole_periods_has_no_seam():
    found = seam(_turning(40, 40))
    assert found["seam_pose"] < 0.1 * found["typical_step"]
    assert found["seam_velocity"] < 0.2 * found["typical_step"]
    broken = seam(_turning(40, 55))
    assert broken["seam_pose"] > broken["typical_step"]


def test_a_loop_may_move_on_and_turn():
    motion = _turning(40, 40)
    path = np.arange(40)[:, None] * np.array([0.02, 0, 0.05])
    assert seam(replace(motion, root_m=motion.root_m + path))["seam_pose"] == pytest.approx(
        seam(motion)["seam_pose"]
    )


def test_drift_in_place():
    motion = moving(40)
    root = motion.root_m.copy()
    root[:, [0, 2]] = 1.0
    assert drift_in_place_cm(replace(motion, root_m=root)) == 0
    root[20, 0] += 0.03
    assert drift_in_place_cm(replace(motion, root_m=root)) == pytest.approx(3)


def test_posture():
    motion = still(40)
    found = posture(motion)
    assert found["tilt"] < 5
    assert found["floor"] == pytest.approx(0, abs=1e-6)
    assert found["root_height"] == pytest.approx(100 * motion.root_m[0, 1])
    assert found["pace"] == 0
    walking = replace(motion, root_m=motion.root_m + np.arange(40)[:, None] * (0, 0, 0.06))
    assert posture(walking)["pace"] == pytest.approx(1.2)


def test_change_outside_a_stretch():
    before = moving(60)
    assert outside_change_cm(before, move(before, 0, SHIFT), 0, 60) == {
        "outside": None,
        "outside_world": None,
    }
    # What follows is carried along: as it was in its own eyes, elsewhere in the world.
    end = move(before.frames(40, 60), 0.5, SHIFT)
    after = concatenate([before.frames(0, 40), end], align=False)
    found = outside_change_cm(before, after, 20, 40)
    assert found["outside"] == pytest.approx(0, abs=1e-9)
    assert found["outside_world"] > 5
    # What came before must not move at all.
    spoilt = concatenate([move(before.frames(0, 40), 0, SHIFT), before.frames(40, 60)], align=False)
    assert outside_change_cm(before, spoilt, 20, 40)["outside"] == pytest.approx(2.5)
