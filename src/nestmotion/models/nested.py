"""The `nested` model: two branches at two time scales, aligned level by level with a sentence's tree.

"Hierarchical Cross-Modal Alignment for Controllable Human Motion Synthesis" (Zeng), with a generative
objective. docs/model.md has the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nestmotion.core.noise import signal_and_noise
from nestmotion.models.alignment import (
    Aligned,
    Aligner,
    order_loss,
    phrase_contrast,
    sentence_contrast,
    turn_loss,
)
from nestmotion.models.blocks import (
    HIDDEN,
    CrossAttention,
    FrameRefiner,
    ModulatedBlock,
    NoiseTime,
    Place,
    zero_linear,
)
from nestmotion.models.config import ModelConfig
from nestmotion.models.denoiser import Denoised, Denoiser
from nestmotion.models.detail import DETAIL_TIME, DetailRefiner
from nestmotion.models.diffusion import SentenceVector
from nestmotion.models.inputs import Condition
from nestmotion.models.joints import JointEmbed, JointUnembed
from nestmotion.models.losses import MotionLoss
from nestmotion.models.targets import Targets
from nestmotion.models.tree_encoder import TreeEncoder

__all__ = ["Nested"]

_TREE_LAYERS = 2

# A node that covers nothing of a moment is still looked at this much there: alignment starts unsure.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class _Pass:
    """clean (B, T, F); the alignment; coarse tokens (B, C, D) before any text was heard."""

    clean: Tensor
    aligned: Aligned
    coarse: Tensor
    token_valid: Tensor
    coarse_valid: Tensor


class _Layer(nn.Module):
    """One layer of both branches and what they exchange. `local`: whether fine tokens have a block of
    their own; `writing`: whether they look at the tree's nodes."""

    def __init__(self, config: ModelConfig, writing: bool) -> None:
        super().__init__()
        width, coarse = config.width, config.coarse_width
        self.patches = config.coarse_patches
        self.down = zero_linear(width, coarse)
        self.up = zero_linear(coarse, width)
        self.coarse = ModulatedBlock(coarse, config.heads, config.dropout, width, mlp_ratio=2)
        self.fine = self.cross = None
        if config.local:
            self.fine = ModulatedBlock(width, config.heads, config.dropout, width)
            self.cross = CrossAttention(width, config.heads, config.dropout) if writing else None

    def forward(
        self,
        fine: Tensor,
        coarse: Tensor,
        condition: Tensor,
        valid: Tensor,
        coarse_valid: Tensor,
        nodes: Tensor | None,
        bias: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        coarse = coarse + self.down(_children_mean(fine, valid, self.patches))
        coarse = self.coarse(coarse, condition, coarse_valid)
        fine = fine + self.up(coarse).repeat_interleave(self.patches, dim=1)
        if self.fine is not None:
            fine = self.fine(fine, condition, valid)
        if self.cross is not None and nodes is not None and bias is not None:
            fine = self.cross(fine, nodes, bias)
        return fine, coarse


def _children_mean(
    fine: Float[Tensor, "b p d"], valid: Bool[Tensor, "b p"], patches: int
) -> Float[Tensor, "b c d"]:
    weight = valid.unflatten(1, (-1, patches))[..., None].to(fine.dtype)
    children = fine.unflatten(1, (-1, patches))
    return (children * weight).sum(dim=2) / weight.sum(dim=2).clamp(min=1)


class Nested(Denoiser):
    """Global branch on coarse tokens, local branch on fine ones that attend to the tree's nodes.

    The first layers read the motion alone. What they find is aligned with the tree, and in the layers
    that follow, which hear the sentence, a fine token attends to the nodes that are about it.
    """

    controllable: ClassVar[bool] = True

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width, patch = config.width, config.patch_frames
        self.embed = JointEmbed(width, config.joint_width, patch, config.graph)
        self.coarse_embed = nn.Linear(width, config.coarse_width)
        self.place = Place(width)
        self.coarse_place = Place(config.coarse_width)
        self.time = NoiseTime(width)
        self.text = SentenceVector(config.text_size, width)
        self.tree = TreeEncoder(config.text_size, width, config.heads, _TREE_LAYERS, config.dropout)
        self.root = zero_linear(width, width)
        self.told = zero_linear(width, width)
        self.aligner = Aligner(width)
        self.motion_space = nn.Linear(config.coarse_width, 128)
        self.sentence_space = nn.Linear(config.text_size, 128)
        self.layers = nn.ModuleList(
            _Layer(config, writing=k >= config.reading_layers) for k in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.unembed = JointUnembed(width, config.joint_width, patch, config.graph)
        self.refine = FrameRefiner(config.feature_size, config.refine_width)
        self.detail = None
        if config.detail_width:
            self.detail = DetailRefiner(config.feature_size, config.detail_width)

    def denoise(
        self,
        noisy: Float[Tensor, "b t f"],
        time: Float[Tensor, "b"],
        known: Bool[Tensor, "b t f"],
        valid: Bool[Tensor, "b t"],
        condition: Condition,
    ) -> Denoised:
        """As Denoiser.denoise."""
        found = self._run(noisy, time, known, valid, condition)
        return Denoised(found.clean, found.aligned.map)

    def _run(
        self, noisy: Tensor, time: Tensor, known: Tensor, valid: Tensor, condition: Condition
    ) -> _Pass:
        found = self._through_tokens(noisy, time, known, valid, condition)
        if self.detail is None:
            return found
        return replace(found, clean=self.detail(noisy, found.clean, known, time, valid))

    def _through_tokens(
        self, noisy: Tensor, time: Tensor, known: Tensor, valid: Tensor, condition: Condition
    ) -> _Pass:
        config = self.config
        token_valid = valid.unflatten(1, (-1, config.patch_frames)).any(dim=-1)
        coarse_valid = token_valid.unflatten(1, (-1, config.coarse_patches)).any(dim=-1)
        frames = valid[..., None]
        fine = self.embed(noisy * frames, known & frames) + self.place(token_valid)
        coarse = self.coarse_embed(_children_mean(fine, token_valid, config.coarse_patches))
        coarse = coarse + self.coarse_place(coarse_valid)
        moment = self.time(time)
        masks = (token_valid, coarse_valid)
        for layer in self.layers[: config.reading_layers]:
            fine, coarse = layer(fine, coarse, moment, *masks, None, None)
        vectors = (condition.node_vectors - self.node_mean) / self.node_std
        nodes = self.tree(vectors, condition)
        aligned = self.aligner(fine, nodes, condition, token_valid)
        read, bias = coarse, _attention_bias(aligned.map, condition)
        sentence = self.text(self.standardize(condition.sentence), condition.has_text)
        moment = moment + sentence + self.root(nodes[:, 0])
        fine = fine + self.told(_of_the_moment(aligned.map, nodes, condition))
        for layer in self.layers[config.reading_layers :]:
            fine, coarse = layer(fine, coarse, moment, *masks, nodes, bias)
        clean = self.refine(self.unembed(self.norm(fine)), valid)
        return _Pass(clean, aligned, read, token_valid, coarse_valid)

    def guided_parts(self) -> Iterable[nn.Module]:
        """What comes after the alignment, whose map is to stay as it is."""
        yield from self.layers[self.config.reading_layers :]
        yield from (self.text, self.root, self.told, self.norm, self.unembed, self.refine)

    def detail_parts(self) -> Iterable[DetailRefiner]:
        """The detail, where there is one."""
        return () if self.detail is None else (self.detail,)

    def detail_terms(
        self, targets: Targets, loss: MotionLoss, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """As Denoiser.detail_terms: in training at the noise times where something is refined, more
        often at low ones, where it has the last say."""
        assert self.detail is not None  # training/start.py has seen to it
        noisy, time, known = self.add_noise(targets, generator, _detail_times)
        with torch.no_grad():
            clean = self._through_tokens(noisy, time, known, targets.valid, targets.condition).clean
        refined = self.detail(noisy, clean, known, time, targets.valid)
        return loss(refined.float(), targets.features, targets.valid, time)

    def loss_terms(
        self, targets: Targets, loss: MotionLoss, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """The motion's terms and those of the alignment: `sentence` and `phrase` (contrast), `turns`
        and `order`, weighted as in LossWeights."""
        noisy, time, known = self.add_noise(targets, generator)
        found = self._run(noisy, time, known, targets.valid, targets.condition)
        terms = loss(found.clean.float(), targets.features, targets.valid, time)
        total = terms.pop("total")
        # Under noise there is little to recognise: a clip counts by its signal's share of the power.
        weight = signal_and_noise(time)[0] ** 2
        pooled = _children_mean(found.coarse, found.coarse_valid, found.coarse.shape[1])[:, 0]
        extra = {
            "sentence": sentence_contrast(
                self.motion_space(pooled),
                self.sentence_space(self.standardize(targets.condition.sentence)),
                targets.condition,
                weight,
            ),
            "phrase": phrase_contrast(found.aligned, targets.condition, weight),
            "turns": turn_loss(found.aligned, targets.turns),
            "order": order_loss(found.aligned, found.token_valid),
        }
        total = total + sum(getattr(loss.weights, name) * value for name, value in extra.items())
        return {**terms, **extra, "total": total}


def _detail_times(count: int, generator: torch.Generator) -> Float[Tensor, "b"]:
    return DETAIL_TIME * torch.rand(count, generator=generator) ** 2


def _of_the_moment(
    share: Float[Tensor, "b n p"], nodes: Float[Tensor, "b n d"], condition: Condition
) -> Float[Tensor, "b p d"]:
    """The actions' vectors, each by its share of the moment: what is being done, without a search."""
    acts = ((condition.node_level == 2) & condition.node_valid)[..., None]
    return (share * acts).transpose(1, 2).to(nodes.dtype) @ nodes


def _attention_bias(share: Float[Tensor, "b n p"], condition: Condition) -> Float[Tensor, "b p n"]:
    """Logits for fine tokens that look at nodes: the log of a node's share of the moment.

    Without text only the first node is looked at, which then is the learned "no text".
    """
    first = torch.arange(share.shape[1], device=share.device) == 0
    has_text = condition.has_text[:, None]
    open_to = (condition.node_valid & has_text) | (first & ~has_text)
    bias = torch.log(share + _LEAST_SHARE)
    return bias.masked_fill(~open_to[..., None], HIDDEN).transpose(1, 2)
