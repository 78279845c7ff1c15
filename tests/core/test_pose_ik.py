"""Poses whose joints are where they should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core import canonical_skeleton
from nestmotion.core.fitting import LIMBS
from nestmotion.core.kinematics import forward_kinematics
from nestmotion.core.pose_ik import CLOSED_RAD, solve_poses
from nestmotion.core.rotations import quat_from_axis_angle

SKELETON = canonical_skeleton()


def _pose(bend: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Standing, with arms down and all hinges bent a little."""
    quat = np.zeros((1, 22, 4))
    quat[..., 3] = 1.0
    for side, sign in (("left", -1.0), ("right", 1.0)):
        down = quat_from_axis_angle(np.array([0.0, 0.0, 1.0]), np.array(sign * 1.2))
        quat[0, SKELETON.index(f"{side}_shoulder")] = down
    for _, middle, _, axis in LIMBS:
        quat[0, SKELETON.index(middle)] = quat_from_axis_angle(np.array(axis), np.array(bend))
    return np.array([[0.0, 0.9, 0.0]]), quat


def _places(root, quat):
    return forward_kinematics(SKELETON.parents, SKELETON.offsets_m, quat, root)[0]


def _solved(wishes: dict[str, np.ndarray], bend: float = 0.4):
    root, quat = _pose(bend)
    target, weight = _places(root, quat), np.zeros((1, 22))
    for name, shift in wishes.items():
        target[0, SKELETON.index(name)] += shift
        weight[0, SKELETON.index(name)] = 1.0
    found = solve_poses(SKELETON, root, quat, target, weight)
    off = np.linalg.norm(_places(*found) - target, axis=-1)[0]
    return found, {name: off[SKELETON.index(name)] for name in wishes}


@given(
    joint=st.sampled_from(
        ["left_wrist", "right_wrist", "left_ankle", "head", "left_elbow", "right_knee"]
    ),
    shift=st.tuples(*[st.floats(-0.1, 0.1)] * 3),
)
def test_near_targets_are_met(joint, shift):
    _, off = _solved({joint: np.array(shift)})
    assert off[joint] < 1e-3


def test_several_targets_are_met_together():
    wishes = {
        "left_wrist": np.array([0.0, 0.3, 0.2]),
        "right_wrist": np.array([0.1, 0.2, 0.3]),
        "right_ankle": np.array([0.0, 0.2, 0.1]),
        "left_ankle": np.zeros(3),
    }
    _, off = _solved(wishes)
    assert max(off.values()) < 2e-3


def test_what_is_met_already_does_not_move():
    root, quat = _pose()
    (new_root, new_quat), _ = _solved({"left_wrist": np.zeros(3)})
    np.testing.assert_array_equal(new_root, root)
    np.testing.assert_array_equal(new_quat, quat)


def test_limbs_turn_before_the_root_moves():
    root, _ = _pose()
    (moved, _), _ = _solved({"left_wrist": np.array([0.0, 0.2, 0.2])})
    assert np.linalg.norm(moved - root) < 0.1


@pytest.mark.parametrize("bend", [0.05, 2.0])
def test_hinges_bend_about_their_axis_and_never_backwards(bend):
    for shift in ((0.4, 0.6, 0.5), (-0.3, 0.0, -0.4), (0.0, -0.5, 0.0)):
        wishes = {name: np.array(shift) for name in ("left_wrist", "right_ankle")}
        (_, quat), _ = _solved(wishes, bend)
        for _, middle, _, axis in LIMBS:
            q = quat[0, SKELETON.index(middle)]
            angle = 2 * np.arctan2(q[:3] @ np.array(axis), q[3])
            assert -1e-6 <= angle <= CLOSED_RAD + 1e-6
            off_axis = q[:3] - (q[:3] @ np.array(axis)) * np.array(axis)
            assert np.linalg.norm(off_axis) < 1e-6


def test_a_target_out_of_reach_is_approached_with_a_straight_arm():
    ankles = {f"{side}_ankle": np.zeros(3) for side in ("left", "right")}
    (new_root, new_quat), off = _solved({"left_wrist": np.array([0.0, 1.5, 3.0]), **ankles})
    place = _places(new_root, new_quat)[0]
    shoulder, elbow, wrist = (
        place[SKELETON.index(f"left_{j}")] for j in ("shoulder", "elbow", "wrist")
    )
    arm = np.linalg.norm(elbow - shoulder) + np.linalg.norm(wrist - elbow)
    assert np.linalg.norm(wrist - shoulder) > 0.98 * arm
    assert 0.5 < off["left_wrist"] < np.linalg.norm((0, 1.5, 3.0))
    assert np.isfinite(new_quat).all()
