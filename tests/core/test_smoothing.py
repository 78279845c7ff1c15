import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from nestmotion.core.smoothing import gaussian_smooth


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
