"""Motions as compact arrays and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.corpus.packing import pack, unpack

SKELETON = canonical_skeleton()
seeds = st.integers(0, 2**32 - 1)


def _again(*motions: Motion) -> list[Motion]:
    return unpack(pack(motions), SKELETON, motions[0].fps)


def _wild(frames: int, seed: int) -> Motion:
    """Every frame another random pose, up to 3 m from the one before."""
    rng = np.random.default_rng(seed)
    root = rng.uniform(-100, 100, 3) + rng.uniform(-1.5, 1.5, (frames, 3))
    return Motion(SKELETON, 20.0, root, rng.normal(size=(frames, len(SKELETON), 4)))


@given(frames=st.integers(1, 60), seed=seeds)
def test_even_wild_motion_returns_to_within_a_millimetre(frames, seed):
    motion = _wild(frames, seed)
    (again,) = _again(motion)
    assert again.fps == motion.fps
    assert np.abs(again.positions_m - motion.positions_m).max() < 1e-3
    assert np.abs(again.root_m - motion.root_m).max() <= 1.001e-4
    turned = Rotation.from_quat(again.quat_local_xyzw.reshape(-1, 4)).inv() * Rotation.from_quat(
        motion.quat_local_xyzw.reshape(-1, 4)
    )
    assert turned.magnitude().max() < 0.5e-3


@given(seed=seeds)
def test_plausible_motion_is_off_by_a_quarter_of_a_millimetre_on_average(random_motion, seed):
    motion = random_motion(40, seed=seed)
    error = np.linalg.norm(_again(motion)[0].positions_m - motion.positions_m, axis=-1)
    assert error.mean() < 0.25e-3
    assert error.max() < 2e-3


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), seeds)
def test_motions_are_kept_apart(lengths, seed):
    motions = [_wild(frames, seed + k) for k, frames in enumerate(lengths)]
    again = _again(*motions)
    assert [len(m) for m in again] == lengths
    for motion, found in zip(motions, again, strict=True):
        assert np.array_equal(found.root_m[0], motion.root_m[0])
        assert np.abs(found.positions_m - motion.positions_m).max() < 1e-3


def test_the_sign_of_a_quaternion_costs_nothing(random_motion):
    motion = random_motion(50)
    flips = np.random.default_rng(0).choice([-1.0, 1.0], size=(50, len(SKELETON), 1))
    flips[0] = 1
    flipped = Motion(SKELETON, motion.fps, motion.root_m, motion.quat_local_xyzw * flips)
    ours, theirs = pack([motion]), pack([flipped])
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_neighbouring_frames_leave_the_high_bytes_empty(synthetic_walk):
    arrays = pack([synthetic_walk(100)])
    assert arrays["low"].dtype == arrays["high"].dtype == np.uint8
    assert (arrays["high"][:, 1:] == 0).mean() > 0.9


def test_what_was_unpacked_packs_to_the_same_numbers(random_motion):
    once = unpack(pack([random_motion(30)]), SKELETON, 20.0)
    twice = unpack(pack(once), SKELETON, 20.0)
    assert np.abs(twice[0].positions_m - once[0].positions_m).max() < 1e-3
    assert np.abs(twice[0].root_m - once[0].root_m).max() < 1e-9


def test_the_longest_step_that_can_be_kept_and_one_longer():
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (2, len(SKELETON), 1))
    for step in (3.2767, -3.2767):
        (again,) = _again(Motion(SKELETON, 20.0, np.array([[0, 0, 0], [0, 0, step]]), quat))
        assert again.root_m[1, 2] == pytest.approx(step, abs=1e-9)
    with pytest.raises(ValueError, match=r"^the root moves more than 3\.2 m in one frame$"):
        pack([Motion(SKELETON, 20.0, np.array([[0, 0, 0], [3.3, 0, 0]]), quat)])
