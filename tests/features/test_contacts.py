"""Foot contacts of motions whose stances are known."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import move
from nestmotion.features import foot_contacts

FPS = 20.0
STANDING_M = -float(canonical_skeleton().rest_positions_m[:, 1].min())


def _rigid(root: np.ndarray) -> Motion:
    """The rest pose carried along a path of the root; height 0 is standing with the toes at y = 0."""
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (len(root), 22, 1))
    return Motion(canonical_skeleton(), FPS, root + np.array([0, STANDING_M, 0]), quat)


def test_standing_is_contact_of_all_four():
    assert foot_contacts(_rigid(np.zeros((10, 3)))).all()


def test_stance_swing_stance():
    """The body stands for 10 frames, is carried 1.2 m ahead in 10 steps of 12 cm (2.4 m/s) and stands
    again: the frame at which the swing begins and the one at which it ends still count as stance."""
    z = np.concatenate((np.zeros(10), np.linspace(0.12, 1.2, 10), np.full(10, 1.2)))
    root = np.stack((0 * z, 0 * z, z), axis=1)
    contacts = foot_contacts(_rigid(root))
    expected = np.array([True] * 10 + [False] * 9 + [True] * 11)
    assert np.array_equal(contacts, np.repeat(expected[:, None], 4, axis=1))


def test_a_foot_in_the_air_is_no_contact_however_still():
    assert not foot_contacts(_rigid(np.tile([0, 0.3, 0], (10, 1)))).any()


def test_a_slow_slide_is_contact_and_a_quick_one_is_not():
    def sliding(speed_m_s):
        root = np.zeros((20, 3))
        root[:, 0] = np.arange(20) * speed_m_s / FPS
        return foot_contacts(_rigid(root))

    assert sliding(0.3).all()
    assert not sliding(0.4).any()


def test_one_leg_lifted():
    motion = _rigid(np.zeros((10, 3)))
    quat = motion.quat_local_xyzw.copy()
    quat[:, motion.skeleton.index("left_hip")] = (-np.sin(0.5), 0, 0, np.cos(0.5))  # thigh ahead and up
    contacts = foot_contacts(Motion(motion.skeleton, FPS, motion.root_m, quat))
    assert np.array_equal(contacts, np.tile([False, False, True, True], (10, 1)))


@pytest.mark.parametrize(("height_m", "expected"), [(0.0, True), (1.0, False)])
def test_a_single_frame_is_judged_by_height(height_m, expected):
    contacts = foot_contacts(_rigid(np.array([[0.0, height_m, 0.0]])))
    assert contacts.shape == (1, 4)
    assert (contacts == expected).all()


def test_direction_does_not_matter():
    walk = _rigid(np.cumsum(np.full((30, 3), (0.01, 0.0, 0.02)), axis=0))
    assert np.array_equal(foot_contacts(walk), foot_contacts(move(walk, 2.0, (5, 0, 5))))
