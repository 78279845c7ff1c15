"""The `diffusion` baseline: one branch, one sentence vector, as MDM (Tevet et al., ICLR 2023)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nestmotion.models.blocks import FrameRefiner, ModulatedBlock, NoiseTime, Place, zero_linear
from nestmotion.models.config import ModelConfig
from nestmotion.models.denoiser import Denoised, Denoiser
from nestmotion.models.inputs import Condition

__all__ = ["Diffusion", "SentenceVector"]


class SentenceVector(nn.Module):
    """The standardised sentence vector as a condition, or a learned vector for "no text"."""

    def __init__(self, text_size: int, width: int) -> None:
        super().__init__()
        self.text = nn.Linear(text_size, width)
        self.no_text = nn.Parameter(torch.randn(width) * 0.02)

    def forward(
        self, sentence: Float[Tensor, "b s"], has_text: Bool[Tensor, "b"]
    ) -> Float[Tensor, "b d"]:
        return torch.where(has_text[:, None], self.text(sentence), self.no_text)


class Diffusion(Denoiser):
    """Predicts the clean motion from a noisy one, the noise time and the sentence vector.

    A token is `patch_frames` frames.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width, patch = config.width, config.patch_frames * config.feature_size
        self.embed = nn.Linear(patch, width)
        self.place = Place(width)
        self.time = NoiseTime(width)
        self.text = SentenceVector(config.text_size, width)
        self.blocks = nn.ModuleList(
            ModulatedBlock(width, config.heads, config.dropout, width) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        # Start from the mean pose at rest: a random start would be judged by wild velocities.
        self.unembed = zero_linear(width, patch)
        self.refine = FrameRefiner(config.feature_size, config.refine_width)

    def denoise(
        self,
        noisy: Float[Tensor, "b t f"],
        time: Float[Tensor, "b"],
        known: Bool[Tensor, "b t f"],
        valid: Bool[Tensor, "b t"],
        condition: Condition,
    ) -> Denoised:
        """As Denoiser.denoise; of the text only the sentence vector is heard, `known` not at all."""
        patch = self.config.patch_frames
        tokens = (noisy * valid[..., None]).unflatten(1, (-1, patch)).flatten(2)
        token_valid = valid.unflatten(1, (-1, patch)).any(dim=-1)
        x = self.embed(tokens) + self.place(token_valid)
        sentence = self.text(self.standardize(condition.sentence), condition.has_text)
        moment = self.time(time) + sentence
        for block in self.blocks:
            x = block(x, moment, token_valid)
        clean = self.unembed(self.norm(x)).unflatten(-1, (patch, -1)).flatten(1, 2)
        nothing = torch.zeros_like(condition.node_cues[..., :1]) * token_valid[:, None].float()
        return Denoised(self.refine(clean, valid), nothing)
