"""Facts on motions whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import mirror, move, place_on_ground
from nestmotion.core.rotations import quat_from_axis_angle, quat_from_yaw
from nestmotion.evaluation.motion_facts import (
    airborne_m,
    arms_raised_m,
    foot_lead_m,
    foot_slide_mm,
    forward_m,
    hand_lead_m,
    leftward_m,
    mean_jerk_m_s3,
    root_drop_m,
    top_speed_m_s,
    travelled_m,
    turned_rad,
)


def rest(frames: int, root_m: np.ndarray) -> Motion:
    quat = np.zeros((frames, 22, 4))
    quat[..., 3] = 1
    return place_on_ground(Motion(canonical_skeleton(), 20, root_m, quat))


@pytest.fixture
def gliding():
    """In the rest pose, 1 cm a frame along +Z for 5 s: 0.2 m/s, slow enough to count as standing."""
    root = np.zeros((101, 3))
    root[:, 2] = 0.01 * np.arange(101)
    return rest(101, root)


def test_forward_is_signed_and_does_not_depend_on_the_direction(gliding):
    assert forward_m(gliding) == pytest.approx(1.0)
    assert forward_m(move(gliding, 2.0, (3, 0, 1))) == pytest.approx(1.0)
    assert forward_m(mirror(gliding)) == pytest.approx(1.0)
    assert forward_m(replace(gliding, root_m=gliding.root_m[::-1])) == pytest.approx(-1.0)


def test_travelled_is_the_farthest_point_not_the_last():
    root = np.zeros((3, 3))
    root[1] = 3, 5, 4
    assert travelled_m(rest(3, root)) == pytest.approx(5.0)


def test_a_constant_slide_is_measured_as_it_is(gliding):
    assert foot_slide_mm(gliding) == pytest.approx(10.0)
    assert np.isnan(foot_slide_mm(move(gliding, 0.0, (0, 1, 0))))


def test_jerk_of_a_cubic_path_is_its_third_derivative():
    t = np.arange(60) / 20
    root = np.stack((t**3, 0 * t, 0 * t), axis=1)
    assert mean_jerk_m_s3(rest(60, root)) == pytest.approx(6.0)
    assert mean_jerk_m_s3(rest(3, root[:3])) == 0.0


def test_jitter_raises_jerk_in_proportion(gliding):
    noise = np.random.default_rng(0).normal(size=gliding.root_m.shape)
    one, two = (
        mean_jerk_m_s3(replace(gliding, root_m=gliding.root_m + a * noise)) for a in (0.01, 0.02)
    )
    assert two == pytest.approx(2 * one)


def test_left_is_plus_x_for_a_person_facing_plus_z():
    root = np.zeros((11, 3))
    root[:, 0] = 0.1 * np.arange(11)
    motion = rest(11, root)
    assert leftward_m(motion) == pytest.approx(1.0)
    assert leftward_m(move(motion, 2.0, (3, 0, 1))) == pytest.approx(1.0)
    assert leftward_m(mirror(motion)) == pytest.approx(-1.0)
    assert forward_m(motion) == pytest.approx(0.0)


def test_a_circle_walked_counterclockwise_seen_from_above_turns_left():
    # Seen from above with +Z up the page, +X points left: for the eye, left is -X on paper.
    angle = np.linspace(0, 2 * np.pi, 81)
    on_paper = np.stack((np.cos(angle), np.sin(angle)), axis=1)  # mathematical, counterclockwise
    root = np.stack((-on_paper[:, 0], 0 * angle, on_paper[:, 1]), axis=1)
    ahead = np.gradient(root, axis=0)
    motion = rest(81, root)
    quat = motion.quat_local_xyzw.copy()
    quat[:, 0] = quat_from_yaw(np.arctan2(ahead[:, 0], ahead[:, 2]))
    motion = replace(motion, quat_local_xyzw=quat)
    assert turned_rad(motion) == pytest.approx(2 * np.pi, abs=0.1)
    assert turned_rad(mirror(motion)) == pytest.approx(-2 * np.pi, abs=0.1)
    assert forward_m(motion) == pytest.approx(2 * np.pi, abs=0.1)


def test_the_named_hand_and_foot_are_the_higher_ones():
    motion = rest(20, np.zeros((20, 3)))
    quat = motion.quat_local_xyzw.copy()
    index = motion.skeleton.index
    # About +Z the left arm, which lies along +X, goes up; about -X the left thigh goes forward and up.
    quat[5:10, index("left_shoulder")] = quat_from_axis_angle(np.array([0.0, 0, 1]), np.array(1.2))
    quat[12:, index("left_hip")] = quat_from_axis_angle(np.array([-1.0, 0, 0]), np.array(1.2))
    motion = replace(motion, quat_local_xyzw=quat)
    assert hand_lead_m(motion) > 0.4
    assert foot_lead_m(motion) > 0.4
    assert hand_lead_m(mirror(motion)) == pytest.approx(-hand_lead_m(motion))
    assert foot_lead_m(mirror(motion)) == pytest.approx(-foot_lead_m(motion))
    assert arms_raised_m(motion) < 0
    quat[7, index("right_shoulder")] = quat_from_axis_angle(np.array([0.0, 0, -1]), np.array(1.2))
    assert arms_raised_m(replace(motion, quat_local_xyzw=quat)) > 0.2


def test_heights_of_sitting_down_and_of_a_jump():
    height = np.array([0, 0.1, 0.3, 0.0, -0.4, -0.2])
    motion = rest(6, np.zeros((6, 3)))
    motion = replace(motion, root_m=motion.root_m + height[:, None] * (0, 1, 0))
    assert root_drop_m(motion) == pytest.approx(0.7)
    assert root_drop_m(motion.frames(0, 3)) == 0.0
    assert airborne_m(motion) == pytest.approx(0.3)


def test_top_speed_is_that_of_the_fastest_second():
    root = np.zeros((61, 3))
    root[:, 2] = np.concatenate((np.zeros(20), np.arange(21) * 0.1, np.full(20, 2.0)))
    assert top_speed_m_s(rest(61, root)) == pytest.approx(2.0)
    assert top_speed_m_s(rest(11, root[20:31])) == pytest.approx(2.0)
    assert top_speed_m_s(rest(1, root[:1])) == 0.0
