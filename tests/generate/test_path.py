"""Waypoints as places for every frame."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.generate.path import FASTEST_M_S, path_frames, path_length_m, slowed
from nestmotion.generate.scene import Path, Waypoint

FPS = 20.0


def _path(*points: tuple, smooth: bool = True) -> Path:
    return Path(tuple(Waypoint(*point) for point in points), smooth)


def test_a_straight_line_at_an_even_pace():
    place, heading = path_frames(_path((0, 0, 0), (0, 4, 2)), 41, FPS)
    np.testing.assert_allclose(place, np.stack((np.zeros(41), np.linspace(0, 4, 41)), 1), atol=1e-6)
    assert np.isnan(heading).all()


@pytest.mark.parametrize("smooth", [True, False])
def test_waypoints_are_met_at_their_times(smooth):
    path = _path((0, 0, 0), (1, 2, 1), (3, 2, 2.5), (3, 5, 4), smooth=smooth)
    place, _ = path_frames(path, 81, FPS)
    for waypoint in path.waypoints:
        there = place[round(waypoint.time_s * FPS)]
        np.testing.assert_allclose(there, (waypoint.x_m, waypoint.z_m), atol=1e-3)


def test_untimed_waypoints_share_the_time_by_their_distance():
    place, _ = path_frames(_path((0, 0, 0), (0, 1), (0, 4, 4), smooth=False), 81, FPS)
    np.testing.assert_allclose(place[20], (0, 1), atol=1e-6)


def test_nothing_is_said_outside_its_times():
    place, _ = path_frames(_path((0, 0, 1), (0, 1, 2)), 61, FPS)
    assert np.isnan(place[:20]).all()
    assert np.isnan(place[42:]).all()
    assert np.isfinite(place[20:41]).all()


def test_a_smooth_path_turns_without_corners():
    corner = [(0, 0, 0), (0, 2), (2, 2, 4)]
    turns = []
    for smooth in (True, False):
        step = np.diff(path_frames(_path(*corner, smooth=smooth), 81, FPS)[0], axis=0)
        yaw = np.unwrap(np.arctan2(step[:, 0], step[:, 1]))
        turns.append(np.abs(np.diff(yaw)).max())
    assert turns[0] < 0.3
    assert turns[1] > 1.0


def test_headings_turn_evenly_and_the_shorter_way():
    _, heading = path_frames(_path((0, 0, 0, 170), (0, 1, 1, -170), (0, 2, 2)), 41, FPS)
    np.testing.assert_allclose(np.degrees(heading[:21]), np.linspace(170, 190, 21), atol=1e-6)
    assert np.isnan(heading[21:]).all()


def test_waiting_in_one_place():
    place, _ = path_frames(_path((0, 0, 0), (0, 1, 1), (0, 1, 3), (0, 2, 4)), 81, FPS)
    np.testing.assert_allclose(place[21:60], np.tile((0, 1), (39, 1)), atol=0.02)


def test_length_of_a_quarter_circle():
    angle = np.linspace(0, np.pi / 2, 12)
    assert path_length_m(_path(*zip(np.sin(angle), np.cos(angle), strict=True))) == pytest.approx(
        np.pi / 2, rel=2e-3
    )


def test_nobody_is_faster_than_anybody():
    place = np.full((100, 2), np.nan)
    place[10], place[12] = (0, 0), (5, 0)
    found = slowed(place, FPS)
    np.testing.assert_allclose(found[10] + found[12], (5, 0), atol=1e-9)
    assert np.linalg.norm(found[12] - found[10]) == pytest.approx(2 / FPS * FASTEST_M_S, rel=2e-3)
    assert np.isnan(np.delete(found, [10, 12], axis=0)).all()
    firm = np.zeros(100, dtype=bool)
    firm[10] = True
    np.testing.assert_array_equal(slowed(place, FPS, firm)[10], (0, 0))


def test_a_whole_path_too_fast():
    place = np.stack((np.zeros(60), np.linspace(0, 100, 60)), axis=1)
    step = np.linalg.norm(np.diff(slowed(place, FPS), axis=0), axis=1)
    assert step.max() <= 1.05 * FASTEST_M_S / FPS
    slow = place / 10
    np.testing.assert_array_equal(slowed(slow, FPS), slow)
