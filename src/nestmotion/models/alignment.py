"""Which node of the tree is about which moment of the motion, and the losses that teach it.

Actions take turns: an action's `order` in the tree is its turn, and every moment belongs to the turns
in shares that sum to one. What a phrase covers lies inside what its action covers, and a word's inside
its phrase's, because each is its parent's share times a number between 0 and 1: nesting holds by
construction. That turns follow one another is taught (`order`), or told where it is known (`turns`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from nestmotion.models.blocks import HIDDEN
from nestmotion.models.contrast import contrast, same_text
from nestmotion.models.inputs import Condition
from nestmotion.text.nodes import KINDS, MOST_TURNS

__all__ = ["Aligned", "Aligner", "order_loss", "phrase_contrast", "turn_loss"]

# Phrases of these kinds say something that can be seen in a stretch of the motion.
_SEEN = ("action", "motion", "body_part", "direction", "path", "goal", "manner", "count", "state")

# Node vectors nearer than this cosine say the same of two motions.
_SAME_PHRASE = 0.7

# What part of its parent a node covers before anything is learned: nearly all, sigmoid(2) = 0.88.
_OPEN = 2.0


@dataclass(frozen=True)
class Aligned:
    """map (B, N, P): share of each fine token that is about a node, 0 to 1; the sentence has all.

    turns (B, P, G): log-probability of each turn at each fine token.
    present (B, G): turns that the text has.
    nodes (B, N, E), moments (B, P, E): both sides in the space where they are compared.
    """

    map: Float[Tensor, "b n p"]
    turns: Float[Tensor, "b p g"]
    present: Bool[Tensor, "b g"]
    nodes: Float[Tensor, "b n e"]
    moments: Float[Tensor, "b p e"]


class Aligner(nn.Module):
    """Compares nodes with moments. The moments come from layers that heard no text: what they share
    with a phrase was found in the motion (or, under noise, in the place in time), not copied."""

    def __init__(self, width: int, size: int = 128) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.of_nodes = nn.Linear(width, size)
        self.of_moments = nn.Linear(width, size)
        self.scale = nn.Parameter(torch.tensor(size**-0.5))
        self.sharpness = nn.Parameter(torch.tensor(0.0))
        self.node_space = nn.Linear(width, size)
        self.moment_space = nn.Linear(width, size)

    def forward(
        self,
        moments: Float[Tensor, "b p d"],
        nodes: Float[Tensor, "b n d"],
        condition: Condition,
        valid: Bool[Tensor, "b p"],
    ) -> Aligned:
        moments = self.norm(moments)
        match = self.of_nodes(nodes) @ self.of_moments(moments).transpose(1, 2)
        match = match.float() * self.scale
        turns, present = self._turns(match, condition, valid)
        return Aligned(
            map=_nested(match, turns.exp(), condition),
            turns=turns,
            present=present,
            nodes=self.node_space(nodes),
            moments=self.moment_space(moments),
        )

    def _turns(
        self, match: Float[Tensor, "b n p"], c: Condition, valid: Bool[Tensor, "b p"]
    ) -> tuple[Float[Tensor, "b p g"], Bool[Tensor, "b g"]]:
        """Turns by what their actions match and, as a start, by equal division of the clip."""
        order = torch.arange(MOST_TURNS, device=match.device)
        acts = (c.node_level == 2) & c.node_valid & c.has_text[:, None]
        member = (c.node_order[..., None] == order) & acts[..., None]
        count = member.sum(dim=1)
        present = count > 0
        member = member.to(match.dtype) / count.clamp(min=1)[:, None]
        mean = match.transpose(1, 2) @ member
        index = torch.arange(valid.shape[1], device=match.device)[None, :, None] + 0.5
        progress = index / valid.sum(dim=1).clamp(min=1)[:, None, None]
        centre = (order + 0.5) / present.sum(dim=1, keepdim=True).clamp(min=1)
        away = (progress - centre[:, None]) * present.sum(dim=1)[:, None, None]
        logits = mean - self.sharpness.exp() * away**2
        logits = logits.masked_fill(~present[:, None], HIDDEN)
        return logits.log_softmax(dim=-1), present


def _nested(
    match: Float[Tensor, "b n p"], share: Float[Tensor, "b p g"], c: Condition
) -> Float[Tensor, "b n p"]:
    """Each node's map: all for the sentence, its turn for an action, part of its parent's below."""
    order = torch.arange(MOST_TURNS, device=match.device)
    turn = (c.node_order[..., None] == order).to(share.dtype) @ share.transpose(1, 2)
    found = torch.where((c.node_level == 1)[..., None], torch.ones_like(turn), turn)
    n = torch.arange(c.node_parent.shape[1], device=match.device)
    parent = (c.node_parent[:, :, None] == n).to(share.dtype)
    part = torch.sigmoid(match + _OPEN)
    for level in (3, 4, 5):
        found = torch.where((c.node_level == level)[..., None], part * (parent @ found), found)
    return found * (c.node_valid & c.has_text[:, None])[..., None]


def turn_loss(aligned: Aligned, right: Bool[Tensor, "b p g"]) -> Float[Tensor, ""]:
    """-log of the probability given to the right turns, where they are known (composed clips)."""
    told = right.any(dim=-1)
    share = aligned.turns.masked_fill(~right, HIDDEN).logsumexp(dim=-1)
    return -(share * told).sum() / told.sum().clamp(min=1)


def order_loss(aligned: Aligned, valid: Bool[Tensor, "b p"]) -> Float[Tensor, ""]:
    """Turns follow one another, and each has a stretch of its own.

    With c_g the mean moment of turn g (0 to 1), G the number of turns and m_g its share of the clip:
    mean over neighbours of max(0, c_g + 1/(2G) - c_{g+1})^2, and over turns of max(0, 1/(4G) - m_g)^2,
    in units of 1/G.
    """
    share = aligned.turns.exp() * valid[..., None]
    total = valid.sum(dim=1).clamp(min=1)[:, None]
    index = torch.arange(valid.shape[1], device=valid.device)[None, :, None] + 0.5
    mass = share.sum(dim=1)
    centre = (share * index).sum(dim=1) / mass.clamp(min=1e-3) / total
    turns = aligned.present.sum(dim=1, keepdim=True)
    both = aligned.present[:, 1:] & aligned.present[:, :-1]
    behind = ((centre[:, :-1] - centre[:, 1:]) * turns + 0.5).clamp(min=0) ** 2
    several = aligned.present & (turns > 1)
    starved = (0.25 - mass / total * turns).clamp(min=0) ** 2
    order = (behind * both).sum() / both.sum().clamp(min=1)
    return order + (starved * several).sum() / several.sum().clamp(min=1)


def phrase_contrast(
    aligned: Aligned, condition: Condition, weight: Float[Tensor, "b"]
) -> Float[Tensor, ""]:
    """Contrast of actions and phrases with the stretches of motion they cover, over the whole batch.

    A phrase's stretch is the mean of the moments weighted by its map. Other turns of the same clip are
    wrong matches too, which is what pulls a phrase to its own stretch; nodes of the same turn, and
    phrases that say the same, are not. weight: of each clip, small where noise hides the motion.
    """
    c = condition
    seen = torch.tensor([kind in _SEEN for kind in KINDS], device=weight.device)
    chosen = seen[c.node_kind] & c.node_valid & c.has_text[:, None] & (c.node_level <= 3)
    mass = aligned.map.sum(dim=-1, keepdim=True).clamp(min=1e-3)
    stretch = (aligned.map / mass) @ aligned.moments.float()
    clip, node = chosen.nonzero(as_tuple=True)
    if len(clip) < 2:
        return aligned.map.sum() * 0.0
    alike = same_text(c.node_vectors[clip, node], _SAME_PHRASE)
    turn = c.node_order[clip, node]
    alike = alike | ((clip[:, None] == clip) & (turn[:, None] == turn))
    pair = (aligned.nodes[clip, node], stretch[clip, node])
    return contrast(*pair, alike, weight[clip])


def sentence_contrast(
    motion: Float[Tensor, "b e"],
    text: Float[Tensor, "b e"],
    condition: Condition,
    weight: Float[Tensor, "b"],
) -> Float[Tensor, ""]:
    """Contrast of whole clips with their sentences over the batch."""
    weight = weight * condition.has_text
    return contrast(motion, text, same_text(condition.sentence), functional.relu(weight))
