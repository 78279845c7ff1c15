"""Facts on motions whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import mirror, move, place_on_ground
from nestmotion.evaluation.motion_facts import (
    foot_slide_mm,
    forward_m,
    mean_jerk_m_s3,
    travelled_m,
)


def rest(frames: int, root_m: np.ndarray) -> Motion:
    quat = np.zeros((frames, 22, 4))
    quat[..., 3] = 1
    return place_on_ground(Motion(canonical_skeleton(), 20, root_m, quat))


@pytest.fixture
def gliding():
    """In the rest pose, 1 cm a frame along +Z for 5 s: 0.2 m/s, slow enough to count as standing."""
    root = np.zeros((101, 3))
    root[:, 2] = 0.01 * np.arange(101)
    return rest(101, root)


def test_forward_is_signed_and_does_not_depend_on_the_direction(gliding):
    assert forward_m(gliding) == pytest.approx(1.0)
    assert forward_m(move(gliding, 2.0, (3, 0, 1))) == pytest.approx(1.0)
    assert forward_m(mirror(gliding)) == pytest.approx(1.0)
    assert forward_m(replace(gliding, root_m=gliding.root_m[::-1])) == pytest.approx(-1.0)


def test_travelled_is_the_farthest_point_not_the_last():
    root = np.zeros((3, 3))
    root[1] = 3, 5, 4
    assert travelled_m(rest(3, root)) == pytest.approx(5.0)


def test_a_constant_slide_is_measured_as_it_is(gliding):
    assert foot_slide_mm(gliding) == pytest.approx(10.0)
    assert np.isnan(foot_slide_mm(move(gliding, 0.0, (0, 1, 0))))


def test_jerk_of_a_cubic_path_is_its_third_derivative():
    t = np.arange(60) / 20
    root = np.stack((t**3, 0 * t, 0 * t), axis=1)
    assert mean_jerk_m_s3(rest(60, root)) == pytest.approx(6.0)
    assert mean_jerk_m_s3(rest(3, root[:3])) == 0.0


def test_jitter_raises_jerk_in_proportion(gliding):
    noise = np.random.default_rng(0).normal(size=gliding.root_m.shape)
    one, two = (
        mean_jerk_m_s3(replace(gliding, root_m=gliding.root_m + a * noise)) for a in (0.01, 0.02)
    )
    assert two == pytest.approx(2 * one)
