import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from nestmotion.core.smoothing import gaussian_smooth, smooth_step


@given(frames=st.integers(1, 60), sigma=st.floats(0.2, 25), seed=st.integers(0, 99))
def test_same_as_scipy(frames: int, sigma: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(frames, 3, 2))
    expected = gaussian_filter1d(values, sigma, axis=0, mode="nearest")
    np.testing.assert_allclose(gaussian_smooth(values, sigma), expected, atol=1e-12)


def test_complex_values_are_smoothed_part_by_part() -> None:
    values = np.random.default_rng(0).normal(size=(30, 2)) @ np.array([1, 1j])
    smooth = gaussian_smooth(values, 2.0)
    np.testing.assert_allclose(smooth.imag, gaussian_smooth(values.imag, 2.0), atol=1e-15)
    np.testing.assert_allclose(smooth.real, gaussian_smooth(values.real, 2.0), atol=1e-15)


def test_a_width_below_half_a_frame_changes_nothing() -> None:
    values = np.arange(5.0)
    assert gaussian_smooth(values, 0.1) == pytest.approx(values)


def test_a_smooth_step_is_level_at_both_ends_and_the_same_from_either() -> None:
    x = np.linspace(-0.5, 1.5, 2001)
    y = smooth_step(x)
    assert (y[x <= 0] == 0).all()
    assert (y[x >= 1] == 1).all()
    assert (np.diff(y) >= 0).all()
    np.testing.assert_allclose(y + y[::-1], 1, atol=1e-12)
    slope = np.gradient(y, x)
    assert slope.max() == pytest.approx(1.5, abs=1e-3)
    assert abs(np.interp([0, 1], x, slope)).max() < 2e-3
