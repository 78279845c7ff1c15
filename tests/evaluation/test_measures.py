"""Every measure on cases whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance

from nestmotion.evaluation import measures

FPS = 20.0


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def unit(rng, n, d=16):
    x = rng.normal(size=(n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def still(frames=60):
    """22 joints at rest, toes on the floor."""
    positions = np.random.default_rng(1).uniform(0.2, 1.5, size=(22, 3))
    positions[[10, 11], 1] = 0.02
    return np.tile(positions, (frames, 1, 1))


def moved(positions, step_m):
    """Everything glides by the same step every frame."""
    return positions + np.arange(len(positions))[:, None, None] * np.asarray(step_m)


# R-precision and the distance to the text


def test_texts_that_lie_on_their_motions_are_always_found(rng):
    x = unit(rng, 100)
    assert (measures.r_precision(x, x, np.arange(100), rng) == 1).all()
    assert (measures.mm_distance(x, x) == 0).all()


def test_shuffled_captions_score_chance(rng):
    n = 640
    motions = unit(rng, n)
    texts = motions[(np.arange(n) + 1 + rng.integers(n - 1)) % n]  # everybody has another's caption
    hits = measures.r_precision(texts, motions, np.arange(n), rng, repetitions=40).mean(axis=0)
    # The one pair in 32 whose stolen motion stands in the same pool is ranked below it.
    assert hits == pytest.approx([1 / 32, 2 / 32, 3 / 32], abs=0.008)


def test_random_vectors_score_chance(rng):
    hits = measures.r_precision(unit(rng, 640), unit(rng, 640), np.arange(640), rng, repetitions=40)
    assert hits.mean(axis=0) == pytest.approx([1 / 32, 2 / 32, 3 / 32], abs=0.012)


def test_any_motion_of_the_same_caption_is_right(rng):
    x = unit(rng, 64)
    swapped = x[np.arange(64) ^ 1]  # every text lies on its neighbour's motion
    alone = measures.r_precision(swapped, x, np.arange(64), rng, pool=64)
    grouped = measures.r_precision(swapped, x, np.arange(64) // 2, rng, pool=64)
    assert alone[:, 0].max() == 0
    assert grouped[:, 0].min() == 1


@pytest.mark.parametrize("n", [2, 31, 33, 50, 65])
def test_every_text_is_asked_once_a_repetition_and_in_full_pools(rng, n):
    texts = np.zeros((n, 2))
    motions = np.tile([1.0, 0.0], (n, 1))  # all alike: who is found depends on the order alone
    hits = measures.r_precision(texts, motions, np.arange(n), rng, repetitions=400)
    expected = np.minimum(np.array([1, 2, 3]) / min(n, 32), 1)
    assert hits.mean(axis=0) == pytest.approx(expected, abs=0.02)


# Distances between sets


def test_frechet_distance_of_a_copy_is_nought_and_of_a_shift_its_square(rng):
    x = rng.normal(size=(200, 8))
    assert measures.frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert measures.frechet_distance(x, x + 0.5) == pytest.approx(8 * 0.25)


def test_frechet_distance_is_that_of_the_matrix_root(rng):
    a, b = rng.normal(size=(50, 6)), rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6))
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    shift = a.mean(axis=0) - b.mean(axis=0)
    expected = shift @ shift + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert measures.frechet_distance(a, b) == pytest.approx(expected)


def test_frechet_distance_with_fewer_clips_than_numbers_stays_finite(rng):
    a = rng.normal(size=(5, 20))
    assert measures.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_diversity_and_multimodality_of_points_at_one_distance(rng):
    corners = np.eye(30) / np.sqrt(2)  # any two corners are 1 apart
    assert measures.diversity(corners, rng) == pytest.approx(1)
    assert measures.diversity(np.zeros((30, 4)), rng) == 0
    assert measures.multimodality(corners.reshape(10, 3, 30)) == pytest.approx(np.ones(10))
    assert (measures.multimodality(np.zeros((2, 3, 4))) == 0).all()


def test_a_copy_covers_everything_and_one_point_next_to_nothing(rng):
    x = unit(rng, 100)
    assert measures.covered(x, x).all()
    assert measures.matched_covered(x, x).all()
    collapsed = np.tile(x[:1], (100, 1))
    assert measures.covered(x, collapsed).mean() < 0.3
    assert measures.covered(x, collapsed)[0]
    far = x + 100
    assert not measures.covered(x, far).any()


def test_coverage_is_that_of_its_definition_on_a_line():
    real = np.arange(10.0)[:, None]
    # The fifth neighbour of 9 is 4, at 5; that of 8 is 4 too, at 4.
    assert measures.covered(real, np.array([[14.0]])).tolist() == [False] * 9 + [True]
    # Of 4 the five nearest are 3, 5, 2, 6 and one of 1 and 7: a radius of 3.
    assert measures.covered(real, np.array([[6.9]]))[4]
    assert not measures.covered(real, np.array([[7.1]]))[4]


def test_matched_coverage_asks_for_the_clips_own_caption(rng):
    x = unit(rng, 100)
    shuffled = np.roll(x, 50, axis=0)
    assert measures.covered(x, shuffled).all()
    assert measures.matched_covered(x, shuffled).mean() < 0.3


# Smoothness


def test_smoothness_error_of_a_copy_is_nought():
    p = moved(still(), (0.01, 0, 0.02))
    assert measures.smoothness_error_m_s3(p, p, FPS) == 0


@given(scale=st.floats(1.5, 20))
def test_jitter_raises_smoothness_error_in_proportion(scale):
    reference = still()
    noise = np.random.default_rng(0).normal(scale=1e-3, size=reference.shape)
    one = measures.smoothness_error_m_s3(reference + noise, reference, FPS)
    more = measures.smoothness_error_m_s3(reference + scale * noise, reference, FPS)
    assert one > 1
    assert more == pytest.approx(scale * one, rel=1e-6)


def test_smoothness_error_does_not_let_joints_make_up_for_one_another():
    t = np.arange(60) / FPS
    reference, made = still(), still()
    reference[:, 0, 2] += t**3
    made[:, 1, 2] += t**3  # as much jerk, at another joint
    assert measures.smoothness_error_m_s3(made, reference, FPS) == pytest.approx(2 * 6 / 22)


def test_jerk_of_a_cubic_is_its_third_derivative():
    p = still()
    p[:, 4, 2] += 2 * (np.arange(60) / FPS) ** 3
    assert measures.peak_jerk_m_s3(p, FPS) == pytest.approx(12)
    # 57 frames, each 12 - 5 from what is usual.
    assert measures.area_under_jerk_m_s2(p, FPS, 5.0) == pytest.approx(57 * 7 / FPS)


def test_clips_too_short_for_a_measure_give_nan():
    short = still(3)
    assert np.isnan(measures.smoothness_error_m_s3(short, still(), FPS))
    assert np.isnan(measures.peak_jerk_m_s3(short, FPS))
    assert np.isnan(measures.area_under_jerk_m_s2(short, FPS, 0.0))
    assert np.isnan(measures.drift_cm(np.zeros((1, 2)), np.zeros((5, 2))))
    assert np.isnan(measures.skating_ratio(still(1)))
    assert np.isnan(measures.jump_rate(still(1), FPS, np.ones(22)))


def test_jump_rate_counts_steps_with_any_fast_joint():
    p = still(41)
    p[20:, 7, 0] += 0.3  # one step of 6 m/s
    limit = np.full(22, 5.0)
    assert measures.jump_rate(p, FPS, limit) == pytest.approx(1 / 40)
    limit[7] = 7
    assert measures.jump_rate(p, FPS, limit) == 0


# Drift and feet


def test_drift_of_a_constant_difference_is_that_difference():
    t = np.arange(50)[:, None]
    reference = t * np.array([0.0, 0.05])
    assert measures.drift_cm(reference, reference) == 0
    assert measures.drift_cm(reference + t * np.array([0.03, 0.04]), reference) == pytest.approx(5)
    assert measures.drift_cm(reference + [7.0, 3.0], reference) == pytest.approx(0)
    assert measures.drift_cm((t * np.array([0.0, 0.06]))[:20], reference) == pytest.approx(1)


def test_skating_is_a_low_toe_that_slides_over_two_and_a_half_centimetres():
    glide = moved(still(), (0.03, 0, 0))
    # All 59 steps slide; the first and last are averaged with zeros beyond the ends.
    assert measures.skating_ratio(glide) == pytest.approx(59 / 60, abs=4.1 / 60)
    assert measures.skating_ratio(moved(still(), (0.02, 0, 0))) == 0
    assert measures.skating_ratio(glide + [0, 0.1, 0]) == 0
    assert measures.skating_ratio(still()) == 0


# Acceleration


@given(st.lists(st.floats(0, 50), min_size=1, max_size=30), st.lists(st.floats(0, 50), min_size=1))
def test_wasserstein_is_scipys(a, b):
    a, b = np.array(a), np.array(b)
    assert measures.wasserstein_1(a, b) == pytest.approx(wasserstein_distance(a, b), abs=1e-9)


def test_acceleration_distance_of_a_copy_and_of_a_constant_pull():
    t = (np.arange(60) / FPS)[:, None, None]
    fall = still() - 0.5 * 9.81 * t**2 * np.array([0, 1, 0])
    a, b = (measures.accelerations_m_s2(p, FPS) for p in (still(), fall))
    assert measures.acceleration_distance([a, b], [b, a]) == pytest.approx(0, abs=1e-9)
    assert measures.acceleration_distance([a], [b]) == pytest.approx(9.81)


def test_accelerations_of_some_frames_are_those_about_them():
    p = still()
    p[30:, 0, 0] += 1.0  # a jump between frames 29 and 30 accelerates about both
    whole = measures.accelerations_m_s2(p, FPS)
    assert np.flatnonzero(whole[:, 0]).tolist() == [28, 29]
    part = measures.accelerations_m_s2(p, FPS, (20, 40))
    assert len(part) == 20
    assert np.flatnonzero(part[:, 0]).tolist() == [9, 10]  # frames 29 and 30
    assert len(measures.accelerations_m_s2(p, FPS, (29, 30))) == 1


def test_no_frames_to_compare_give_nan():
    nothing = measures.accelerations_m_s2(still(10), FPS, (20, 40))
    assert np.isnan(measures.acceleration_distance([nothing], [nothing]))


@given(st.integers(2, 50), st.integers(0, 5))
def test_halves_are_equal_and_share_nothing(count, seed):
    one, other = measures.split_halves(count, np.random.default_rng(seed))
    assert len(one) == len(other) == count // 2
    assert not set(one) & set(other)
