"""Rotations fitted to joint positions."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nestmotion.core import Motion, NestmotionError, canonical_skeleton
from nestmotion.core.edit import mirror, move
from nestmotion.core.fitting import LIMBS, fit_rotations, nearest_rotation
from nestmotion.core.rotations import quat_apply, quat_from_axis_angle, quat_from_rotation_vector

SKELETON = canonical_skeleton()


def angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(2 * np.arccos(np.clip(np.abs((a * b).sum(axis=-1)), 0, 1)))


def hinged_motion(seed: int, frames: int = 30, flexion: tuple[float, float] = (0.6, 2.0)) -> Motion:
    """Pelvis, thighs, upper arms and spine3 move freely; knees and elbows only about their hinges."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, frames)[:, None]
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (frames, len(SKELETON), 1))
    free = ["pelvis", "spine3", *(upper for upper, *_ in LIMBS)]
    for name in free:
        wave = rng.uniform(-1, 1, 3) + rng.uniform(-0.5, 0.5, 3) * np.sin(3 * time)
        quat[:, SKELETON.index(name)] = quat_from_rotation_vector(wave)
    for _, lower, _, axis in LIMBS:
        low, high = flexion
        angle = low + (high - low) * (0.5 + 0.5 * np.sin(4 * time[:, 0] + rng.uniform(0, 6)))
        quat[:, SKELETON.index(lower)] = quat_from_axis_angle(np.array(axis), angle)
    return Motion(SKELETON, 20.0, rng.normal(size=3) + time * rng.normal(size=3), quat)


@given(seed=st.integers(0, 10_000))
def test_nearest_rotation_agrees_with_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rest, observed = rng.normal(size=(2, 4, 3))
    expected, _ = Rotation.align_vectors(observed, rest)
    np.testing.assert_allclose(nearest_rotation(observed.T @ rest), expected.as_matrix(), atol=1e-8)


def test_nearest_rotation_is_never_a_reflection() -> None:
    np.testing.assert_allclose(np.linalg.det(nearest_rotation(np.diag([1.0, 1.0, -0.1]))), 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_positions_of_our_own_skeleton_are_reached(
    random_motion: Callable[..., Motion], seed: int
) -> None:
    motion = random_motion(seed=seed)
    fitted = fit_rotations(motion.positions_m, motion.fps)
    np.testing.assert_allclose(fitted.positions_m, motion.positions_m, atol=1e-9)
    assert fitted.fps == motion.fps


@given(seed=st.integers(0, 10_000))
def test_rotations_of_hinged_limbs_are_recovered(seed: int) -> None:
    motion = hinged_motion(seed)
    fitted = fit_rotations(motion.positions_m, motion.fps)
    names = ["pelvis", "spine3", *(name for limb in LIMBS for name in limb[:3])]
    joints = [SKELETON.index(name) for name in names]
    error = angle_deg(fitted.quat_world_xyzw, motion.quat_world_xyzw)[:, joints]
    assert error.max() < 0.1


def test_the_rest_pose_is_no_rotation() -> None:
    fitted = fit_rotations(SKELETON.rest_positions_m[None] + (0, 1, 0), 20.0)
    identity = np.broadcast_to([0.0, 0.0, 0.0, 1.0], fitted.quat_local_xyzw.shape)
    assert angle_deg(fitted.quat_local_xyzw, identity).max() < 0.1
    np.testing.assert_allclose(fitted.root_m, [[0, 1, 0]], atol=1e-9)


def test_another_size_gives_the_same_motion() -> None:
    motion = hinged_motion(1)
    fitted = fit_rotations(motion.positions_m * 1.3, motion.fps)
    np.testing.assert_allclose(fitted.root_m, motion.root_m, atol=1e-9)
    assert angle_deg(fitted.quat_world_xyzw[:, 0], motion.quat_world_xyzw[:, 0]).max() < 1e-3
    kept = fit_rotations(motion.positions_m * 1.3, motion.fps, match_leg_length=False)
    assert np.abs(kept.root_m - motion.root_m).max() > 0.1


def test_turning_and_mirroring_go_through() -> None:
    motion = hinged_motion(2)
    fitted = fit_rotations(motion.positions_m, motion.fps)
    turned = move(motion, 2.0, (1, 0, -3))
    np.testing.assert_allclose(
        fit_rotations(turned.positions_m, 20.0).positions_m, turned.positions_m, atol=1e-9
    )
    mirrored = fit_rotations(mirror(motion).positions_m, motion.fps)
    assert angle_deg(mirrored.quat_local_xyzw, mirror(fitted).quat_local_xyzw).max() < 1e-3


def test_torsion_is_shared_over_the_spine() -> None:
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (1, len(SKELETON), 1))
    quat[:, SKELETON.index("spine3")] = quat_from_rotation_vector(np.array([0, 0.6, 0]))
    fitted = fit_rotations(Motion(SKELETON, 20.0, np.zeros((1, 3)), quat).positions_m, 20.0)
    spine = [SKELETON.index(name) for name in ("spine1", "spine2", "spine3")]
    about_y = 2 * np.arcsin(fitted.quat_local_xyzw[0, spine, 1])
    np.testing.assert_allclose(about_y, 0.2, atol=0.02)


def test_a_limb_that_straightens_keeps_its_twist() -> None:
    """Through the straight position, where the bend says nothing, the upper arm does not spin."""
    frames = 41
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (frames, len(SKELETON), 1))
    quat[:, SKELETON.index("left_shoulder")] = quat_from_rotation_vector(np.array([0.9, 0.2, -1.0]))
    bend = 1.5 * np.abs(np.linspace(-1, 1, frames))
    quat[:, SKELETON.index("left_elbow")] = quat_from_axis_angle(np.array(LIMBS[2][3]), bend)
    motion = Motion(SKELETON, 20.0, np.zeros((frames, 3)), quat)
    fitted = fit_rotations(motion.positions_m, 20.0)
    shoulder = fitted.quat_world_xyzw[:, SKELETON.index("left_shoulder")]
    assert angle_deg(shoulder, motion.quat_world_xyzw[:, 16]).max() < 15
    assert angle_deg(shoulder[1:], shoulder[:-1]).max() < 6


def test_a_straight_arm_swung_past_the_far_side_does_not_spin() -> None:
    """Pointing opposite to its rest direction, an arm has no least rotation to go by."""
    frames = 40
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (frames, len(SKELETON), 1))
    swept = np.linspace(np.pi - 0.6, np.pi + 0.6, frames)
    axis = np.array([0.05, 0.1, 1.0]) / np.linalg.norm([0.05, 0.1, 1.0])
    quat[:, SKELETON.index("left_shoulder")] = quat_from_axis_angle(axis, swept)
    fitted = fit_rotations(Motion(SKELETON, 20.0, np.zeros((frames, 3)), quat).positions_m, 20.0)
    shoulder = fitted.quat_world_xyzw[:, SKELETON.index("left_shoulder")]
    assert angle_deg(shoulder[1:], shoulder[:-1]).max() < 15  # the sweep itself is 1.8 a frame


def test_bones_of_another_rest_pose_are_at_rest() -> None:
    """A person whose head joint lies further forward, as SMPL's does, still looks ahead."""
    positions = SKELETON.rest_positions_m[None].copy()
    positions[:, SKELETON.index("head")] += (0, -0.02, 0.07)
    looking_down = fit_rotations(positions, 20.0)
    bone = positions[0, SKELETON.index("head")] - positions[0, SKELETON.index("neck")]
    ahead = fit_rotations(positions, 20.0, rest_directions={"head": tuple(bone)})
    forward = np.array([0.0, 0.0, 1.0])
    head = SKELETON.index("head")
    assert quat_apply(looking_down.quat_world_xyzw[0, head], forward)[1] < -0.5
    np.testing.assert_allclose(quat_apply(ahead.quat_world_xyzw[0, head], forward), forward, atol=1e-6)


def refused(positions: np.ndarray, fps: float = 20.0) -> str:
    with pytest.raises(NestmotionError) as caught:
        fit_rotations(positions, fps)
    return str(caught.value)


@pytest.mark.usefixtures("unchecked")
def test_errors() -> None:
    rest = SKELETON.rest_positions_m[None]
    assert refused(rest[:, :21]) == ("joint positions must be (T, 22, 3) with T > 0, not (1, 21, 3)")
    assert refused(rest[:0]) == "joint positions must be (T, 22, 3) with T > 0, not (0, 22, 3)"
    assert refused(np.where(rest > 0.3, np.nan, rest)) == "the joint positions hold NaN or infinity"
    assert refused(rest, 0.0) == "frames a second must be positive, not 0.0"
    assert refused(0 * rest) == "the legs have no length: the joints all lie in one place"
    flat = rest.copy()
    flat[:, SKELETON.index("left_elbow")] = flat[:, SKELETON.index("left_shoulder")]
    assert refused(flat) == "left_shoulder, left_elbow and left_wrist do not lie apart"
