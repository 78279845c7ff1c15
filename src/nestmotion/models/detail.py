"""What a noisy motion shows frame by frame and the tokens of its patches do not hold."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from nestmotion.core.noise import signal_and_noise
from nestmotion.models.blocks import zeroed

__all__ = ["DETAIL_TIME", "DetailRefiner"]

# Above this noise time nothing is refined, and all of it a little below: there the text speaks.
DETAIL_TIME, _FADE = 0.9, 0.15

# Frames between the five taps of each block's convolution: together they see 1.8 s to either side.
_DILATIONS = (1, 2, 4, 8, 2, 1)
_TIME_WIDTH = 64

# Told with the noise is its logarithm, which stays finite where there is none.
_LEAST_NOISE = 0.02


class DetailRefiner(nn.Module):
    """Corrects a predicted clean motion by what the noisy one shows beside it.

    A token of four frames is too narrow for all of their 1,092 numbers: whatever the noise, what comes
    out of it lacks a fifth to a quarter of the motion's variance, most of it quick and small. This part
    sees the frames themselves, as the skips of a U-Net do. Convolutions over time, told the noise
    (FiLM; Perez et al., AAAI 2018). Starts as the identity. docs/adr/0030.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(3 * features, width, kernel_size=1)
        self.noise = nn.Sequential(
            nn.Linear(3, _TIME_WIDTH), nn.SiLU(), nn.Linear(_TIME_WIDTH, _TIME_WIDTH), nn.SiLU()
        )
        self.blocks = nn.ModuleList(_Block(width, dilation) for dilation in _DILATIONS)
        self.norm = nn.LayerNorm(width)
        self.last = zeroed(nn.Conv1d(width, features, kernel_size=1))

    def forward(
        self,
        noisy: Float[Tensor, "b t f"],
        clean: Float[Tensor, "b t f"],
        known: Bool[Tensor, "b t f"],
        time: Float[Tensor, "b"],
        valid: Bool[Tensor, "b t"],
    ) -> Float[Tensor, "b t f"]:
        """The clean motion, refined; frames that are not `valid` come out as they were."""
        signal, sigma = signal_and_noise(time)
        expected = torch.where(known, clean, signal[:, None, None] * clean)
        seen = torch.cat((clean, noisy - expected, known.to(clean.dtype)), dim=-1)
        mask = valid[:, None].to(clean.dtype)
        moment = self.noise(torch.stack((signal, sigma, torch.log(sigma + _LEAST_NOISE)), dim=-1))
        hidden = self.first(seen.transpose(1, 2)) * mask
        for block in self.blocks:
            hidden = block(hidden, moment, mask)
        change = self.last(self.norm(hidden.transpose(1, 2)).transpose(1, 2)) * mask
        share = ((DETAIL_TIME - time) / _FADE).clamp(0.0, 1.0)
        return clean + share[:, None, None] * change.transpose(1, 2)

    @torch.no_grad()
    def weaken(self, share: Float[Tensor, "f"]) -> None:
        """Let it change so large a share of what it changes now, feature by feature."""
        for parameter in self.last.parameters():
            parameter.mul_(share.view(-1, *[1] * (parameter.ndim - 1)))


class _Block(nn.Module):
    """A convolution over five frames and a mix of channels; starts as the identity."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = nn.Linear(_TIME_WIDTH, 2 * width)
        self.conv = nn.Conv1d(width, width, kernel_size=5, padding=2 * dilation, dilation=dilation)
        self.mix = zeroed(nn.Conv1d(width, width, kernel_size=1))

    def forward(
        self, x: Float[Tensor, "b c t"], moment: Float[Tensor, "b d"], mask: Float[Tensor, "b 1 t"]
    ) -> Float[Tensor, "b c t"]:
        scale, shift = self.film(moment)[:, None].chunk(2, dim=-1)
        hidden = self.norm(x.transpose(1, 2)) * (1 + scale) + shift
        return x + self.mix(functional.relu(self.conv(hidden.transpose(1, 2) * mask))) * mask
