"""Forward kinematics against 4 x 4 matrices multiplied joint by joint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nestmotion.core import canonical_skeleton
from nestmotion.core.kinematics import forward_kinematics, local_from_world


def by_matrices(parents, offsets, quats, root):
    """World transforms of one frame, each by recursion to the root."""

    def world(j):
        local = np.eye(4)
        local[:3, :3] = Rotation.from_quat(quats[j]).as_matrix()
        local[:3, 3] = root if j == 0 else offsets[j]
        return local if j == 0 else world(parents[j]) @ local

    transforms = np.stack([world(j) for j in range(len(parents))])
    return transforms[:, :3, 3], transforms[:, :3, :3]


def random_pose(joints, seed, frames=()):
    rng = np.random.default_rng(seed)
    parents = (-1, *(int(rng.integers(0, j)) for j in range(1, joints)))
    count = int(np.prod(frames, dtype=int)) * joints
    quats = Rotation.random(count, rng=rng).as_quat().reshape(*frames, joints, 4)
    return parents, rng.normal(size=(joints, 3)), quats, rng.normal(size=(*frames, 3))


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_positions_and_rotations_of_any_tree(joints, seed):
    pose = random_pose(joints, seed)
    positions, rotations = forward_kinematics(*pose)
    expected_positions, expected_rotations = by_matrices(*pose)
    np.testing.assert_allclose(positions, expected_positions, atol=1e-12)
    np.testing.assert_allclose(
        Rotation.from_quat(rotations).as_matrix(), expected_rotations, atol=1e-12
    )


def test_every_frame_of_a_motion(random_motion):
    motion = random_motion(frames=5)
    skeleton = motion.skeleton
    for t in range(5):
        expected, _ = by_matrices(
            skeleton.parents, skeleton.offsets_m, motion.quat_local_xyzw[t], motion.root_m[t]
        )
        np.testing.assert_allclose(motion.positions_m[t], expected, atol=1e-12)


def test_offsets_of_each_frame_of_their_own():
    parents, _, quats, root = random_pose(6, 1, frames=(2, 3))
    offsets = np.random.default_rng(2).normal(size=(2, 3, 6, 3))
    positions, rotations = forward_kinematics(parents, offsets, quats, root)
    assert positions.shape == (2, 3, 6, 3)
    assert rotations.shape == (2, 3, 6, 4)
    expected, _ = by_matrices(parents, offsets[1, 2], quats[1, 2], root[1, 2])
    np.testing.assert_allclose(positions[1, 2], expected, atol=1e-12)


def test_bone_lengths_stay(random_motion):
    motion = random_motion(frames=30)
    parents = list(motion.skeleton.parents)[1:]
    bones = motion.positions_m[:, 1:] - motion.positions_m[:, parents]
    lengths = np.linalg.norm(motion.skeleton.offsets_m[1:], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(bones, axis=-1) - lengths, 0, atol=1e-14)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-13), (torch.float32, 1e-5)])
def test_torch_gives_the_same_numbers(dtype, atol):
    parents, *arrays = random_pose(22, 3, frames=(4, 7))
    expected = forward_kinematics(parents, *arrays)
    result = forward_kinematics(parents, *(torch.tensor(a, dtype=dtype) for a in arrays))
    for got, want in zip(result, expected, strict=True):
        assert got.dtype is dtype
        np.testing.assert_allclose(got.numpy(), want, atol=atol)


def test_gradients():
    parents, offsets, quats, root = random_pose(5, 4)
    inputs = [torch.tensor(a, requires_grad=True) for a in (offsets, quats, root)]
    assert torch.autograd.gradcheck(lambda *x: forward_kinematics(parents, *x), inputs)


def test_local_from_world_undoes_the_rotations():
    parents, offsets, quats, root = random_pose(22, 5, frames=(6,))
    _, world = forward_kinematics(parents, offsets, quats, root)
    np.testing.assert_allclose(local_from_world(parents, world), quats, atol=1e-12)
    tensors = local_from_world(parents, torch.tensor(world))
    np.testing.assert_allclose(tensors.numpy(), quats, atol=1e-12)


def test_a_raised_left_arm():
    """A quarter turn about +Z lifts the left arm, which rests along +X, straight up."""
    skeleton = canonical_skeleton()
    quats = np.tile([0.0, 0.0, 0.0, 1.0], (22, 1))
    shoulder, wrist = skeleton.index("left_shoulder"), skeleton.index("left_wrist")
    quats[shoulder] = [0, 0, np.sqrt(0.5), np.sqrt(0.5)]
    positions, _ = forward_kinematics(skeleton.parents, skeleton.offsets_m, quats, np.zeros(3))
    rest = skeleton.rest_positions_m
    assert positions[wrist, 1] - positions[shoulder, 1] == pytest.approx(
        rest[wrist, 0] - rest[shoulder, 0]
    )
