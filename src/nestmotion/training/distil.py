"""Guidance learned: one reading of the motion instead of two at every step of the sampler.

Classifier-free guidance weighs a prediction with text against one without. A network can learn to
predict the outcome (Meng et al., "On Distillation of Guided Diffusion Models", CVPR 2023), for one
guidance; docs/adr/0019.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from nestmotion.models import Denoiser, MotionLoss, Targets

__all__ = ["GuidedTeacher"]


class GuidedTeacher:
    """A trained model whose guided predictions another learns. What it predicts without text is
    learned as it is, so that both can still be weighed against each other for another guidance.

    text_weight: as in `sample`: the guidance, for a model that was taught by motion."""

    def __init__(self, model: Denoiser, text_weight: float) -> None:
        self.model = model.requires_grad_(False).eval()
        self.text_weight = text_weight

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
        return loss.imitation(found, bare + self.text_weight * (told - bare), valid)
