"""What every denoiser has in common."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nestmotion.models.config import ModelConfig

__all__ = ["Denoiser"]


class Denoiser(nn.Module):
    """Base of all models: a config, and sentence vectors brought to zero mean and unit scale.

    Captions are unit vectors that lie close together: as they are, their 384 numbers differ by some
    hundredths, and a network at an ordinary learning rate hardly learns to tell them apart.
    """

    sentence_mean: Tensor
    sentence_std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("sentence_mean", torch.zeros(config.text_size))
        self.register_buffer("sentence_std", torch.ones(config.text_size))

    def set_sentence_statistics(self, mean: Float[Tensor, "s"], std: Float[Tensor, "s"]) -> None:
        """Mean and standard deviation of the training captions' sentence vectors, number by number."""
        self.sentence_mean.copy_(mean)
        self.sentence_std.copy_(std)

    def standardize(self, sentence: Float[Tensor, "b s"]) -> Float[Tensor, "b s"]:
        """Sentence vectors as the network reads them."""
        return (sentence - self.sentence_mean) / self.sentence_std
