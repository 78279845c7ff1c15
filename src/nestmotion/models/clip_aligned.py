"""The `clip-aligned` baseline: one latent vector a clip, aligned with the sentence, as MotionCLIP.

Tevet et al., "MotionCLIP" (ECCV 2022): a motion auto-encoder whose latent space is pulled to that of a
contrastively trained text encoder; motion is made by decoding a text's place in it. Where CLIP's
weights cannot be had, the sentence space of MiniLM, trained by contrast too, stands in.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nestmotion.models.blocks import FrameRefiner, ModulatedBlock, Place, zero_linear
from nestmotion.models.config import ModelConfig
from nestmotion.models.contrast import contrast, same_text
from nestmotion.models.denoiser import Denoised, Denoiser
from nestmotion.models.diffusion import SentenceVector
from nestmotion.models.inputs import Condition
from nestmotion.models.losses import MotionLoss
from nestmotion.models.targets import Targets

__all__ = ["ClipAligned"]

# Weights of the contrastive term and of the distance between the two places of one clip (MotionCLIP
# weighs its cosine loss to the text alike).
_CONTRAST, _DISTANCE = 0.1, 0.1


class ClipAligned(Denoiser):
    """Half of the layers encode a clip to a vector, half decode a vector to a clip.

    A batch is decoded from its clips' own vectors in training for one half and from its texts' for the
    other, so that both places of the latent space come to mean the same.
    """

    generative: ClassVar[bool] = False

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width, patch = config.width, config.patch_frames * config.feature_size
        encoding = config.layers // 2

        def blocks(count: int) -> nn.ModuleList:
            return nn.ModuleList(
                ModulatedBlock(width, config.heads, config.dropout, width) for _ in range(count)
            )

        self.embed = nn.Linear(patch, width)
        self.place_in = Place(width)
        self.place_out = Place(width)
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        self.encoder = blocks(encoding)
        self.decoder = blocks(config.layers - encoding)
        self.latent = nn.Linear(width, width)
        self.text = SentenceVector(config.text_size, width)
        self.norm = nn.LayerNorm(width)
        self.unembed = zero_linear(width, patch)
        self.refine = FrameRefiner(config.feature_size, config.refine_width)

    def _tokens(self, valid: Bool[Tensor, "b t"]) -> Bool[Tensor, "b p"]:
        return valid.unflatten(1, (-1, self.config.patch_frames)).any(dim=-1)

    def encode_motion(
        self, clean: Float[Tensor, "b t f"], valid: Bool[Tensor, "b t"]
    ) -> Float[Tensor, "b d"]:
        """The place of clips in the latent space: the mean of their encoded tokens."""
        token_valid = self._tokens(valid)
        patches = (clean * valid[..., None]).unflatten(1, (-1, self.config.patch_frames)).flatten(2)
        x = self.embed(patches) + self.place_in(token_valid)
        nothing = self.start.expand(len(x), -1)
        for block in self.encoder:
            x = block(x, nothing, token_valid)
        weight = token_valid[..., None].to(x.dtype)
        return self.latent((x * weight).sum(dim=1) / weight.sum(dim=1))

    def decode_motion(
        self, latent: Float[Tensor, "b d"], valid: Bool[Tensor, "b t"]
    ) -> Float[Tensor, "b t f"]:
        """Clips of a given length at a place of the latent space."""
        token_valid = self._tokens(valid)
        x = self.place_out(token_valid) + latent[:, None]
        for block in self.decoder:
            x = block(x, latent, token_valid)
        clean = self.unembed(self.norm(x)).unflatten(-1, (self.config.patch_frames, -1)).flatten(1, 2)
        return self.refine(clean, valid)

    def _text_place(self, condition: Condition) -> Float[Tensor, "b d"]:
        return self.text(self.standardize(condition.sentence), condition.has_text)

    def denoise(
        self,
        noisy: Float[Tensor, "b t f"],
        time: Float[Tensor, "b"],
        known: Bool[Tensor, "b t f"],
        valid: Bool[Tensor, "b t"],
        condition: Condition,
    ) -> Denoised:
        """The motion decoded from the text's place; the noisy one is not looked at."""
        clean = self.decode_motion(self._text_place(condition), valid)
        nothing = torch.zeros_like(condition.node_cues[..., :1]) * self._tokens(valid)[:, None].float()
        return Denoised(clean, nothing)

    def loss_terms(
        self, targets: Targets, loss: MotionLoss, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """The motion's terms, and `contrast` and `distance` between motion and text places."""
        motion = self.encode_motion(targets.features, targets.valid)
        text = self._text_place(targets.condition)
        has_text = targets.condition.has_text
        from_text = torch.rand(len(motion), generator=generator).to(motion.device) < 0.5
        if not self.training:
            from_text = torch.ones_like(from_text)
        from_text &= has_text
        latent = torch.where(from_text[:, None], text, motion)
        clean = self.decode_motion(latent, targets.valid).float()
        # A text says no more of when feet stand than noise does.
        terms = loss(clean, targets.features, targets.valid, from_text.float())
        total = terms.pop("total")
        sentence = targets.condition.sentence
        extra = {
            "contrast": contrast(motion, text, same_text(sentence), has_text.float()),
            "distance": (motion - text).float().square().mean(dim=-1)[has_text].sum()
            / has_text.sum().clamp(min=1),
        }
        total = total + _CONTRAST * extra["contrast"] + _DISTANCE * extra["distance"]
        return {**terms, **extra, "total": total}
