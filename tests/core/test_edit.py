"""Mirror, reverse, resample, move, ground and concatenate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from nestmotion.core import Motion, Skeleton
from nestmotion.core.edit import (
    canonicalize,
    closed,
    concatenate,
    ground_height_m,
    mirror,
    move,
    place_on_ground,
    resample,
    reverse,
)
from nestmotion.core.errors import SettingsError

seeds = st.integers(0, 2**32 - 1)


def assert_same_motion(a, b, atol=1e-12):
    assert a.skeleton == b.skeleton
    assert a.fps == b.fps
    np.testing.assert_allclose(a.root_m, b.root_m, atol=atol)
    dot = np.abs((a.quat_local_xyzw * b.quat_local_xyzw).sum(axis=-1))
    np.testing.assert_allclose(dot, 1, atol=atol)
    np.testing.assert_allclose(a.positions_m, b.positions_m, atol=10 * atol)


def along_heading_m(motion):
    """Metres the root moves along its own heading, summed over the frames."""
    forward = np.stack([np.sin(motion.heading_rad), np.cos(motion.heading_rad)], axis=-1)
    step = np.diff(motion.root_m[:, [0, 2]], axis=0)
    return float((step * forward[:-1]).sum())


def without_one_side(motion):
    """The motion on a skeleton whose left side is longer."""
    old = motion.skeleton
    offsets = old.offsets_m.copy()
    offsets[old.index("left_wrist")] *= 1.1
    skeleton = Skeleton(old.joint_names, old.parents, offsets)
    return Motion(skeleton, motion.fps, motion.root_m, motion.quat_local_xyzw)


# Mirror


@given(seeds)
def test_mirroring_twice_is_the_identity(random_motion, seed):
    motion = random_motion(frames=4, seed=seed)
    assert_same_motion(mirror(mirror(motion)), motion)


@given(seeds)
def test_mirror_reflects_positions_and_swaps_sides(random_motion, seed):
    motion = random_motion(frames=4, seed=seed)
    swap = list(motion.skeleton.mirror_indices)
    reflected = motion.positions_m[:, swap] * (-1, 1, 1)
    np.testing.assert_allclose(mirror(motion).positions_m, reflected, atol=1e-12)


def test_mirrored_world_rotations_are_the_reflected_ones(random_motion):
    motion = random_motion()
    flip = np.diag([-1.0, 1, 1])
    swap = list(motion.skeleton.mirror_indices)
    world = Rotation.from_quat(motion.quat_world_xyzw[:, swap].reshape(-1, 4)).as_matrix()
    result = Rotation.from_quat(mirror(motion).quat_world_xyzw.reshape(-1, 4)).as_matrix()
    np.testing.assert_allclose(result, flip @ world @ flip, atol=1e-12)


def test_mirrored_walking_forward_still_walks_forward(synthetic_walk):
    motion = move(synthetic_walk(), 0.7, (1.0, 0, 2))
    mirrored = mirror(motion)
    assert along_heading_m(motion) == pytest.approx(59 / 20 * 1.2)
    assert along_heading_m(mirrored) == pytest.approx(along_heading_m(motion))
    np.testing.assert_allclose(mirrored.heading_rad, -motion.heading_rad, atol=1e-12)
    knee = motion.joint_m("left_knee") * (-1, 1, 1)
    np.testing.assert_allclose(mirrored.joint_m("right_knee"), knee, atol=1e-12)


@pytest.mark.corpus
def test_mirrored_real_walk_still_walks_forward(shared):
    from nestmotion.corpus.sources.cmu20 import Cmu20

    trial = Cmu20(shared / "corpus").read("07_01")
    motion, mirrored = trial.motion, mirror(trial.motion)
    distance = along_heading_m(motion)
    assert distance > 3
    assert along_heading_m(mirrored) == pytest.approx(distance)
    # Toes point the way the walk goes, on both sides.
    for side in ("left", "right"):
        toes = mirrored.joint_m(f"{side}_foot") - mirrored.joint_m(f"{side}_ankle")
        way = mirrored.root_m[-1] - mirrored.root_m[0]
        assert (toes @ way).mean() / np.linalg.norm(way) > 0.1


def test_an_asymmetric_skeleton_is_not_mirrored(random_motion):
    with pytest.raises(SettingsError) as error:
        mirror(without_one_side(random_motion()))
    assert str(error.value) == "only a left-right symmetric skeleton can be mirrored"


# Resample


@pytest.mark.parametrize("fps", [7.0, 12.5, 20.0, 24.0, 29.97, 30.0, 60.0, 120.0])
def test_resampling_against_scipy(random_motion, fps):
    motion = random_motion(frames=41)
    result = resample(motion, fps)
    old, new = np.arange(41) / 20, np.arange(len(result)) / fps
    assert new[-1] <= old[-1] + 1e-9 < new[-1] + 1 / fps + 1e-6  # the last frame that fits
    new = np.minimum(new, old[-1])
    for axis in range(3):
        expected = np.interp(new, old, motion.root_m[:, axis])
        np.testing.assert_allclose(result.root_m[:, axis], expected, atol=1e-12)
    for j in range(22):
        expected = Slerp(old, Rotation.from_quat(motion.quat_local_xyzw[:, j]))(new)
        off = expected.inv() * Rotation.from_quat(result.quat_local_xyzw[:, j])
        np.testing.assert_allclose(off.magnitude(), 0, atol=1e-7)


@pytest.mark.parametrize("factor", [2, 3, 6])
def test_up_and_down_again_is_the_identity(random_motion, factor):
    motion = random_motion()
    up = resample(motion, 20.0 * factor)
    assert len(up) == 39 * factor + 1
    assert_same_motion(resample(up, 20.0), motion, atol=1e-10)


@pytest.mark.parametrize("fps", [10.0, 24.0, 60.0])
def test_resampling_keeps_the_ends(random_motion, fps):
    motion = random_motion(frames=41)  # 2 s from first frame to last, whole in every rate
    result = resample(motion, fps)
    assert (len(result) - 1) / fps == pytest.approx(2.0)
    for end in (0, -1):
        np.testing.assert_allclose(result.positions_m[end], motion.positions_m[end], atol=1e-9)


def test_resampling_takes_the_shorter_way_through_a_sign_flip(random_motion):
    motion = random_motion()
    flipped = motion.quat_local_xyzw * np.where(np.arange(40) % 2, -1, 1)[:, None, None]
    other = Motion(motion.skeleton, motion.fps, motion.root_m, flipped)
    assert_same_motion(resample(other, 33.0), resample(motion, 33.0))


def test_one_frame_stays_one_frame(random_motion):
    motion = random_motion(frames=1)
    result = resample(motion, 60.0)
    assert len(result) == 1
    np.testing.assert_allclose(result.positions_m, motion.positions_m, atol=1e-12)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_frame_rates(random_motion, fps):
    with pytest.raises(SettingsError) as error:
        resample(random_motion(), fps)
    assert str(error.value) == f"frames a second must be above 0 and at most 1000, not {fps:g}"


# Move, canonicalize, ground


@given(seeds, st.floats(-7, 7), st.tuples(*[st.floats(-9, 9)] * 3))
def test_move_turns_then_shifts_every_joint(random_motion, seed, yaw, shift):
    motion = random_motion(frames=3, seed=seed)
    turn = Rotation.from_euler("Y", yaw).as_matrix()
    expected = motion.positions_m @ turn.T + shift
    np.testing.assert_allclose(move(motion, yaw, shift).positions_m, expected, atol=1e-10)


@given(seeds, st.floats(-7, 7), st.tuples(*[st.floats(-9, 9)] * 3))
def test_canonicalize_forgets_where_and_which_way(random_motion, seed, yaw, shift):
    motion = random_motion(frames=3, seed=seed)
    result = canonicalize(motion)
    assert result.heading_rad[0] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(result.root_m[0], [0, motion.root_m[0, 1], 0], atol=1e-12)
    np.testing.assert_allclose(result.root_m[:, 1], motion.root_m[:, 1], atol=1e-12)
    there = move(motion, yaw, (shift[0], 0.0, shift[2]))
    assert_same_motion(canonicalize(there), result, atol=1e-9)


def test_place_on_ground(random_motion):
    motion = move(random_motion(frames=200), 0.0, (0.0, 3.0, 0.0))
    lowest = motion.positions_m[..., 1].min(axis=1)
    assert ground_height_m(motion) == pytest.approx(np.percentile(lowest, 5))
    for clearance in (0.0, 0.04):
        placed = place_on_ground(motion, clearance)
        assert ground_height_m(placed) == pytest.approx(clearance)
        np.testing.assert_allclose(placed.root_m[:, [0, 2]], motion.root_m[:, [0, 2]], atol=1e-12)


def test_one_frame_of_noise_does_not_lift_the_motion(synthetic_walk):
    walk = synthetic_walk(frames=100)
    root = walk.root_m.copy()
    root[50, 1] -= 0.5
    noisy = Motion(walk.skeleton, walk.fps, root, walk.quat_local_xyzw)
    assert ground_height_m(noisy) == pytest.approx(ground_height_m(walk), abs=0.01)


# Concatenate


def test_concatenate_continues_where_and_as_the_one_before_ends(random_motion):
    parts = [move(random_motion(frames=10, seed=k), k, (k, 0.0, -k)) for k in range(3)]
    whole = concatenate(parts)
    assert len(whole) == 30
    np.testing.assert_allclose(whole.positions_m[:10], parts[0].positions_m, atol=1e-12)
    for k in (1, 2):
        before, start = 10 * k - 1, 10 * k
        flat = whole.root_m[[before, start]][:, [0, 2]]
        np.testing.assert_allclose(flat[0], flat[1], atol=1e-12)
        turn = whole.heading_rad[start] - whole.heading_rad[before]
        assert np.cos(turn) == pytest.approx(1)
        assert whole.root_m[start, 1] == pytest.approx(parts[k].root_m[0, 1])
        assert_same_motion(
            canonicalize(whole.frames(start, start + 10)), canonicalize(parts[k]), atol=1e-10
        )


def test_walks_one_after_another_walk_on(synthetic_walk):
    turned = move(synthetic_walk(), 2.0, (5.0, 0, 5))
    whole = concatenate([synthetic_walk(), turned])
    np.testing.assert_allclose(whole.root_m[:, 0], 0, atol=1e-9)
    assert along_heading_m(whole) == pytest.approx(2 * 59 / 20 * 1.2)


def test_concatenate_without_aligning_keeps_every_frame(random_motion):
    parts = [random_motion(frames=4, seed=k).with_metadata(part=k) for k in range(2)]
    whole = concatenate(parts, align=False)
    assert whole.metadata == {"part": 0}
    np.testing.assert_array_equal(whole.root_m, np.concatenate([p.root_m for p in parts]))
    assert_same_motion(whole.frames(4, 8), parts[1])


def test_errors_of_concatenate(random_motion):
    motion = random_motion()

    def message(motions):
        with pytest.raises(SettingsError) as error:
            concatenate(motions)
        return str(error.value)

    assert message([]) == "nothing to concatenate"
    assert message([motion, without_one_side(motion)]) == (
        "motions to concatenate must share one skeleton"
    )
    assert message([motion, resample(motion, 30.0)]) == (
        "motions to concatenate must share one frame rate; resample first"
    )


@given(seeds)
def test_reversed_twice_is_as_it_was_and_once_the_last_frame_comes_first(random_motion, seed):
    motion = random_motion(seed=seed)
    assert_same_motion(reverse(reverse(motion)), motion)
    np.testing.assert_array_equal(reverse(motion).positions_m, motion.positions_m[::-1])


# Loops


def _circle(frames=60, laps=1.0, fps=20.0):
    """Somebody who goes round in a circle, so that after one lap all is as it was."""
    skeleton = Skeleton(("a", "b"), (-1, 0), np.array([[0, 0, 0], [0, 0.5, 0]], dtype=float))
    angle = 2 * np.pi * laps * np.arange(frames) / frames
    root = np.stack([np.cos(angle), 0 * angle + 1, -np.sin(angle)], axis=-1)
    swing = Rotation.from_rotvec(np.outer(np.sin(angle), [1, 0, 0])).as_quat()
    quat = np.stack([Rotation.from_rotvec(np.outer(angle, [0, 1, 0])).as_quat(), swing], axis=1)
    return Motion(skeleton, fps, root, quat, {"loop": True})


def test_a_closed_circle_ends_where_it_begins():
    loop = _circle()
    found = closed(loop)
    assert (len(found), found.is_loop) == (61, False)
    assert_same_motion(found.frames(0, 60), loop)
    assert_same_motion(found.frames(60, 61), loop.frames(0, 1), atol=1e-9)


def test_half_a_circle_goes_on():
    """A loop whose laps go on in space: the closing frame is the next lap's first."""
    loop = _circle(laps=0.5)
    whole = _circle(frames=120)
    assert_same_motion(
        closed(loop).frames(60, 61),
        replace(
            whole.frames(60, 61),
            quat_local_xyzw=(
                np.stack([whole.quat_local_xyzw[60, 0], loop.quat_local_xyzw[0, 1]])[None]
            ),
        ),
        atol=1e-9,
    )


@pytest.mark.parametrize(("fps", "frames"), [(30.0, 90), (60.0, 180), (10.0, 30), (23.0, 69)])
def test_a_resampled_loop_is_one(fps, frames):
    found = resample(_circle(), fps)
    assert (len(found), found.is_loop) == (frames, True)
    assert found.duration_s == pytest.approx(3.0)
    end = closed(found)
    np.testing.assert_allclose(end.positions_m[-1], end.positions_m[0], atol=2e-3)


def test_a_part_of_a_loop_is_none():
    loop = _circle()
    assert loop.frames(0, 60).is_loop
    assert not loop.frames(0, 59).is_loop
    assert loop.with_metadata(seed=1).without_metadata("loop").metadata == {"seed": 1}
