"""The skeleton's graph inside the network: features as joints, mixed along the bones."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from nestmotion.core import canonical_skeleton
from nestmotion.core.skeleton import Skeleton
from nestmotion.features.layout import CONTACT_JOINTS, FeatureLayout
from nestmotion.models.blocks import zero_linear

__all__ = ["JointEmbed", "JointUnembed", "adjacency", "joint_columns"]


def joint_columns(skeleton: Skeleton) -> np.ndarray:
    """(J + 1, 13): which feature column is which number of which joint; -1 for none.

    A joint's numbers are its rotation (6), position (3), velocity (3) and contact (1). The last row is
    the path: the root's blocks, which describe where the whole body goes.
    """
    layout, joints = FeatureLayout.of(skeleton), len(skeleton)
    columns = np.full((joints + 1, 13), -1)
    every = np.arange(layout.size)
    columns[:joints, 0:6] = every[layout["rotations"]].reshape(joints, 6)
    columns[1:joints, 6:9] = every[layout["joint_positions"]].reshape(joints - 1, 3)
    columns[:joints, 9:12] = every[layout["joint_velocities"]].reshape(joints, 3)
    for name, column in zip(CONTACT_JOINTS, every[layout["contacts"]], strict=True):
        columns[skeleton.index(name), 12] = column
    path = every[: layout["rotations"].start]
    columns[joints, : len(path)] = path
    return columns


def adjacency(skeleton: Skeleton, connected: bool = True) -> Float[np.ndarray, "k k"]:
    """Neighbours of each joint along the bones, and of the path the root; rows sum to one.

    Kipf and Welling (ICLR 2017) with rows normalised. Not `connected`: every joint only itself.
    """
    count = len(skeleton) + 1
    near = np.eye(count, dtype=np.float32)
    if connected:
        edges = [(j, p) for j, p in enumerate(skeleton.parents) if p >= 0] + [(count - 1, 0)]
        for a, b in edges:
            near[a, b] = near[b, a] = 1.0
    return near / near.sum(axis=1, keepdims=True)


class _GraphConvolution(nn.Module):
    """h + relu(own(h) + neighbours(A h)), the same weights at every joint."""

    near: Tensor

    def __init__(self, width: int, near: Float[np.ndarray, "k k"]) -> None:
        super().__init__()
        self.register_buffer("near", torch.from_numpy(near), persistent=False)
        self.own = nn.Linear(width, width)
        self.neighbours = nn.Linear(width, width, bias=False)

    def forward(self, h: Float[Tensor, "b t k c"]) -> Float[Tensor, "b t k c"]:
        mixed = torch.matmul(self.near.to(h.dtype), h)
        return h + functional.relu(self.own(h) + self.neighbours(mixed))


class JointEmbed(nn.Module):
    """Frames to tokens: directly, and by way of the joints: each joint's numbers and which of them are
    known, one graph convolution, then all joints of `patch` frames to one token.

    The direct way starts at zero. Without it a joint's few channels are a needle's eye that learns
    slowly (docs/adr/0011).
    """

    columns: Tensor
    present: Tensor

    def __init__(self, width: int, joint_width: int, patch: int, connected: bool) -> None:
        super().__init__()
        skeleton = canonical_skeleton()
        columns = joint_columns(skeleton)
        self.patch = patch
        self.register_buffer("columns", torch.from_numpy(columns.clip(0)).flatten(), persistent=False)
        self.register_buffer("present", torch.from_numpy(columns >= 0), persistent=False)
        joints, numbers = columns.shape
        bound = (2 * numbers) ** -0.5
        self.weight = nn.Parameter(
            torch.empty(joints, 2 * numbers, joint_width).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.zeros(joints, joint_width))
        self.graph = _GraphConvolution(joint_width, adjacency(skeleton, connected))
        self.out = nn.Linear(patch * joints * joint_width, width)
        self.direct = zero_linear(patch * FeatureLayout.of(skeleton).size, width)

    def forward(
        self, x: Float[Tensor, "b t f"], known: Bool[Tensor, "b t f"]
    ) -> Float[Tensor, "b p d"]:
        shape = (-1, *self.present.shape)
        numbers = x[..., self.columns].unflatten(-1, shape[1:]) * self.present
        flags = known.to(x.dtype)[..., self.columns].unflatten(-1, shape[1:]) * self.present
        both = torch.cat((numbers, flags), dim=-1)
        h = torch.einsum("btkc,kcd->btkd", both, self.weight) + self.bias
        h = self.graph(h)
        direct = self.direct(x.unflatten(1, (-1, self.patch)).flatten(2))
        return direct + self.out(h.unflatten(1, (-1, self.patch)).flatten(2))


class JointUnembed(nn.Module):
    """Tokens to frames, both ways of JointEmbed back; both start at zero."""

    back: Tensor

    def __init__(self, width: int, joint_width: int, patch: int, connected: bool) -> None:
        super().__init__()
        skeleton = canonical_skeleton()
        columns = joint_columns(skeleton)
        joints, numbers = columns.shape
        flat = columns.flatten()
        back = np.empty(FeatureLayout.of(skeleton).size, dtype=np.int64)
        back[flat[flat >= 0]] = np.flatnonzero(flat >= 0)
        self.register_buffer("back", torch.from_numpy(back), persistent=False)
        self.shape = (patch, joints, joint_width)
        self.inner = nn.Linear(width, patch * joints * joint_width)
        self.graph = _GraphConvolution(joint_width, adjacency(skeleton, connected))
        self.weight = nn.Parameter(torch.zeros(joints, joint_width, numbers))
        self.bias = nn.Parameter(torch.zeros(joints, numbers))
        self.direct = zero_linear(width, patch * FeatureLayout.of(skeleton).size)

    def forward(self, tokens: Float[Tensor, "b p d"]) -> Float[Tensor, "b t f"]:
        h = self.inner(tokens).unflatten(-1, self.shape).flatten(1, 2)
        h = self.graph(h)
        numbers = torch.einsum("btkc,kcd->btkd", h, self.weight) + self.bias
        direct = self.direct(tokens).unflatten(-1, (self.shape[0], -1)).flatten(1, 2)
        return direct + numbers.flatten(-2)[..., self.back]
