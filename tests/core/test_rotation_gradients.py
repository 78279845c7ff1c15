"""Gradients of rotations in torch: finite everywhere, and those of finite differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hard_rotations import IDENTITY, QUATS
from nestmotion.core import rotations as rot

UNARY = [
    rot.quat_normalize,
    rot.canonical_sign,
    rot.quat_conjugate,
    rot.quat_to_matrix,
    rot.quat_to_rotation_vector,
    rot.quat_yaw,
    lambda q: rot.quat_to_euler("ZXY", q),
    lambda q: rot.quat_from_matrix(rot.quat_to_matrix(q)),
    lambda q: rot.rotation_6d_to_matrix(rot.rotation_6d_from_matrix(rot.quat_to_matrix(q))),
    lambda q: rot.quat_slerp(q, q, torch.tensor(0.3, dtype=q.dtype)),
    lambda q: rot.quat_slerp(q, torch.roll(q, 1, 0), torch.tensor(0.3, dtype=q.dtype)),
    lambda q: rot.quat_between(q[..., :3] + 1e-3, -q[..., :3] - 1e-3),
    lambda q: rot.quat_from_rotation_vector(q[..., :3]),
    rot.unroll_signs,
]
NAMES = [
    "normalize",
    "canonical_sign",
    "conjugate",
    "to_matrix",
    "log",
    "yaw",
    "euler",
    "from_matrix",
    "6d",
    "slerp_equal",
    "slerp",
    "between_opposite",
    "exp",
    "unroll",
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", UNARY, ids=NAMES)
def test_gradients_are_finite_everywhere(function, dtype):
    exact = np.array(list(itertools.product([-0.5, 0.5], repeat=4)))  # lock without rounding
    hanging = np.array([[1.0, 0, 0, 0], [0.6, 0, 0.8, 0]])
    q = torch.tensor(np.concatenate([QUATS, exact, hanging]), dtype=dtype, requires_grad=True)
    out = function(q)
    assert out.dtype is dtype
    assert out.isfinite().all()
    (gradient,) = torch.autograd.grad(out.sum(), q)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("function", UNARY, ids=NAMES)
def test_gradients_agree_with_finite_differences(function):
    q = torch.tensor(Rotation.random(4, rng=14).as_quat(), requires_grad=True)
    assert torch.autograd.gradcheck(function, (q,))


def test_gradients_of_exp_and_log_at_the_identity():
    at_zero = torch.autograd.functional.jacobian(rot.quat_from_rotation_vector, torch.zeros(3))
    np.testing.assert_allclose(at_zero, np.concatenate([np.eye(3) / 2, np.zeros((1, 3))]), atol=0)
    identity = torch.tensor(IDENTITY)
    at_one = torch.autograd.functional.jacobian(rot.quat_to_rotation_vector, identity)
    np.testing.assert_allclose(at_one[:, :3], 2 * np.eye(3), atol=0)


def test_gradients_of_zero_vectors_are_finite():
    for function, size in ((rot.quat_normalize, 4), (rot.rotation_6d_to_matrix, 6)):
        zero = torch.zeros(2, size, requires_grad=True)
        (gradient,) = torch.autograd.grad(function(zero).sum(), zero)
        assert gradient.isfinite().all()
