"""The `diffusion` baseline: one branch, one sentence vector, as MDM (Tevet et al., ICLR 2023)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nestmotion.models.blocks import FrameRefiner, ModulatedBlock, sinusoids
from nestmotion.models.config import ModelConfig
from nestmotion.models.denoiser import Denoiser

__all__ = ["Diffusion"]

# The noise time in [0, 1] is stretched to this range before its sinusoids, as if it counted steps.
_TIME_STEPS = 1000.0


class Diffusion(Denoiser):
    """Predicts the clean motion from a noisy one, the noise time and the sentence vector.

    A token is `patch_frames` frames. It knows its place from the start and from the end of the clip,
    so that the network can pace an action to the length asked for.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width, patch = config.width, config.patch_frames * config.feature_size
        self.embed = nn.Linear(patch, width)
        self.place = nn.Linear(2 * width, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.text = nn.Linear(config.text_size, width)
        self.no_text = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(
            ModulatedBlock(width, config.heads, config.dropout) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.unembed = nn.Linear(width, patch)
        # Start from the mean pose at rest: a random start would be judged by wild velocities.
        nn.init.zeros_(self.unembed.weight)
        nn.init.zeros_(self.unembed.bias)
        self.refine = FrameRefiner(config.feature_size, config.refine_width)

    def forward(
        self,
        noisy: Float[Tensor, "b t f"],
        time: Float[Tensor, "b"],
        sentence: Float[Tensor, "b s"],
        has_text: Bool[Tensor, "b"],
        valid: Bool[Tensor, "b t"],
    ) -> Float[Tensor, "b t f"]:
        """Clean features, normalised. T must be a multiple of `patch_frames`.

        has_text: False takes the learned "no text" vector instead of `sentence`.
        valid: True for frames of the clip, which come first; False for padding, which is not looked
            at and comes out as zero.
        """
        patch = self.config.patch_frames
        tokens = (noisy * valid[..., None]).unflatten(1, (-1, patch)).flatten(2)
        token_valid = valid.unflatten(1, (-1, patch)).any(dim=-1)
        width = self.config.width
        count = token_valid.sum(dim=1, keepdim=True).float()
        index = torch.arange(tokens.shape[1], dtype=torch.float32, device=noisy.device)[None]
        from_end = (count - 1 - index).clamp(min=0.0)
        index = index.expand_as(from_end)
        place = torch.cat((sinusoids(index, width), sinusoids(from_end, width)), dim=-1)
        x = self.embed(tokens) + self.place(place)
        text = torch.where(has_text[:, None], self.text(self.standardize(sentence)), self.no_text)
        condition = self.time(sinusoids(time * _TIME_STEPS, width)) + text
        for block in self.blocks:
            x = block(x, condition, token_valid)
        clean = self.unembed(self.norm(x))
        return self.refine(clean.unflatten(-1, (patch, -1)).flatten(1, 2), valid)
