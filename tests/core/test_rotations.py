"""Rotations against SciPy, in NumPy and torch, generic and at the hard places."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation, Slerp

from hard_rotations import AXES, HARD, IDENTITY, ORDERS, QUATS, TINY, VECTORS
from nestmotion.core import rotations as rot

unit_quats = (
    arrays(np.float64, 4, elements=st.floats(-1, 1))
    .filter(lambda q: np.linalg.norm(q) > 1e-3)
    .map(lambda q: q / np.linalg.norm(q))
)
vectors = arrays(np.float64, 3, elements=st.floats(-10, 10))


def both(function: Callable, *args: np.ndarray, atol: float = 1e-13) -> np.ndarray:
    """The function's NumPy result, after checking that torch gives the same numbers and type."""
    result = function(*args)
    tensors = function(*(torch.tensor(a) for a in args))
    assert result.dtype == np.float64
    assert tensors.dtype is torch.float64
    np.testing.assert_allclose(tensors.numpy(), result, rtol=0, atol=atol)
    return result


def assert_same_rotation(a: np.ndarray, b: np.ndarray, atol: float = 1e-12) -> None:
    """Equal up to sign, compared by chord so that nothing is lost near the identity."""
    chord = np.minimum(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
    np.testing.assert_allclose(chord, 0, atol=atol)


# Each function against SciPy


def test_multiply():
    a, b = QUATS, QUATS[::-1].copy()
    expected = (Rotation.from_quat(a) * Rotation.from_quat(b)).as_quat()
    assert_same_rotation(both(rot.quat_multiply, a, b), expected)


def test_conjugate():
    expected = Rotation.from_quat(QUATS).inv().as_quat()
    assert_same_rotation(both(rot.quat_conjugate, QUATS), expected)


def test_apply():
    expected = Rotation.from_quat(QUATS).apply(VECTORS)
    np.testing.assert_allclose(both(rot.quat_apply, QUATS, VECTORS), expected, atol=1e-12)


def test_to_matrix():
    expected = Rotation.from_quat(QUATS).as_matrix()
    np.testing.assert_allclose(both(rot.quat_to_matrix, QUATS), expected, atol=1e-14)


def test_from_matrix():
    matrices = Rotation.from_quat(QUATS).as_matrix()
    result = both(rot.quat_from_matrix, matrices)
    assert_same_rotation(result, QUATS)
    assert (result[:, 3] >= 0).all()


def test_from_rotation_vector():
    turns = np.linspace(0, 4 * np.pi, 50)[:, None] * AXES[6]
    v = np.concatenate([HARD.as_rotvec(), VECTORS, turns])
    assert_same_rotation(both(rot.quat_from_rotation_vector, v), Rotation.from_rotvec(v).as_quat())


def test_to_rotation_vector():
    result = both(rot.quat_to_rotation_vector, QUATS)
    assert np.linalg.norm(result, axis=-1).max() <= np.pi + 1e-12
    assert_same_rotation(Rotation.from_rotvec(result).as_quat(), QUATS)
    inner = Rotation.from_quat(QUATS).magnitude() < np.pi - 1e-6  # at pi both axes are right
    expected = Rotation.from_quat(QUATS).as_rotvec()
    np.testing.assert_allclose(result[inner], expected[inner], atol=1e-12)


def test_small_rotation_vectors_keep_their_digits():
    v = TINY[:, None] * AXES[6]
    back = both(lambda x: rot.quat_to_rotation_vector(rot.quat_from_rotation_vector(x)), v)
    np.testing.assert_allclose(back, v, rtol=1e-12, atol=0)


def test_from_axis_angle():
    angles = np.linspace(-7, 7, len(AXES))
    expected = Rotation.from_rotvec(AXES * angles[:, None]).as_quat()
    assert_same_rotation(both(rot.quat_from_axis_angle, AXES, angles), expected)
    one_axis = both(rot.quat_from_axis_angle, AXES[7], angles)
    expected = Rotation.from_rotvec(AXES[7] * angles[:, None]).as_quat()
    assert_same_rotation(one_axis, expected)


@pytest.mark.parametrize("order", ["X", "ZX", "YZY", *ORDERS])
def test_from_euler(order):
    angles = np.random.default_rng(3).uniform(-2 * np.pi, 2 * np.pi, (100, len(order)))
    expected = Rotation.from_euler(order, angles).as_quat()
    assert_same_rotation(both(lambda a: rot.quat_from_euler(order, a), angles), expected)


@pytest.mark.parametrize("order", ORDERS)
def test_to_euler(order):
    result = both(lambda q: rot.quat_to_euler(order, q), QUATS, atol=1e-6)
    assert (np.abs(result[:, 1]) <= np.pi / 2 + 1e-12).all()
    # Where the lock is near, angles within 1e-6 of it are taken to be at it.
    near = np.abs(np.cos(result[:, 1])) < 1e-5
    back = Rotation.from_euler(order, result).as_quat()
    assert_same_rotation(back[near], QUATS[near], atol=2e-6)
    assert_same_rotation(back[~near], QUATS[~near], atol=1e-10)


@pytest.mark.parametrize("order", ORDERS)
def test_euler_angles_return_away_from_gimbal_lock(order):
    rng = np.random.default_rng(4)
    angles = rng.uniform(-1, 1, (200, 3)) * (np.pi - 1e-3, np.pi / 2 - 1e-3, np.pi - 1e-3)
    quats = rot.quat_from_euler(order, angles)
    np.testing.assert_allclose(rot.quat_to_euler(order, quats), angles, atol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_gimbal_lock(order, side):
    angles = np.random.default_rng(5).uniform(-np.pi, np.pi, (50, 3))
    angles[:, 1] = side * np.pi / 2
    quats = rot.quat_from_euler(order, angles)
    result = both(lambda q: rot.quat_to_euler(order, q), quats)
    np.testing.assert_array_equal(result[:, 2], 0)
    np.testing.assert_allclose(result[:, 1], side * np.pi / 2, atol=1e-7)
    assert_same_rotation(Rotation.from_euler(order, result).as_quat(), quats, atol=1e-7)


@pytest.mark.parametrize("order", ORDERS)
def test_near_gimbal_lock(order):
    angles = np.random.default_rng(15).uniform(-np.pi, np.pi, (2 * len(TINY), 3))
    angles[:, 1] = np.concatenate([np.pi / 2 - TINY, TINY - np.pi / 2])
    quats = rot.quat_from_euler(order, angles)
    result = both(lambda q: rot.quat_to_euler(order, q), quats, atol=1e-6)
    assert_same_rotation(rot.quat_from_euler(order, result), quats, atol=2e-6)


def test_slerp():
    b = np.roll(QUATS, 1, axis=0)
    t = np.random.default_rng(6).uniform(0, 1, len(QUATS))
    cosine = np.abs((QUATS * b).sum(axis=-1))
    inner = cosine > 1e-6  # half turns apart, both ways round are the shorter
    result = both(rot.quat_slerp, QUATS, b, t, atol=1e-11)
    for k in np.flatnonzero(inner):
        expected = Slerp([0, 1], Rotation.from_quat([QUATS[k], b[k]]))(t[k]).as_quat()
        assert_same_rotation(result[k], expected, atol=1e-10)


def test_slerp_starts_and_ends_where_asked():
    b = QUATS[::-1].copy()
    zero, one = np.zeros(len(b)), np.ones(len(b))
    assert_same_rotation(both(rot.quat_slerp, QUATS, b, zero), QUATS)
    assert_same_rotation(both(rot.quat_slerp, QUATS, b, one), b)


def test_slerp_has_constant_speed_and_takes_the_shorter_way():
    a, b = Rotation.random(2, rng=8).as_quat()
    t = np.linspace(0, 1, 11)
    for end in (b, -b):
        path = Rotation.from_quat(rot.quat_slerp(a, end, t))
        steps = (path[:-1].inv() * path[1:]).magnitude()
        whole = (Rotation.from_quat(a).inv() * Rotation.from_quat(b)).magnitude()
        np.testing.assert_allclose(steps, whole / 10, atol=1e-12)


def test_6d_is_the_first_two_columns():
    matrices = Rotation.from_quat(QUATS).as_matrix()
    d6 = both(rot.rotation_6d_from_matrix, matrices)
    np.testing.assert_array_equal(d6, np.concatenate([matrices[..., 0], matrices[..., 1]], axis=-1))
    np.testing.assert_allclose(both(rot.rotation_6d_to_matrix, d6), matrices, atol=1e-14)


def test_any_6d_gives_a_rotation():
    rng = np.random.default_rng(9)
    d6 = rng.normal(size=(200, 6)) * rng.uniform(0.01, 100, (200, 1))
    m = both(rot.rotation_6d_to_matrix, d6)
    np.testing.assert_allclose(m @ m.swapaxes(-1, -2), np.tile(np.eye(3), (200, 1, 1)), atol=1e-10)
    np.testing.assert_allclose(np.linalg.det(m), 1, atol=1e-10)
    # The first column keeps its direction, the second stays in the plane of both.
    first = d6[:, :3] / np.linalg.norm(d6[:, :3], axis=-1, keepdims=True)
    np.testing.assert_allclose(m[..., 0], first, atol=1e-12)
    assert ((m[..., 1] * d6[:, 3:]).sum(axis=-1) > 0).all()


# Heading


def test_yaw_turns_forward_to_the_left():
    quarter = rot.quat_from_yaw(np.array(np.pi / 2))
    np.testing.assert_allclose(rot.quat_apply(quarter, np.array([0.0, 0, 1])), [1, 0, 0], atol=1e-15)


def test_yaw_is_the_twist_about_y():
    rng = np.random.default_rng(10)
    yaw = np.concatenate([rng.uniform(-np.pi, np.pi, 200), [0.0, *TINY, 3.1415, -3.1415]])
    tilt = rng.normal(size=(len(yaw), 3)) * (1, 0, 1)
    tilt *= (rng.uniform(0, np.pi - 1e-3, len(yaw)) / np.linalg.norm(tilt, axis=-1))[:, None]
    twist = both(rot.quat_from_yaw, yaw)
    for swung in (
        rot.quat_multiply(twist, rot.quat_from_rotation_vector(tilt)),
        rot.quat_multiply(rot.quat_from_rotation_vector(tilt), twist),
    ):
        np.testing.assert_allclose(both(rot.quat_yaw, swung), yaw, atol=1e-10)
        np.testing.assert_allclose(both(rot.quat_yaw, -swung), yaw, atol=1e-10)


def test_yaw_of_a_half_turn_and_of_hanging_upside_down():
    half = np.array([[0, 1, 0, 0], [0, -1, 0, 0]], dtype=float)
    np.testing.assert_allclose(np.abs(both(rot.quat_yaw, half)), np.pi)
    hanging = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0.6, 1e-12, 0.8, -1e-12]])
    np.testing.assert_array_equal(both(rot.quat_yaw, hanging), 0)


# Between two directions


def directions(count: int) -> tuple[np.ndarray, np.ndarray]:
    pair = np.random.default_rng(11).normal(size=(2, count, 3))
    return pair[0], pair[1]


def test_between_is_the_smallest_turn():
    a, b = directions(200)
    q = both(rot.quat_between, a, b)
    ua, ub = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    np.testing.assert_allclose(rot.quat_apply(q, ua), ub, atol=1e-12)
    angle = np.arccos((ua * ub).sum(axis=-1))
    np.testing.assert_allclose(Rotation.from_quat(q).magnitude(), angle, atol=1e-7)


def test_between_equal_and_opposite_directions():
    assert_same_rotation(both(rot.quat_between, AXES, AXES * 3), np.tile(IDENTITY, (len(AXES), 1)))
    q = both(rot.quat_between, AXES, -2 * AXES)
    np.testing.assert_allclose(rot.quat_apply(q, AXES), -AXES, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(q, axis=-1), 1)


@pytest.mark.parametrize("off", TINY)
def test_between_nearly_opposite_directions(off):
    side = np.cross(AXES, AXES[[7]] + AXES[[6]])
    target = -AXES + off * side
    q = both(rot.quat_between, AXES, target, atol=1e-6)
    target /= np.linalg.norm(target, axis=-1, keepdims=True)
    # Directions within 5e-4 rad of opposite count as opposite.
    np.testing.assert_allclose(rot.quat_apply(q, AXES), target, atol=5e-4)


# Signs and lengths


def test_canonical_sign():
    result = both(rot.canonical_sign, QUATS)
    assert (result[:, 3] >= 0).all()
    assert_same_rotation(result, QUATS, atol=0)


def test_unroll_signs_makes_neighbours_near():
    rng = np.random.default_rng(12)
    vectors = np.cumsum(rng.normal(scale=0.1, size=(100, 5, 3)), axis=0)
    smooth = rot.quat_from_rotation_vector(vectors)
    flipped = smooth * rng.choice([-1.0, 1.0], (100, 5, 1))
    result = both(rot.unroll_signs, flipped)
    assert_same_rotation(result, smooth, atol=0)
    np.testing.assert_array_equal(result[0], flipped[0])
    assert ((result[1:] * result[:-1]).sum(axis=-1) > 0).all()
    np.testing.assert_array_equal(rot.unroll_signs(flipped[:1]), flipped[:1])


def test_normalize_scales_to_length_one_and_leaves_zero():
    scaled = QUATS * np.random.default_rng(13).uniform(1e-6, 1e6, (len(QUATS), 1))
    np.testing.assert_allclose(both(rot.quat_normalize, scaled), QUATS, atol=1e-14)
    np.testing.assert_array_equal(both(rot.quat_normalize, np.zeros(4)), np.zeros(4))


# Algebra, on whatever hypothesis finds


@given(unit_quats, unit_quats, unit_quats)
def test_multiplication_is_associative(a, b, c):
    left = rot.quat_multiply(rot.quat_multiply(a, b), c)
    np.testing.assert_allclose(left, rot.quat_multiply(a, rot.quat_multiply(b, c)), atol=1e-14)


@given(unit_quats, unit_quats, vectors)
def test_a_product_applies_right_to_left(a, b, v):
    one_by_one = rot.quat_apply(a, rot.quat_apply(b, v))
    np.testing.assert_allclose(rot.quat_apply(rot.quat_multiply(a, b), v), one_by_one, atol=1e-12)


@given(unit_quats, vectors)
def test_rotation_keeps_length_and_is_the_matrix(q, v):
    turned = rot.quat_apply(q, v)
    np.testing.assert_allclose(np.linalg.norm(turned), np.linalg.norm(v), atol=1e-12)
    np.testing.assert_allclose(rot.quat_to_matrix(q) @ v, turned, atol=1e-12)
    np.testing.assert_allclose(rot.quat_apply(rot.quat_conjugate(q), turned), v, atol=1e-12)


@given(unit_quats)
def test_every_representation_gives_the_rotation_back(q):
    matrix = rot.quat_to_matrix(q)
    d6 = rot.rotation_6d_from_matrix(matrix)
    for back in (
        rot.quat_from_matrix(matrix),
        rot.quat_from_rotation_vector(rot.quat_to_rotation_vector(q)),
        rot.quat_from_matrix(rot.rotation_6d_to_matrix(d6)),
    ):
        assert_same_rotation(back, q)


# Precision and shapes


def test_single_precision_stays_single_and_close():
    q, v = QUATS.astype(np.float32), VECTORS.astype(np.float32)
    d6 = rot.rotation_6d_from_matrix(rot.quat_to_matrix(q))
    for single, double in (
        (rot.quat_apply(q, v), rot.quat_apply(QUATS, VECTORS)),
        (rot.quat_to_matrix(q), rot.quat_to_matrix(QUATS)),
        (rot.rotation_6d_to_matrix(d6), rot.quat_to_matrix(QUATS)),
        (rot.quat_from_rotation_vector(v), rot.quat_from_rotation_vector(VECTORS)),
    ):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, atol=3e-6)
    back = rot.quat_from_rotation_vector(rot.quat_to_rotation_vector(q))
    assert back.dtype == np.float32
    assert_same_rotation(back, q, atol=1e-6)


def test_leading_dimensions_broadcast():
    a, b = QUATS[:3, None], QUATS[None, 3:8]
    product = both(rot.quat_multiply, a, b)
    assert product.shape == (3, 5, 4)
    np.testing.assert_array_equal(product[2, 4], rot.quat_multiply(QUATS[2], QUATS[7]))
    assert both(rot.quat_apply, IDENTITY, VECTORS[:6].reshape(2, 3, 3)).shape == (2, 3, 3)
    assert both(rot.quat_apply, QUATS[:6].reshape(2, 3, 4), VECTORS[0]).shape == (2, 3, 3)
