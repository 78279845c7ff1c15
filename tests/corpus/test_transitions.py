"""Joined motions: smooth, on the floor, and otherwise untouched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import move
from nestmotion.core.errors import SettingsError
from nestmotion.core.rotations import quat_from_axis_angle
from nestmotion.corpus.transitions import Poses, join
from synthetic_corpus import STANDING_M, moving, still

HALF = 6  # frames of 0.3 s at 20 fps
UP = np.array([0.0, 1.0, 0.0])


def _walk(frames: int, speed_m_s: float, yaw_rad: float = 0.0, turn_rad_s: float = 0.0) -> Motion:
    """The rest pose, carried along its heading a metre above the floor."""
    yaw = yaw_rad + turn_rad_s * np.arange(frames) / 20
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (frames, len(canonical_skeleton()), 1))
    quat[:, 0] = quat_from_axis_angle(UP, yaw)
    step = np.stack([np.sin(yaw), 0 * yaw, np.cos(yaw)], axis=1) * speed_m_s / 20
    root = np.array([0, 1 + STANDING_M, 0]) + np.concatenate(
        [np.zeros((1, 3)), np.cumsum(step[:-1], axis=0)]
    )
    return Motion(canonical_skeleton(), 20.0, root, quat)


def _bent(frames: int, angle_rad: float) -> Motion:
    """Still, with the left arm raised."""
    motion = still(frames)
    quat = motion.quat_local_xyzw.copy()
    shoulder = motion.skeleton.index("left_shoulder")
    quat[:, shoulder] = quat_from_axis_angle(np.array([0.0, 0.0, 1.0]), np.full(frames, angle_rad))
    return Motion(motion.skeleton, 20.0, motion.root_m, quat)


def _moved(seed: int) -> Motion:
    return move(moving(50, seed), 0.7 * seed, (seed, 0.0, -2.0 * seed))


seeds = st.integers(0, 10_000)


@given(seeds, seeds)
def test_outside_the_transition_the_parts_are_what_they_were(first, second):
    a, b = _moved(first), _moved(second)
    joined = join([a, b])
    assert len(joined) == len(a) + len(b)
    np.testing.assert_allclose(joined.positions_m[: 50 - HALF], a.positions_m[:-HALF], atol=1e-9)
    rest = joined.frames(50 + HALF, 100)
    # The second part, but for a turn and a shift on the floor.
    turn = rest.heading_rad[0] - b.heading_rad[HALF]
    placed = move(b.frames(HALF, 50), turn, (0, 0, 0))
    shift = (rest.root_m[0] - placed.root_m[0]) * (1, 0, 1)
    np.testing.assert_allclose(rest.positions_m, placed.positions_m + shift, atol=1e-9)


@given(seeds)
def test_a_motion_cut_and_joined_again_is_the_same(seed):
    """Where the extrapolation is exact: a body at one speed."""
    rng = np.random.default_rng(seed)
    motion = _walk(40, rng.uniform(-1, 2), rng.uniform(-3, 3), rng.uniform(-2, 2))
    joined = join([motion.frames(0, 17), motion.frames(17, 40)])
    np.testing.assert_allclose(joined.positions_m, motion.positions_m, atol=1e-9)


def test_a_smooth_motion_cut_and_joined_again_is_nearly_the_same():
    motion = move(moving(60, seed=3), 0.0, (0.0, 1.0, 0.0))
    joined = join([motion.frames(0, 30), motion.frames(30, 60)])
    off = np.linalg.norm(joined.positions_m - motion.positions_m, axis=-1)
    assert off.max() < 0.05


@given(seeds, seeds)
def test_nothing_moves_much_faster_than_in_the_parts_and_the_way_between_them(first, second):
    a, b = _moved(first), _moved(second)
    fastest = max(np.linalg.norm(np.diff(m.positions_m, axis=0), axis=-1).max() for m in (a, b))
    end = Poses.of(a)[49].joints_m
    way = np.linalg.norm(end - Poses.of(b)[0].joints_m, axis=-1).max()
    step = np.linalg.norm(np.diff(join([a, b]).positions_m, axis=0), axis=-1).max()
    # Smootherstep is at most 1.875 times as fast as an even pace over its 12 frames.
    assert step < 1.6 * fastest + 1.875 * way / (2 * HALF)


def test_the_arm_goes_over_evenly_and_is_half_way_at_the_seam():
    joined = join([_bent(30, 0.0), _bent(30, 1.2)])
    shoulder = joined.skeleton.index("left_shoulder")
    angle = 2 * np.arctan2(
        joined.quat_local_xyzw[:, shoulder, 2], joined.quat_local_xyzw[:, shoulder, 3]
    )
    np.testing.assert_allclose(angle[: 30 - HALF], 0, atol=1e-12)
    np.testing.assert_allclose(angle[30 + HALF :], 1.2, atol=1e-12)
    assert (np.diff(angle[30 - HALF : 30 + HALF]) > 0).all()
    assert (angle[29] + angle[30]) / 2 == pytest.approx(0.6)


def test_speed_over_the_floor_changes_evenly():
    joined = join([_walk(40, 1.5, yaw_rad=0.4), _walk(40, 0.0, yaw_rad=-2.0)])
    speed = np.linalg.norm(np.diff(joined.root_m, axis=0), axis=-1) * 20
    np.testing.assert_allclose(speed[: 40 - HALF - 1], 1.5)
    np.testing.assert_allclose(speed[40 + HALF :], 0, atol=1e-9)
    assert (np.diff(speed) <= 1e-9).all()
    assert speed[39] == pytest.approx(0.75)
    np.testing.assert_allclose(joined.heading_rad, 0.4, atol=1e-9)


def test_feet_stay_on_the_floor():
    """Legs that differ: one part stands upright, one crouches; both stand on y = 0."""
    crouch = still(30)
    quat = crouch.quat_local_xyzw.copy()
    x = np.array([1.0, 0.0, 0.0])
    for side in ("left", "right"):
        for joint, angle in (("hip", -1.0), ("knee", 1.8), ("ankle", -0.8)):
            quat[:, crouch.skeleton.index(f"{side}_{joint}")] = quat_from_axis_angle(
                x, np.full(30, angle)
            )
    crouch = Motion(crouch.skeleton, 20.0, crouch.root_m, quat)
    crouch = move(crouch, 0.0, (0.0, -float(crouch.positions_m[..., 1].min()), 0.0))
    joined = join([still(30), crouch, still(30)])
    np.testing.assert_allclose(joined.positions_m[..., 1].min(axis=1), 0, atol=1e-9)


def test_standing_feet_hardly_slide():
    """A body that leans forward over its feet and one that stands upright, seen from the root."""
    lean = still(30)
    quat = lean.quat_local_xyzw.copy()
    for side in ("left", "right"):
        hip = lean.skeleton.index(f"{side}_hip")
        quat[:, hip] = quat_from_axis_angle(np.array([1.0, 0.0, 0.0]), np.full(30, 0.4))
    lean = Motion(lean.skeleton, 20.0, lean.root_m, quat)
    feet = [lean.skeleton.index(f"{side}_foot") for side in ("left", "right")]
    apart = np.linalg.norm(lean.positions_m[0, feet] - still(1).positions_m[0, feet], axis=-1).max()
    joined = join([lean, still(30)])
    slid = np.linalg.norm((joined.positions_m[-1] - joined.positions_m[0])[feet][:, [0, 2]], axis=-1)
    assert apart > 0.3
    assert slid.max() < 0.1 * apart


def test_one_motion_alone_is_itself():
    motion = moving(5)
    assert join([motion]) is motion


def test_many_parts():
    parts = [moving(20 + k, seed=k) for k in range(5)]
    assert len(join(parts)) == sum(map(len, parts))


@pytest.mark.parametrize(
    ("motions", "message"),
    [
        ([], "nothing to join"),
        (
            [moving(20), moving(20, fps=30.0)],
            "motions to join must share one skeleton and one frame rate",
        ),
        ([moving(20), moving(11)], "a part of 0.55 s is shorter than the transition of 0.6 s"),
    ],
)
def test_what_cannot_be_joined(motions, message):
    with pytest.raises(SettingsError) as error:
        join(motions)
    assert str(error.value) == message


@given(seeds, st.floats(-3, 3), st.floats(-5, 5))
def test_a_pose_is_seen_from_its_own_place(seed, yaw, shift):
    motion = moving(10, seed)
    there = move(motion, yaw, (shift, 0.0, -shift))
    assert Poses.of(motion).distance_m(Poses.of(there)) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_poses():
    low = move(still(5), 0.0, (0.0, -0.3, 0.0))
    a, b = Poses.of(still(5))[4], Poses.of(low)[0]
    assert a.distance_m(b) == pytest.approx(0.3)
    assert b.lowest_m == pytest.approx(a.lowest_m - 0.3)
    walking = Poses.of(_walk(5, 1.5))[0]
    assert Poses.of(_walk(5, 0.0))[4].distance_m(walking) == pytest.approx(0.1 * 1.5)
    np.testing.assert_allclose(walking.velocity_m_s, np.tile([0, 0, 1.5], (22, 1)), atol=1e-9)
