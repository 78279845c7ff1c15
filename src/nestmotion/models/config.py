"""What a model is made of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ModelConfig"]


@dataclass(frozen=True)
class ModelConfig:
    """Size of a model. What a model has no use for, it ignores.

    width, layers, heads: of the Transformer (of nested: of its local branch).
    patch_frames: frames a fine token; 4 at 20 fps makes five tokens a second.
    refine_width: channels of the correction across patch borders.
    dropout: share of activations dropped in training.
    feature_size, text_size: columns of features and of token states.

    Of nested alone:
    coarse_patches: fine tokens a coarse token; coarse_width: width of the global branch.
    reading_layers: first layers, which hear the noise time but no text.
    semantic_depth: levels of the tree that are read, 1 (the sentence alone) to 5 (word pieces).
    joint_width: channels a joint in the graph convolutions.
    graph: mix neighbouring joints there; off, each joint stands alone.
    local: whether there is a local branch that attends to the tree's nodes.
    detail_width: channels of what refines the prediction by the noisy frames; 0 for no such part.
    """

    width: int = 256
    layers: int = 6
    heads: int = 4
    patch_frames: int = 4
    refine_width: int = 96
    dropout: float = 0.1
    feature_size: int = 273
    text_size: int = 384
    coarse_patches: int = 4
    coarse_width: int = 192
    reading_layers: int = 2
    semantic_depth: int = 3
    joint_width: int = 24
    graph: bool = True
    local: bool = True
    detail_width: int = 0

    @property
    def frame_multiple(self) -> int:
        """The number of frames of a batch is a multiple of this."""
        return self.patch_frames * self.coarse_patches
