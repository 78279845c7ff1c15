"""From noise to features: deterministic diffusion sampling with classifier-free guidance."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from nestmotion.core.noise import signal_and_noise

__all__ = ["Denoiser", "sample"]

# (noisy (B, T, F), time (B,), has_text (B,)) -> clean (B, T, F), all normalised, float32.
Denoiser = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def sample(
    denoise: Denoiser, noise: Float[np.ndarray, "b t f"], steps: int, guidance: float
) -> Float[np.ndarray, "b t f"]:
    """Clean features from unit noise by DDIM without fresh noise (Song et al., ICLR 2021).

    The network predicts the clean motion; each step moves to the next time along the line that joins
    it with the noise it implies. `guidance` weighs the prediction with text against the one without
    (Ho and Salimans 2022): 1 is the text alone, more obeys it more.
    """
    count = len(noise)
    times = np.linspace(1.0, 0.0, steps + 1).astype(np.float32)
    x = noise.astype(np.float32)
    with_text = np.arange(2 * count) < count
    for now, after in itertools.pairwise(times):
        if guidance == 1.0:
            clean = denoise(x, np.full(count, now), np.ones(count, dtype=bool))
        else:
            both = denoise(np.concatenate((x, x)), np.full(2 * count, now), with_text)
            clean = both[count:] + np.float32(guidance) * (both[:count] - both[count:])
        signal, sigma = signal_and_noise(now)
        next_signal, next_sigma = signal_and_noise(after)
        x = next_signal * clean + next_sigma * (x - signal * clean) / sigma
    return clean
