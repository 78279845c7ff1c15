"""Guidance learned: one reading of the motion instead of two at every step of the sampler.

Classifier-free guidance weighs a prediction with text against one without. A network can learn to
predict the outcome (Meng et al., "On Distillation of Guided Diffusion Models", CVPR 2023), for one
guidance; docs/adr/0019. What is learned may be shaped: less of it for places, more for gestures;
docs/adr/0026. Which side a text names may be guided by itself; docs/adr/0034.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nestmotion.core.skeleton import canonical_skeleton
from nestmotion.features import FeatureLayout
from nestmotion.models import Condition, Denoiser, MotionLoss, Targets
from nestmotion.training.config import GuidanceShape

__all__ = ["GuidedTeacher"]

# Gestures are what changes more quickly than the first of these Gaussians' standard deviations, in
# seconds, and more slowly than the second: about 0.5 to 3 Hz.
_SLOW_S, _QUICK_S = 0.3, 0.05


class GuidedTeacher:
    """A trained model whose guided predictions another learns. What it predicts without text is
    learned as it is, so that both can still be weighed against each other for another guidance.

    text_weight: as in `sample`: the guidance, for a model that was taught by motion.
    shape: where that is more or less. fps: of the motion."""

    def __init__(self, model: Denoiser, text_weight: float, shape: GuidanceShape, fps: float) -> None:
        self.model = model.requires_grad_(False).eval()
        self.text_weight, self.shape, self.fps = text_weight, shape, fps

    def terms(
        self, student: Denoiser, targets: Targets, loss: MotionLoss, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Terms of the loss of a batch, unweighted, and "total", their weighted sum."""
        noisy, time, known = student.add_noise(targets, generator)
        condition, valid = targets.condition, targets.valid
        untold = replace(condition, has_text=torch.zeros_like(condition.has_text))
        with torch.no_grad():
            told = self.model.denoise(noisy, time, known, valid, condition).clean.float()
            bare = self.model.denoise(noisy, time, known, valid, untold).clean.float()
        found = student.denoise(noisy, time, known, valid, condition).clean.float()
        # Where a clip has no text, both readings are one.
        wanted = bare + self.text_weight * self._shaped(told - bare, valid)
        # Validation clips have no mirror image beside them.
        if self.shape.sides and student.training:
            with torch.no_grad():
                other = self.model.denoise(noisy, time, known, valid, _swapped(condition)).clean.float()
            limbs = FeatureLayout.of(canonical_skeleton())["rotations"].start
            weight = self.text_weight * self.shape.sides
            wanted[..., limbs:] += weight * (told - other)[..., limbs:]
        return loss.imitation(found, wanted, valid)

    def _shaped(
        self, difference: Float[Tensor, "b t f"], valid: Bool[Tensor, "b t"]
    ) -> Float[Tensor, "b t f"]:
        """What the text makes of a motion, with more or less of it for places and gestures."""
        shape, layout = self.shape, FeatureLayout.of(canonical_skeleton())
        result = difference
        if shape.gestures != 1:
            slow, quick = (_smooth(difference, valid, s * self.fps) for s in (_SLOW_S, _QUICK_S))
            result = result + (shape.gestures - 1) * (quick - slow)
        if shape.place != 1:
            result = result.clone()
            for name in ("root_path", "root_velocity"):
                result[..., layout[name]] = shape.place * difference[..., layout[name]]
        return result


def _swapped(condition: Condition) -> Condition:
    """The texts of the clips' mirror images, which are the other half of a batch (training/data.py):
    the same with sides swapped, or the same where none is named."""
    half = len(condition.has_text) // 2
    return condition.rows(torch.arange(2 * half, device=condition.has_text.device).roll(half))


def _smooth(
    values: Float[Tensor, "b t f"], valid: Bool[Tensor, "b t"], sigma: float
) -> Float[Tensor, "b t f"]:
    """Means over time of the valid frames alone, weighed by a Gaussian with a standard deviation of
    `sigma` frames."""
    frames = torch.arange(values.shape[1], device=values.device)
    kernel = torch.exp(-0.5 * ((frames[:, None] - frames) / sigma) ** 2)
    weight = kernel * valid[:, None, :]
    return weight @ values / weight.sum(dim=-1, keepdim=True).clamp(min=1e-12)
