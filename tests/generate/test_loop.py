"""Loops and motion in place."""

from __future__ import annotations

import numpy as np

from nestmotion.generate.loop import close, in_place, with_neighbours
from nestmotion.generate.remaining import seam_m


def test_laps_go_on_from_one_another(synthetic_walk):
    walk = synthetic_walk(frames=60)
    three = with_neighbours(walk)
    assert len(three) == 180
    np.testing.assert_allclose(three.root_m[60:120], walk.root_m, atol=1e-9)
    np.testing.assert_allclose(three.quat_local_xyzw[60:120], walk.quat_local_xyzw, atol=1e-9)
    typical = np.linalg.norm(np.diff(walk.root_m[:, [0, 2]], axis=0), axis=1)
    for seam in (60, 120):
        step = np.linalg.norm((three.root_m[seam] - three.root_m[seam - 1])[[0, 2]])
        assert 0.5 * typical.min() < step < 1.5 * typical.max()


def test_a_seam_is_closed(random_motion):
    motion = random_motion(frames=60)
    closed = close(motion)
    assert seam_m(closed).mean() < 0.25 * seam_m(motion).mean()
    np.testing.assert_allclose(closed.root_m[12:48], motion.root_m[12:48], atol=1e-9)
    np.testing.assert_allclose(closed.positions_m[12:48], motion.positions_m[12:48], atol=1e-9)


def test_in_place_only_the_place_changes(synthetic_walk):
    walk = synthetic_walk()
    still = in_place(walk)
    assert np.ptp(still.root_m[:, [0, 2]], axis=0).max() == 0
    np.testing.assert_array_equal(still.root_m[:, 1], walk.root_m[:, 1])
    np.testing.assert_array_equal(still.quat_local_xyzw, walk.quat_local_xyzw)
