"""The motion: what is refused and what is derived."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.errors import SettingsError
from nestmotion.core.rotations import quat_from_yaw

IDENTITY = (0.0, 0.0, 0.0, 1.0)


def still(frames=3, fps=20.0, root=None, quat=None, **rest):
    root = np.zeros((frames, 3)) if root is None else root
    quat = np.tile(IDENTITY, (frames, 22, 1)) if quat is None else quat
    return Motion(canonical_skeleton(), fps, root, quat, **rest)


def message(*args, **kwargs):
    with pytest.raises(SettingsError) as error:
        still(*args, **kwargs)
    return str(error.value)


def test_length_and_duration():
    motion = still(30, fps=15)
    assert len(motion) == 30
    assert motion.duration_s == 2.0
    assert isinstance(motion.fps, float)


def test_rotations_are_scaled_to_length_one():
    quat = np.tile(IDENTITY, (3, 22, 1)) * 7
    np.testing.assert_array_equal(still(quat=quat).quat_local_xyzw[..., 3], 1)


def test_unit_rotations_are_kept_to_the_last_bit(random_motion):
    motion = random_motion()
    again = Motion(motion.skeleton, motion.fps, motion.root_m, motion.quat_local_xyzw)
    np.testing.assert_array_equal(again.quat_local_xyzw, motion.quat_local_xyzw)


def test_a_motion_owns_its_arrays_and_cannot_be_changed():
    root = np.zeros((3, 3))
    motion = still(root=root)
    root[:] = 9
    assert motion.root_m.max() == 0
    for array in (motion.root_m, motion.quat_local_xyzw):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        motion.fps = 30


def test_positions_at_rest_are_those_of_the_skeleton():
    root = np.array([[0.0, 1, 0], [2, 1, 0], [2, 1, 5]])
    motion = still(root=root)
    expected = motion.skeleton.rest_positions_m + root[:, None]
    np.testing.assert_allclose(motion.positions_m, expected, atol=1e-15)
    np.testing.assert_array_equal(motion.joint_m("left_foot"), motion.positions_m[:, 10])
    np.testing.assert_array_equal(motion.quat_world_xyzw, motion.quat_local_xyzw)


def test_heading_runs_on_past_half_a_turn():
    yaw = np.linspace(0, 5 * np.pi, 60)
    quat = np.tile(IDENTITY, (60, 22, 1))
    quat[:, 0] = quat_from_yaw(yaw)
    np.testing.assert_allclose(still(60, quat=quat).heading_rad, yaw, atol=1e-9)


def test_frames_are_cut_as_by_a_slice(random_motion):
    motion = random_motion(frames=10).with_metadata(prompt="x")
    part = motion.frames(2, 5)
    np.testing.assert_array_equal(part.root_m, motion.root_m[2:5])
    np.testing.assert_array_equal(part.quat_local_xyzw, motion.quat_local_xyzw[2:5])
    assert part.metadata == {"prompt": "x"}
    assert len(motion.frames(8, 99)) == 2


def test_metadata_is_added_to_a_copy():
    first = still(metadata={"seed": 1})
    second = first.with_metadata(seed=2, prompt="wave")
    assert first.metadata == {"seed": 1}
    assert second.metadata == {"seed": 2, "prompt": "wave"}


# Errors, by their text


def test_errors_of_values():
    nan = np.full((3, 3), np.nan)
    assert message(root=nan) == "the motion holds NaN or infinity"
    assert message(quat=np.full((3, 22, 4), np.inf)) == "the motion holds NaN or infinity"
    for fps in (0, -20, np.nan, np.inf):
        assert message(fps=fps) == f"frames a second must be positive, not {fps}"
    for tiny in (0.0, 1e-13):
        quat = np.tile(IDENTITY, (3, 22, 1))
        quat[1, 4] *= tiny
        assert message(quat=quat) == "the motion holds a rotation of length zero"
    with pytest.raises(SettingsError, match=r"^no joint 'tail' in this skeleton; it has: pelvis, "):
        still().joint_m("tail")


def test_errors_of_shapes(unchecked):
    for root, quat in (((0, 3), (0, 22, 4)), ((3, 3), (4, 22, 4)), ((3, 2), (3, 22, 4)), ((), ())):
        assert message(root=np.zeros(root), quat=np.zeros(quat)) == (
            "a motion of 22 joints needs root_m (T, 3) and quat_local_xyzw (T, 22, 4) "
            f"with T > 0, not {root} and {quat}"
        )
    assert message(quat=np.zeros((3, 21, 4))).endswith("not (3, 3) and (3, 21, 4)")


def test_no_frames_are_no_motion(random_motion):
    with pytest.raises(SettingsError, match=r"with T > 0, not \(0, 3\) and \(0, 22, 4\)$"):
        random_motion(frames=10).frames(5, 5)
