"""The noise schedule, on NumPy and torch."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.core.noise import signal_and_noise

TIMES = np.linspace(0.0, 1.0, 101)


def test_variance_is_preserved():
    signal, noise = signal_and_noise(TIMES)
    assert np.abs(signal**2 + noise**2 - 1).max() < 1e-12


def test_from_clean_to_noise_without_turning_back():
    signal, noise = signal_and_noise(TIMES)
    assert (signal[0], noise[0]) == (1.0, 0.0)
    assert signal[-1] == pytest.approx(0.0, abs=1e-12)
    assert noise[-1] == 1.0
    assert (np.diff(signal) < 0).all()
    assert (np.diff(noise) > 0).all()


def test_halfway_in_time_is_halfway_in_variance():
    signal, noise = signal_and_noise(np.array([0.5]))
    assert signal == pytest.approx(noise)


def test_torch_gives_the_same_numbers():
    torch = pytest.importorskip("torch")
    for ours, theirs in zip(
        signal_and_noise(TIMES), signal_and_noise(torch.from_numpy(TIMES)), strict=True
    ):
        assert np.abs(ours - theirs.numpy()).max() < 1e-15
