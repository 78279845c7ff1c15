"""Motion in parts: set in, carried along, mirrored, retimed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core.edit import canonicalize, mirror, move
from nestmotion.core.rotations import (
    quat_conjugate,
    quat_from_rotation_vector,
    quat_multiply,
    quat_to_rotation_vector,
)
from nestmotion.core.smoothing import smooth_step
from nestmotion.generate.edit_motion import carried, mirrored, retimed, set_in
from nestmotion.generate.sampler import FADE_FRAMES


def _same(a, b, frames=slice(None)):
    np.testing.assert_allclose(a.positions_m[frames], b.positions_m[frames], atol=1e-9)


def test_carried_goes_on_where_the_other_is(random_motion):
    motion, ahead = random_motion(frames=40), move(random_motion(frames=40, seed=1), 1.0, (2, 0, 3))
    found = carried(motion, 25, ahead)
    _same(found, motion, slice(0, 25))
    np.testing.assert_allclose(found.root_m[25, [0, 2]], ahead.root_m[25, [0, 2]], atol=1e-9)
    assert found.heading_rad[25] % (2 * np.pi) == pytest.approx(ahead.heading_rad[25] % (2 * np.pi))
    _same(canonicalize(found.frames(25, 40)), canonicalize(motion.frames(25, 40)))


def test_mirrored_frames(random_motion):
    motion = canonicalize(random_motion(frames=40))
    _same(mirrored(motion, range(40)), mirror(motion))
    found = mirrored(motion, range(10, 25))
    _same(found, motion, slice(0, 10))
    _same(canonicalize(found.frames(10, 25)), mirror(canonicalize(motion.frames(10, 25))))
    _same(canonicalize(found.frames(25, 40)), canonicalize(motion.frames(25, 40)))
    # The step over the second border is the mirrored one.
    there = (
        canonicalize(found.frames(24, 40)).root_m[1]
        - mirror(canonicalize(motion.frames(24, 40))).root_m[1]
    )
    np.testing.assert_allclose(there[[0, 2]], 0, atol=1e-9)


@given(first=st.integers(0, 20), count=st.integers(1, 19), seed=st.integers(0, 9))
def test_set_in_leaves_the_rest(random_motion, first, count, seed):
    kept, made = random_motion(frames=40), random_motion(frames=40, seed=seed + 1)
    frames = range(first, first + count)
    found = set_in(kept, made, frames)
    outside = np.r_[0:first, first + count : 40]
    _same(found, kept, outside)
    # Where the other is the same, nothing changes.
    _same(set_in(kept, kept, frames), kept)


def test_far_from_its_borders_a_stretch_is_the_other(random_motion):
    kept, made = random_motion(frames=60), random_motion(frames=60, seed=1)
    found = set_in(kept, made, range(10, 50))
    _same(found, made, slice(10 + FADE_FRAMES, 50 - FADE_FRAMES))
    step = np.linalg.norm(np.diff(found.positions_m, axis=0), axis=-1).max(axis=1)
    inner = max(np.linalg.norm(np.diff(m.positions_m, axis=0), axis=-1).max() for m in (kept, made))
    off = np.linalg.norm(kept.positions_m - made.positions_m, axis=-1)[[9, 50]].max()
    assert step.max() < inner + 0.3 * off  # a plain cut would jump by `off`


def test_from_its_border_a_stretch_turns_the_shortest_way_to_the_other(random_motion):
    kept, rng = random_motion(frames=60), np.random.default_rng(0)
    off = quat_from_rotation_vector(0.8 * rng.normal(size=(len(kept.skeleton), 3)))
    made = replace(kept, quat_local_xyzw=quat_multiply(off, kept.quat_local_xyzw))
    found = set_in(kept, made, range(20, 60))
    left = quat_multiply(found.quat_local_xyzw, quat_conjugate(kept.quat_local_xyzw))[20:]
    share = 1 - smooth_step(1 - np.arange(1, 41) / FADE_FRAMES)
    expected = share[:, None, None] * quat_to_rotation_vector(off)
    np.testing.assert_allclose(quat_to_rotation_vector(left), expected, atol=1e-7)


def test_set_in_of_joints_moves_these_alone(random_motion):
    kept, made = random_motion(frames=40), random_motion(frames=40, seed=1)
    sk = kept.skeleton
    arm = frozenset(sk.index(f"left_{name}") for name in ("shoulder", "elbow", "wrist"))
    found = set_in(kept, made, range(5, 35), arm)
    others = [j for j in range(len(sk)) if j not in (sk.index("left_elbow"), sk.index("left_wrist"))]
    np.testing.assert_allclose(found.positions_m[:, others], kept.positions_m[:, others], atol=1e-12)
    assert np.abs(found.joint_m("left_wrist") - kept.joint_m("left_wrist")).max() > 0.05


@given(
    first=st.integers(0, 30),
    count=st.integers(8, 30),
    factor=st.floats(0.5, 2.0),
)
def test_retimed_lasts_as_long_as_told_and_leaves_the_rest(random_motion, first, count, factor):
    motion = random_motion(frames=60)
    new = max(round(count * factor), 2)
    found = retimed(motion, range(first, first + count), factor)
    assert len(found) == 60 - count + new
    _same(found.frames(0, first + 1), motion.frames(0, first + 1))
    if first + count < 60:
        _same(found.frames(first + new, len(found)), motion.frames(first + count, 60))


def test_retimed_by_one_is_the_same(random_motion):
    motion = random_motion(frames=30)
    _same(retimed(motion, range(5, 20), 1.0), motion)


def test_a_steady_walk_keeps_its_pace_at_the_borders(synthetic_walk):
    motion = synthetic_walk(frames=100)
    found = retimed(motion, range(30, 70), 1.5)
    speed = np.diff(found.root_m[:, 2]) * 20 / 1.2
    assert np.abs(speed[:29] - 1).max() < 1e-9
    assert np.abs(np.diff(speed)).max() < 0.15  # no sudden change
    assert speed[40:80].mean() == pytest.approx(1 / 1.5, abs=0.06)
    assert found.root_m[-1, 2] == pytest.approx(motion.root_m[-1, 2])
