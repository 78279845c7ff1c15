"""The sampler, with denoisers whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nestmotion.core.noise import signal_and_noise
from nestmotion.core.rotations import rotation_6d_from_matrix, rotation_6d_to_matrix
from nestmotion.generate.sampler import FADE_FRAMES, Fixed, sample, sampler_steps

SHAPE = (3, 8, 5)
NODES, PATCHES = 4, 2


def _noise(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def _no_map(noisy: np.ndarray) -> np.ndarray:
    """The alignment of a denoiser that aligns nothing."""
    return np.zeros((len(noisy), NODES, PATCHES), dtype=np.float32)


def _samples(denoise, noise: np.ndarray, steps: int, guidance: float, **options) -> np.ndarray:
    """Samples of a denoiser that says nothing of alignment."""

    def both(noisy, time, has_text):
        return denoise(noisy, time, has_text), _no_map(noisy)

    return sample(both, noise, steps, guidance, **options)[0]


@given(steps=st.integers(1, 40), guidance=st.floats(0, 10), seed=st.integers(0, 2**32 - 1))
def test_a_denoiser_that_knows_the_answer_is_believed(steps, guidance, seed):
    clean = _noise(seed).astype(np.float32)

    def oracle(noisy, time, has_text):
        return np.concatenate((clean, clean)) if len(noisy) > len(clean) else clean

    found = _samples(oracle, _noise(1), steps, guidance)
    assert found.dtype == np.float32
    assert np.abs(found - clean).max() < 1e-5


def _posterior_mean(mean: np.ndarray, deviation: np.ndarray):
    """The best denoiser of independent Gaussians: E[x | a x + s n], from Bayes' rule."""

    def denoise(noisy, time, has_text):
        signal, sigma = (np.reshape(v, (-1, 1, 1)) for v in signal_and_noise(time.astype(np.float64)))
        gain = signal * deviation**2 / (signal**2 * deviation**2 + sigma**2)
        return (mean + gain * (noisy - signal * mean)).astype(np.float32)

    return denoise


def test_samples_of_a_gaussian_have_its_mean_and_variance():
    rng = np.random.default_rng(0)
    mean = rng.uniform(-3, 3, (8, 5))
    deviation = rng.uniform(0.2, 2.0, (8, 5))
    samples = _samples(_posterior_mean(mean, deviation), _noise(2, (4000, 8, 5)), 200, 1.0)
    error = deviation / np.sqrt(4000)
    assert (np.abs(samples.mean(axis=0) - mean) < 4.5 * error).all()
    assert np.abs(samples.std(axis=0) / deviation - 1).max() < 0.06


@pytest.mark.parametrize(("deviation", "lost"), [(1.0, 0.02), (0.3, 0.06)])
def test_twelve_steps_keep_the_spread(deviation, lost):
    """The first-order method would lose 10 and 21%."""
    denoise = _posterior_mean(np.zeros((2, 2)), np.full((2, 2), deviation))
    noise = _noise(3, (2000, 2, 2))
    assert _samples(denoise, noise, 12, 1.0).std() / noise.std() == pytest.approx(deviation, rel=lost)


def test_more_steps_come_nearer():
    """The samples' deviation, which few steps get wrong, against the true one."""
    denoise = _posterior_mean(np.zeros((2, 2)), np.full((2, 2), 0.7))
    noise = _noise(3, (2000, 2, 2))
    found = [_samples(denoise, noise, steps, 1.0).std() / noise.std() for steps in (2, 20, 100)]
    error = [abs(deviation / 0.7 - 1) for deviation in found]
    assert error[-1] < 0.015 < error[0]
    assert error == sorted(error, reverse=True)


def test_noise_in_order_stays_in_order():
    """Deterministic sampling of one Gaussian is a rising line from noise to sample."""
    noise = np.linspace(-2, 2, 50).reshape(50, 1, 1)
    samples = _samples(_posterior_mean(np.full((1, 1), 4.0), np.ones((1, 1)) * 0.5), noise, 12, 1.0)[
        :, 0, 0
    ]
    slope = np.diff(samples) / np.diff(noise[:, 0, 0])
    assert np.abs(slope - slope[0]).max() < 1e-4
    assert 0.3 < slope[0] < 0.55
    assert np.interp(0, noise[:, 0, 0], samples) == pytest.approx(4.0, abs=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 12])
def test_steps_lead_from_noise_to_motion_and_grow(steps):
    times, ends, shares = (np.array(column) for column in zip(*sampler_steps(steps), strict=True))
    assert (times[0], ends[-1]) == (1.0, 0.0)
    assert np.array_equal(times[1:], ends[:-1])
    assert (np.diff(times - ends) > 0).all()
    # A prediction that changes evenly with time is met in the middle of each step.
    assert shares[0] == 0
    assert np.allclose(shares[1:] * (times[:-1] - times[1:]), (times - ends)[1:] / 2, atol=1e-6)


class _Recorder:
    """Clean motion 1 with text and 0 without; remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, float, list[bool]]] = []

    def __call__(self, noisy, time, has_text):
        assert noisy.dtype == time.dtype == np.float32
        assert len(set(time.tolist())) == 1
        self.calls.append((len(noisy), float(time[0]), has_text.tolist()))
        return np.broadcast_to(has_text[:, None, None], noisy.shape).astype(np.float32)


def test_guidance_one_asks_for_the_text_alone():
    recorder = _Recorder()
    found = _samples(recorder, _noise(), 4, 1.0)
    assert (found == 1).all()
    times = [pytest.approx(1 - done**1.25) for done in (0.0, 0.25, 0.5, 0.75)]
    assert recorder.calls == [(3, time, [True] * 3) for time in times]


@pytest.mark.parametrize("guidance", [0.0, 0.5, 2.5, 7.0])
def test_guidance_goes_from_the_one_without_text_past_the_one_with(guidance):
    recorder = _Recorder()
    found = _samples(recorder, _noise(), 2, guidance)
    assert np.abs(found - guidance).max() < 1e-5
    times = (1.0, pytest.approx(1 - 0.5**1.25))
    assert recorder.calls == [(6, time, [True] * 3 + [False] * 3) for time in times]


def test_both_halves_see_the_same_noisy_motion():
    def denoise(noisy, time, has_text):
        assert np.array_equal(noisy[:3], noisy[3:])
        return 0.5 * noisy

    assert _samples(denoise, _noise(), 5, 3.0).shape == SHAPE


def test_the_first_question_is_the_noise_itself():
    asked = []

    def denoise(noisy, time, has_text):
        asked.append(noisy)
        return np.zeros_like(noisy)

    _samples(denoise, _noise(), 2, 1.0)
    assert np.array_equal(asked[0], _noise().astype(np.float32))
    # Clean motion 0: what is left at the second time is the noise at its scale there.
    assert np.abs(asked[1] - np.sin((1 - 0.5**1.25) * np.pi / 2) * _noise()).max() < 1e-5


def test_noise_is_not_changed():
    noise = _noise().astype(np.float32)
    before = noise.copy()
    _samples(lambda noisy, time, has_text: 0.3 * noisy, noise, 3, 1.0)
    assert np.array_equal(noise, before)


# Alignment


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_alignment_is_that_of_the_last_step_with_text(guidance):
    def denoise(noisy, time, has_text):
        alignment = np.where(has_text, 1 - time, -1.0)[:, None, None] * np.ones((1, NODES, PATCHES))
        return 0.5 * noisy, alignment.astype(np.float32)

    found, alignment = sample(denoise, _noise(), 4, guidance)
    assert found.shape == SHAPE
    assert alignment.shape == (SHAPE[0], NODES, PATCHES)
    assert np.allclose(alignment, 0.75**1.25)


# Fixed values


def _fixed(share: float = 0.4) -> Fixed:
    rng = np.random.default_rng(7)
    features = rng.standard_normal(SHAPE[1:]).astype(np.float32)
    return Fixed(features, rng.random(SHAPE[1:]) < share)


@given(steps=st.integers(1, 12), guidance=st.floats(0, 7), share=st.floats(0, 1))
def test_fixed_values_come_out_exactly(steps, guidance, share):
    fixed = _fixed(share)
    found = _samples(lambda noisy, time, has_text: 0.3 * noisy, _noise(), steps, guidance, fixed=fixed)
    assert found.dtype == np.float32
    for row in found:
        assert np.array_equal(row[fixed.mask], fixed.features[fixed.mask])


@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_fixed_values_enter_every_step_clean(guidance):
    """With and without text, whatever the noise time; all else of the first step is noise."""
    fixed, asked = _fixed(), []

    def denoise(noisy, time, has_text):
        asked.append(noisy.copy())
        return 0.3 * noisy + has_text[:, None, None].astype(np.float32)

    noise = _noise().astype(np.float32)
    _samples(denoise, noise, 5, guidance, fixed=fixed)
    assert len(asked) == 5
    for rows in asked:
        assert len(rows) == SHAPE[0] * (1 if guidance == 1 else 2)
        for row in rows:
            assert np.array_equal(row[fixed.mask], fixed.features[fixed.mask])
    assert np.array_equal(asked[0][: SHAPE[0], ~fixed.mask], noise[:, ~fixed.mask])


def test_the_rest_is_as_if_the_denoiser_had_known_the_fixed_values():
    """A denoiser that says something else of them is not believed, and what it says of the rest is
    not changed: here it copies the first column, which is fixed, to all others."""
    fixed = Fixed(_fixed().features, np.arange(5) == np.zeros((8, 1)))

    def denoise(noisy, time, has_text):
        clean = np.repeat(noisy[..., :1], 5, axis=-1)
        clean[..., 0] = 99.0
        return clean

    found = _samples(denoise, _noise(), 6, 1.0, fixed=fixed)
    expected = np.broadcast_to(fixed.features[:, :1], SHAPE)
    assert np.abs(found - expected).max() < 1e-5


def test_nothing_fixed_is_as_without():
    def denoise(noisy, time, has_text):
        return 0.3 * noisy + has_text[:, None, None].astype(np.float32)

    nothing = Fixed(_fixed().features, np.zeros(SHAPE[1:], dtype=bool))
    found = _samples(denoise, _noise(), 4, 2.0, fixed=nothing)
    assert np.array_equal(found, _samples(denoise, _noise(), 4, 2.0))


def test_free_values_beside_fixed_ones_fade_to_what_the_network_says():
    """The network is off by one at both fixed ends; FADE_FRAMES later nothing is left of that."""
    frames = 4 * FADE_FRAMES
    mask = np.zeros((frames, 2), dtype=bool)
    mask[[0, 1, -1], 0] = True
    fixed = Fixed(np.ones((frames, 2), dtype=np.float32), mask)
    x = np.zeros((3, frames, 2), dtype=np.float32)
    found = fixed.fade(x)
    assert not found[..., 1].any()
    assert (found[:, mask[:, 0], 0] == 1).all()
    after = found[0, 1 : FADE_FRAMES + 2, 0]
    assert (np.diff(after) < 0).all()
    assert after[1] > 0.9
    assert not found[:, FADE_FRAMES + 1 : -FADE_FRAMES - 1].any()
    np.testing.assert_allclose(found[0, -FADE_FRAMES - 1 :, 0], after[::-1], atol=1e-6)
    np.testing.assert_array_equal(fixed.fade(fixed.features + 0 * x), fixed.features + 0 * x)


@pytest.mark.parametrize("gap", [2, 6, FADE_FRAMES, 3 * FADE_FRAMES])
def test_between_two_fixed_values_what_is_off_goes_over_from_one_to_the_other(gap):
    """Beside neither is there a step, however near they are to each other."""
    mask = np.zeros((gap + 1, 1), dtype=bool)
    mask[[0, -1]] = True
    fixed = Fixed(np.linspace(2, -1, gap + 1, dtype=np.float32)[:, None], mask)
    found = fixed.fade(np.zeros((1, gap + 1, 1), dtype=np.float32))[0, :, 0]
    assert (found[0], found[-1]) == (2, -1)
    assert (np.diff(found) <= 1e-6).all()
    # The steepest step of a smooth step of this height.
    assert np.abs(np.diff(found)).max() < 3 * 1.6 / min(gap, FADE_FRAMES)
    if gap > 2:
        assert np.abs(np.diff(found, 2)).max() < 3 * 6.1 / min(gap, FADE_FRAMES) ** 2


@pytest.mark.parametrize("scale", [(0.0, 1.0), (0.2, 0.5)])
def test_a_rotation_that_is_off_by_much_is_faded_by_turning(scale):
    """Half way between opposite rotations the numbers cancel; the joint has to go round."""
    mean, deviation = scale
    angle = np.pi - 0.1
    turned = rotation_6d_from_matrix(Rotation.from_rotvec((0, angle, 0)).as_matrix())
    frames = 2 * FADE_FRAMES
    mask = np.zeros((frames, 7), dtype=bool)
    mask[0, 1:] = True
    values = np.zeros((frames, 7))
    values[0, 1:] = (turned - mean) / deviation
    rest = (np.array([0.0, 1, 0, 0, 0, 1, 0]) - mean) / deviation
    fixed = Fixed(values, mask, slice(1, 7), scale)
    found = fixed.fade(np.tile(rest, (2, frames, 1)))
    assert (found[..., 0] == rest[0]).all()
    np.testing.assert_allclose(found[0], found[1])
    matrix = rotation_6d_to_matrix(found[0, :, 1:] * deviation + mean)
    angles = Rotation.from_matrix(matrix).magnitude()
    assert angles[0] == pytest.approx(angle)
    assert (np.diff(angles[: FADE_FRAMES + 1]) < 0).all()
    assert np.abs(np.diff(angles)).max() < 1.6 * angle / FADE_FRAMES
    np.testing.assert_allclose(found[0, FADE_FRAMES:], rest[None].repeat(FADE_FRAMES, 0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(matrix[..., 0], axis=-1), 1)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_every_step_goes_on_from_a_prediction_without_a_step_beside_fixed_values(guidance):
    """From noise 0 what the denoiser is asked next is what the step before made of its answer."""
    mask = np.zeros((40, 1), dtype=bool)
    mask[20] = True
    fixed, asked = Fixed(np.ones((40, 1), dtype=np.float32), mask), []

    def denoise(noisy, time, has_text):
        asked.append((noisy[0], signal_and_noise(time[0])[0]))
        return np.zeros_like(noisy)

    found = _samples(denoise, np.zeros((1, 40, 1)), 5, guidance, fixed=fixed)
    expected = fixed.fade(np.zeros((1, 40, 1), dtype=np.float32))
    assert 0.9 < expected[0, 21, 0] < 1
    for noisy, signal in asked[1:]:
        np.testing.assert_allclose(noisy[~mask], signal * expected[0][~mask], atol=1e-6)
    np.testing.assert_allclose(found, expected, atol=1e-6)
