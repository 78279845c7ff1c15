"""Nodes of a semantic tree as vectors that know their place in it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nestmotion.models.blocks import HIDDEN, SquaredReLU, attend
from nestmotion.models.inputs import Condition
from nestmotion.text.nodes import CUES, KINDS, MOST_TURNS

__all__ = ["TreeEncoder"]

_RELATIONS = 5


class TreeEncoder(nn.Module):
    """Token states pooled to nodes are passed up and down the tree by attention whose logits depend on
    what a node is to the other: itself, parent, child, of the same turn, or none of these."""

    def __init__(self, text_size: int, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Linear(text_size, width)
        self.kind = nn.Embedding(len(KINDS), width)
        self.order = nn.Embedding(MOST_TURNS + 1, width)
        self.cues = nn.Linear(len(CUES), width, bias=False)
        # Past the layers as well: what they make of a whole sentence drowns the one word that differs.
        self.direct_cues = nn.Linear(len(CUES), width, bias=False)
        nn.init.normal_(self.direct_cues.weight, std=0.2)
        self.relation = nn.Embedding(_RELATIONS, heads)
        self.layers = nn.ModuleList(_TreeLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.nothing = nn.Parameter(torch.randn(width) * 0.02)

    def forward(self, vectors: Float[Tensor, "b n s"], condition: Condition) -> Float[Tensor, "b n d"]:
        """vectors: of the nodes, standardised. Without text every node is the same learned vector."""
        c = condition
        h = self.embed(vectors) + self.kind(c.node_kind) + self.cues(c.node_cues)
        h = h + self.order(c.node_order + 1)
        bias = self.relation(_relations(c)).permute(0, 3, 1, 2)
        bias = bias.masked_fill(~c.node_valid[:, None, None, :], HIDDEN)
        for layer in self.layers:
            h = layer(h, bias)
        h = self.norm(h) + self.direct_cues(c.node_cues)
        return torch.where(c.has_text[:, None, None], h, self.nothing.to(h.dtype))


def _relations(c: Condition) -> Int[Tensor, "b n n"]:
    """What node k is to node i: 1 itself, 2 parent, 3 child, 4 of the same turn, 0 none of these."""
    n = torch.arange(c.node_valid.shape[1], device=c.node_valid.device)
    itself = (n[:, None] == n[None, :])[None]
    parent = c.node_parent[:, :, None] == n[None, None, :]
    same_turn = c.node_order[:, :, None] == c.node_order[:, None, :]
    relation = torch.where(same_turn, 4, 0)
    relation = torch.where(parent.transpose(1, 2), 3, relation)
    relation = torch.where(parent, 2, relation)
    return torch.where(itself, 1, relation)


class _TreeLayer(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.norm_mlp = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), SquaredReLU(), nn.Linear(2 * width, width)
        )

    def forward(
        self, h: Float[Tensor, "b n d"], bias: Float[Tensor, "b h n n"]
    ) -> Float[Tensor, "b n d"]:
        q, k, v = self.qkv(self.norm_attention(h)).chunk(3, dim=-1)
        h = h + self.drop(self.out(attend(q, k, v, self.heads, bias)))
        return h + self.drop(self.mlp(self.norm_mlp(h)))
