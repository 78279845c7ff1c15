"""The evaluator's inputs say what they promise, wherever the motion stands."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.core.edit import mirror, move, resample
from nestmotion.core.errors import SettingsError
from nestmotion.evaluation.motion_inputs import (
    INPUT_SIZE,
    PATCH_FRAMES,
    mirror_positions,
    motion_inputs,
    padded_inputs,
    resample_positions,
)

POSITIONS, VELOCITIES, TURN, PATH, HEADING = (
    slice(0, 66),
    slice(66, 132),
    132,
    slice(133, 135),
    slice(135, 137),
)


def test_a_walk_ahead_goes_ahead_whatever_its_direction(synthetic_walk):
    for yaw in (0.0, 1.0, 3.0, -2.0):
        x = motion_inputs(move(synthetic_walk(), yaw, (4, 0, -7)).positions_m)
        assert x.shape == (60, INPUT_SIZE)
        root_velocity = x[:, VELOCITIES][:, :3]
        assert root_velocity == pytest.approx(np.tile([0, 0, 1.2], (60, 1)), abs=1e-4)
        assert x[-1, PATH] == pytest.approx([0, 1.2 * 59 / 20], abs=1e-4)
        assert x[:, HEADING] == pytest.approx(np.tile([1, 0], (60, 1)), abs=1e-5)
        assert x[:, TURN] == pytest.approx(np.zeros(60), abs=1e-3)


def test_place_and_direction_make_no_difference(random_motion):
    motion = random_motion()
    here, there = (motion_inputs(m.positions_m) for m in (motion, move(motion, 2.5, (3, 0, -1))))
    assert there == pytest.approx(here, abs=2e-3)


def test_a_turn_to_the_left_is_positive(random_motion, synthetic_walk):
    still = synthetic_walk(frames=20, speed_m_s=0).positions_m[:1]
    turned = []
    for t in range(20):
        c, s = np.cos(0.05 * t), np.sin(0.05 * t)  # towards +X, the left of someone who faces +Z
        turned.append(still[0] @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]))
    x = motion_inputs(np.array(turned))
    assert x[:, TURN] == pytest.approx(np.ones(20), abs=1e-3)
    assert x[-1, HEADING] == pytest.approx([np.cos(0.95), np.sin(0.95)], abs=1e-5)


def test_joints_are_those_of_the_heading_frame_with_their_heights(synthetic_walk):
    motion = move(synthetic_walk(), 1.3, (2, 0, 3))
    joints = motion_inputs(motion.positions_m)[:, POSITIONS].reshape(60, 22, 3)
    assert joints[..., 1] == pytest.approx(motion.positions_m[..., 1], abs=1e-5)
    assert joints[:, 0, [0, 2]] == pytest.approx(np.zeros((60, 2)), abs=1e-5)
    assert (joints[:, motion.skeleton.index("left_shoulder"), 0] > 0.05).all()
    assert (joints[:, motion.skeleton.index("right_shoulder"), 0] < -0.05).all()


def test_mirroring_positions_is_mirroring_the_motion(random_motion):
    motion = random_motion()
    assert mirror_positions(motion.positions_m) == pytest.approx(mirror(motion).positions_m, abs=1e-6)
    path = motion_inputs(motion.positions_m)[:, PATH]
    mirrored = motion_inputs(mirror(motion).positions_m)
    assert mirrored[:, PATH] == pytest.approx(path * [-1, 1], abs=1e-4)


def test_resampling_agrees_with_that_of_motions(random_motion):
    motion = random_motion(frames=41, fps=30)
    ours = resample_positions(motion.positions_m, 30)
    theirs = resample(motion, 20).positions_m
    assert len(ours) == len(theirs)
    assert np.abs(ours - theirs).max() < 0.02
    assert resample_positions(motion.positions_m[:1], 30).shape == (1, 22, 3)


def test_padding_changes_no_real_frame(random_motion):
    short, long = random_motion(frames=13, seed=1).positions_m, random_motion(frames=30).positions_m
    inputs, valid = padded_inputs([short, long])
    assert inputs.shape == (2, 32, INPUT_SIZE)
    assert 32 % PATCH_FRAMES == 0
    assert valid.sum(axis=1).tolist() == [13, 30]
    assert (inputs[0, :13] == motion_inputs(short)).all()
    assert (inputs[0, 13:] == 0).all()


def test_a_single_frame_stands_still(random_motion):
    x = motion_inputs(random_motion(frames=1).positions_m)
    assert (x[:, VELOCITIES] == 0).all()


def test_wrong_shapes():
    with pytest.raises(SettingsError, match=r"must be \(T, 22, 3\) with T > 0, not \(5, 21, 3\)"):
        motion_inputs(np.zeros((5, 21, 3)))
