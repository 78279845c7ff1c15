"""What is known of a motion: which columns of which frames, and what stands there."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.core.errors import SettingsError
from nestmotion.features import FeatureLayout, encode
from nestmotion.features.known import known_frames, known_joints, known_path
from synthetic_corpus import moving

LAYOUT = FeatureLayout()
VELOCITIES = ("root_velocity", "heading_velocity", "joint_velocities")


def test_a_start_is_known_but_for_the_velocity_that_looks_past_it():
    motion = moving(30)
    known = known_frames(motion, slice(0, 10), 50)
    assert known.mask.shape == (50, LAYOUT.size)
    assert known.mask[:9].all()
    assert not known.mask[10:].any()
    for name in LAYOUT.blocks:
        assert known.mask[9, LAYOUT[name]].all() == (name not in VELOCITIES), name
    np.testing.assert_array_equal(known.features[:30], encode(motion))


def test_keyframes_have_a_velocity_where_the_next_frame_is_one_too():
    known = known_frames(moving(20), [3, 4, 9], 20)
    ahead = known.mask[:, LAYOUT["root_velocity"]].all(axis=1)
    assert np.flatnonzero(ahead).tolist() == [3]
    assert np.flatnonzero(known.mask.any(axis=1)).tolist() == [3, 4, 9]


def test_a_path_and_its_heading():
    path = np.stack((np.zeros(40), np.linspace(0, 3, 40)), axis=1)
    path[20] = np.nan
    known = known_path(path, np.linspace(0, 1, 40))
    columns = known.mask[:, LAYOUT["root_path"]]
    assert columns.all(axis=1).sum() == 39
    assert not columns[20].any()
    assert known.mask.sum() == 39 * 2 + 40 * 2
    np.testing.assert_allclose(known.features[5, LAYOUT["root_path"]], path[5], rtol=1e-6)
    np.testing.assert_allclose(
        known.features[-1, LAYOUT["root_heading"]], [np.cos(1), np.sin(1)], rtol=1e-6
    )
    assert np.isfinite(known.features).all()


def test_joints_are_known_with_the_root_they_hang_from():
    motion = moving(20)
    known = known_joints(motion, ["left_wrist"], [7], 20)
    assert np.flatnonzero(known.mask.any(axis=1)).tolist() == [7]
    wrist = 3 * (motion.skeleton.index("left_wrist") - 1)
    held = np.flatnonzero(known.mask[7, LAYOUT["joint_positions"]])
    assert held.tolist() == [wrist, wrist + 1, wrist + 2]
    assert known.mask[7, LAYOUT["root_height"]].all()
    assert not known.mask[7, LAYOUT["rotations"]].any()


def test_of_two_the_left_one_holds():
    a = known_path(np.array([[0, 0], [0, 1.0]]))
    b = known_path(np.array([[0, 0], [0, 5.0]]), np.zeros(2))
    both = a | b
    assert both.features[1, LAYOUT["root_path"]].tolist() == [0, 1]
    assert both.mask[:, LAYOUT["root_heading"]].all()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ([[0, 0]], "a path needs two or more frames of x and z, not shape (1, 2)"),
        ([[1, 0.5], [1, 1]], "a path must begin at (0, 0), not at (1, 0.5)"),
    ],
)
def test_paths_that_are_none(path, message):
    with pytest.raises(SettingsError) as error:
        known_path(np.array(path, dtype=float))
    assert str(error.value) == message


def test_known_values_of_different_lengths():
    short, long = (known_path(np.zeros((n, 2))) for n in (4, 5))
    with pytest.raises(SettingsError) as error:
        short | long
    assert str(error.value) == "known values of 4 and 5 frames do not fit together"
