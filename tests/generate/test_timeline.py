"""Windows of a timeline and their stitching, with denoisers whose answers are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core import canonical_skeleton
from nestmotion.features import FeatureLayout, Normalizer
from nestmotion.features.known import Known
from nestmotion.features.parts import PARTS, part_columns
from nestmotion.generate.sampler import sample
from nestmotion.generate.timeline import NOBODY, Timeline, sample_timeline, windows_of

LAYOUT = FeatureLayout(22)
COLUMNS = np.stack([part_columns(canonical_skeleton(), [part]) for part in PARTS])
LEGS, TORSO, LEFT, RIGHT = range(4)
ONE = Normalizer(np.zeros(LAYOUT.size, np.float32), np.ones(LAYOUT.size, np.float32))


def _owners(total: int, *spans: tuple[int, int, int]) -> np.ndarray:
    owners = np.full((4, total), NOBODY)
    for owner, start, stop in spans:
        owners[:, start:stop] = owner
    return owners


@given(
    cuts=st.lists(st.integers(1, 299), max_size=6, unique=True),
    overlap=st.integers(0, 12),
    loop=st.booleans(),
)
def test_all_say_one_together_at_every_frame_and_part(cuts, overlap, loop):
    edges = [0, *sorted(cuts), 300]
    owners = _owners(300, *((k, a, b) for k, (a, b) in enumerate(pairwise(edges))))
    owners[RIGHT, 40:90] = 77
    windows = windows_of(owners, overlap, 20, 160, loop)
    total = np.zeros((300, 4))
    for window in windows:
        assert len(window.frames) <= 160 + (0 if loop else 20)
        np.add.at(total, window.frames, window.weight)
    np.testing.assert_allclose(total, 1.0, atol=1e-9)


def test_a_window_reaches_into_its_neighbours_and_no_further_than_the_scene():
    first, second = windows_of(_owners(200, (0, 0, 100), (1, 100, 200)), 10, 20, 160)
    assert (first.frames[0], first.frames[-1]) == (0, 109)
    assert (second.frames[0], second.frames[-1]) == (90, 199)
    assert first.weight[50, LEGS] == pytest.approx(1)
    assert 0.4 < first.weight[100, LEGS] < 0.6
    assert first.weight[-1, LEGS] < 0.1


def test_a_short_prompt_gets_a_window_that_is_long_enough():
    windows = windows_of(_owners(100, (0, 0, 3), (1, 3, 100)), 5, 20, 160)
    assert min(len(window.frames) for window in windows) == 20


def test_the_window_of_a_loop_goes_over_its_end():
    (window,) = windows_of(_owners(60, (0, 0, 60)), 10, 20, 160, loop=True)
    assert len(window.frames) == 80
    assert (window.frames[0], window.laps[0]) == (50, -1)
    assert (window.frames[-1], window.laps[-1]) == (9, 1)


def _timeline(owners, **options) -> Timeline:
    total = owners.shape[1]
    known = Known(np.zeros((total, LAYOUT.size), np.float32), np.zeros((total, LAYOUT.size), bool))
    windows = windows_of(owners, 10, 20, 160)
    return Timeline(windows, COLUMNS, options.pop("known", known), np.zeros((total, 3)), **options)


def test_one_window_is_sampled_as_sample_does():
    noise = np.random.default_rng(0).standard_normal((48, LAYOUT.size)).astype(np.float32)

    def clean(noisy, time):
        return np.float32(0.6 - 0.3 * time) * np.tanh(noisy)

    expected, _ = sample(
        lambda x, time, has_text: (clean(x, time[0]), np.zeros((1, 1, 1))), noise[None], 6, 1.0
    )
    found = sample_timeline(
        _timeline(_owners(48, (0, 0, 48))),
        lambda window, x, time, known: clean(x, np.float32(time)),
        noise,
        6,
        ONE,
        LAYOUT,
        20.0,
    )
    np.testing.assert_allclose(found, expected[0], atol=1e-4)


def _stitched(owners, answer, turn_rad=0.0, **options):
    """What is sampled when every window answers `answer(owner)` for every frame, whatever it is asked;
    all walk ahead at 1 m/s from where their window begins, and turn in its first second by owner times
    `turn_rad`."""

    def denoise(window, noisy, now, known):
        clean = np.full(noisy.shape, answer(window.owner), dtype=np.float32)
        clean[:, LAYOUT["root_path"]] = np.stack((np.zeros(len(clean)), np.arange(len(clean)) / 20), 1)
        yaw = window.owner * turn_rad * np.minimum(np.arange(len(clean)) / 20, 1)
        clean[:, LAYOUT["root_heading"]] = np.stack((np.cos(yaw), np.sin(yaw)), axis=1)
        clean[:, LAYOUT["root_velocity"]] = (0, 1)
        clean[:, LAYOUT["heading_velocity"]] = np.gradient(yaw)[:, None] * 20
        return clean

    noise = np.zeros((owners.shape[1], LAYOUT.size))
    return sample_timeline(_timeline(owners, **options), denoise, noise, 4, ONE, LAYOUT, 20.0)


def test_parts_come_from_the_text_that_owns_them():
    owners = _owners(120, (0, 0, 120))
    owners[RIGHT, 40:80] = 1
    found = _stitched(owners, lambda owner: float(owner))
    arm, legs = COLUMNS[RIGHT], COLUMNS[LEGS].copy()
    for block in ("root_path", "root_heading", "root_velocity"):
        legs[LAYOUT[block]] = False
    np.testing.assert_allclose(found[55:65][:, arm], 1, atol=1e-5)
    np.testing.assert_allclose(found[:25][:, arm], 0, atol=1e-5)
    np.testing.assert_allclose(found[:, legs], 0, atol=1e-5)


def test_what_follows_goes_on_where_the_one_before_ended():
    found = _stitched(_owners(400, (0, 0, 100), (1, 100, 400)), float)
    np.testing.assert_allclose(found[:, LAYOUT["root_path"]][:, 1], np.arange(400) / 20, atol=1e-3)
    column = LAYOUT["joint_positions"].start
    np.testing.assert_allclose(found[[10, 300], column], (0, 1), atol=1e-5)
    assert np.abs(np.diff(found[:, column])).max() < 0.06


def test_who_begins_by_turning_is_not_turned_back():
    found = _stitched(_owners(140, (0, 0, 60), (1, 60, 140)), float, turn_rad=np.pi / 2)
    yaw = np.rad2deg(np.arctan2(*found[:, LAYOUT["root_heading"]].T[::-1]))
    np.testing.assert_allclose(yaw[:50], 0, atol=1e-3)
    assert 70 < yaw[-1] < 90


def test_what_is_known_stands_in_the_result():
    owners = _owners(100, (0, 0, 100))
    mask = np.zeros((100, LAYOUT.size), dtype=bool)
    mask[30:40] = True
    known = Known(np.where(mask, 0.5, 0).astype(np.float32), mask)
    found = _stitched(owners, lambda owner: 0.0, known=known)
    np.testing.assert_array_equal(found[30:40], 0.5)


def test_a_pull_has_its_say_at_every_step():
    found = _stitched(_owners(60, (0, 0, 60)), float, pull=lambda clean: clean + 1)
    column = LAYOUT["joint_positions"].start
    np.testing.assert_allclose(found[:, column], 1, atol=1e-5)
