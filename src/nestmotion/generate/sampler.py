"""From noise to features: deterministic diffusion sampling with classifier-free guidance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from nestmotion.core.noise import signal_and_noise
from nestmotion.core.rotations import (
    quat_apply,
    quat_from_matrix,
    quat_from_rotation_vector,
    quat_to_rotation_vector,
    rotation_6d_to_matrix,
)
from nestmotion.core.smoothing import smooth_step

__all__ = ["FADE_FRAMES", "Denoiser", "Fixed", "sample", "sampler_steps"]

# How long the correction of free frames beside fixed ones lasts: 0.6 s at 20 frames a second.
FADE_FRAMES = 12

# Times are 1 - (step / steps) to this power.
_EARLY_POWER = 1.25

# (noisy (B, T, F), time (B,), has_text (B,)) -> (clean (B, T, F), alignment (B, N, P)), all normalised,
# float32. The alignment says how much each node of the text is about each patch of frames.
Denoiser = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Fixed:
    """Values that every sample has wherever `mask` (T, F) is True.

    features (T, F): the values, as those of the samples: normalised, or not.
    rotations: columns of local rotations (J times 6), where there are any; how they are to be turned
        into numbers that are not normalised, by (mean, deviation).
    """

    features: Float[np.ndarray, "t f"]
    mask: Bool[np.ndarray, "t f"]
    rotations: slice | None = None
    scale: tuple[Float[np.ndarray, "r"] | float, Float[np.ndarray, "r"] | float] = (0.0, 1.0)

    def put(self, x: Float[np.ndarray, "b t f"]) -> Float[np.ndarray, "b t f"]:
        """x with the fixed values in place."""
        return np.where(self.mask, self.features, x)

    def fade(self, predicted: Float[np.ndarray, "b t f"]) -> Float[np.ndarray, "b t f"]:
        """What the network predicted, with the fixed values in place and no step beside them: how far
        it is off there is added to the free frames around, fading out over FADE_FRAMES, or up to the
        next fixed value where that is nearer. Rotations are turned so far instead: half way between
        opposite ones there is nothing to add to."""
        off = self.put(predicted) - predicted
        result = predicted + off
        for beside, share in self._beside:
            result += share * np.take_along_axis(off, beside[None], axis=1)
        if self.rotations is None:
            return result
        result[..., self.rotations] = self._turned(predicted[..., self.rotations])
        return self.put(result)

    def _turned(self, predicted: Float[np.ndarray, "b t r"]) -> Float[np.ndarray, "b t r"]:
        """The columns of rotations, turned beside fixed ones by what is off there, fading likewise."""
        mean, deviation = self.scale
        shape = (*predicted.shape[:2], -1, 6)
        turned = (predicted * deviation + mean).reshape(shape)
        known = (self.features[:, self.rotations] * deviation + mean).reshape(shape[1:])
        used, fades = self._turning
        now, wanted = (rotation_6d_to_matrix(six[..., used, :, :]) for six in (turned, known))
        off = quat_to_rotation_vector(quat_from_matrix(wanted @ now.swapaxes(-1, -2)))
        columns = turned.reshape(*turned.shape[:-1], 2, 3)
        for frames, beside, share in fades:
            turn = share[..., None] * np.take_along_axis(off, beside[None, ..., None], axis=1)
            turn = quat_from_rotation_vector(turn)[..., None, :]
            columns[:, frames] = quat_apply(turn, columns[:, frames])
        return ((turned.reshape(predicted.shape) - mean) / deviation).astype(predicted.dtype)

    @cached_property
    def _turning(self) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
        """Fixed frames beside which rotations are turned; before and after these, frames (K) that are
        turned, and by which of them (K, J) and how much (K, J)."""
        parts = [[a[:, self.rotations][:, ::6] for a in pair] for pair in self._beside]
        used = np.unique(np.concatenate([beside[share > 0] for beside, share in parts]))
        place = np.searchsorted(used, np.arange(len(self.mask))).clip(0, max(len(used) - 1, 0))
        fades = []
        for beside, share in parts:
            frames = np.flatnonzero((share > 0).any(axis=1))
            fades.append((frames, place[beside[frames]], share[frames]))
        return used, fades

    @cached_property
    def _beside(self) -> list[tuple[Int[np.ndarray, "t f"], Float[np.ndarray, "t f"]]]:
        """For every value the frame of the last fixed one before it and of the first after it, and the
        share of what is off there that it is given; 0 where there is none and for what is fixed."""
        total = len(self.mask)
        frames = np.arange(total)[:, None]
        before = np.maximum.accumulate(np.where(self.mask, frames, -1), axis=0)
        after = np.where(self.mask, frames, total)[::-1]
        after = np.minimum.accumulate(after, axis=0)[::-1]
        between = (before >= 0) & (after < total)
        fade = np.where(between, np.minimum(after - before, FADE_FRAMES), FADE_FRAMES)
        result = []
        for beside in (before, after):
            none = self.mask | (beside < 0) | (beside == total)
            share = smooth_step(1 - np.abs(frames - beside) / np.maximum(fade, 1))
            share = np.where(none, 0.0, share).astype(np.float32)
            result.append((np.where(none, 0, beside), share))
        return result


def sampler_steps(steps: int) -> Iterator[tuple[np.float32, np.float32, np.float32]]:
    """(time, time after it, share) of each step, from noise (1) to clean motion (0).

    Steps are short at first: what only the text can tell, and where in its cycle a stride or a wave is,
    is decided where there is hardly anything but noise. docs/adr/0029. share: of how much a prediction
    changed since the step before, what is added to it to have that of the middle of the step.
    """
    times = (1.0 - np.linspace(0.0, 1.0, steps + 1) ** _EARLY_POWER).astype(np.float32)
    lengths = -np.diff(times)
    shares = np.concatenate(([0.0], lengths[1:] / lengths[:-1] / 2)).astype(np.float32)
    yield from zip(times[:-1], times[1:], shares, strict=True)


def sample(
    denoise: Denoiser,
    noise: Float[np.ndarray, "b t f"],
    steps: int,
    text_weight: float,
    fixed: Fixed | None = None,
) -> tuple[Float[np.ndarray, "b t f"], Float[np.ndarray, "b n p"]]:
    """Clean features from unit noise, without fresh noise on the way, and the last step's alignment.

    The network predicts the clean motion, and each step moves to the next time along the line that
    joins it with the noise it implies (DDIM; Song et al., ICLR 2021). From the second step on the
    clean motion is extrapolated to the middle of the step from this prediction and the one before
    (two-step Adams-Bashforth; times are angles of the schedule): with few steps, DDIM alone loses a
    tenth of the spread of its samples.

    `text_weight` weighs the prediction with text against the one without (Ho and Salimans 2022): 1 is
    the text alone, which is one reading a step instead of two; more obeys it more. Values that are
    `fixed` enter every step as they are, and the prediction beside them without a step.
    """
    count = len(noise)
    x = noise.astype(np.float32)
    with_text = np.arange(2 * count) < count
    before = None
    for now, after, ahead in sampler_steps(steps):
        if fixed is not None:
            x = fixed.put(x)
        if text_weight == 1.0:
            clean, alignment = denoise(x, np.full(count, now), np.ones(count, dtype=bool))
        else:
            both, alignment = denoise(np.concatenate((x, x)), np.full(2 * count, now), with_text)
            clean = both[count:] + np.float32(text_weight) * (both[:count] - both[count:])
        if fixed is not None:
            clean = fixed.fade(clean)
        middle = clean if before is None else clean + ahead * (clean - before)
        before = clean
        signal, sigma = signal_and_noise(now)
        next_signal, next_sigma = signal_and_noise(after)
        x = next_signal * middle + next_sigma * (x - signal * middle) / sigma
    return (x if fixed is None else fixed.put(x)), alignment[:count]
