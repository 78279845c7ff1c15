"""What every model has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from nestmotion.core.noise import signal_and_noise
from nestmotion.models.config import ModelConfig
from nestmotion.models.detail import DetailRefiner
from nestmotion.models.inputs import Condition
from nestmotion.models.losses import MotionLoss
from nestmotion.models.targets import Targets

__all__ = ["Denoised", "Denoiser", "noise_times"]

# So many of the batches have times from the last part of the noise, most of them near its end. All
# clips of a batch, so that a clip and its mirror image are under like noise.
_EARLY_SHARE, _EARLY = 0.25, 0.02


@dataclass(frozen=True)
class Denoised:
    """clean (B, T, F): predicted motion features, normalised, zero where not valid.

    alignment (B, N, P): how much each node of the tree is about each fine token, 0 to 1; all zero from
        a model that aligns nothing.
    """

    clean: Float[Tensor, "b t f"]
    alignment: Float[Tensor, "b n p"]


class Denoiser(nn.Module):
    """Base of all models: a config, and text vectors brought to zero mean and unit scale.

    Captions are unit vectors that lie close together: as they are, their 384 numbers differ by some
    hundredths, and a network at an ordinary learning rate hardly learns to tell them apart.

    generative: whether motion comes from noise; otherwise one pass from nothing gives it.
    controllable: whether the model heeds known values.
    """

    generative: ClassVar[bool] = True
    controllable: ClassVar[bool] = False

    sentence_mean: Tensor
    sentence_std: Tensor
    node_mean: Tensor
    node_std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        for name in ("sentence", "node"):
            self.register_buffer(f"{name}_mean", torch.zeros(config.text_size))
            self.register_buffer(f"{name}_std", torch.ones(config.text_size))

    def set_text_statistics(self, sentence: tuple[Tensor, Tensor], node: tuple[Tensor, Tensor]) -> None:
        """Mean and standard deviation, number by number, of the training captions' sentence vectors and
        of their nodes' vectors."""
        self.sentence_mean.copy_(sentence[0])
        self.sentence_std.copy_(sentence[1])
        self.node_mean.copy_(node[0])
        self.node_std.copy_(node[1])

    def standardize(self, sentence: Float[Tensor, "b s"]) -> Float[Tensor, "b s"]:
        """Sentence vectors as the network reads them."""
        return (sentence - self.sentence_mean) / self.sentence_std

    def denoise(
        self,
        noisy: Float[Tensor, "b t f"],
        time: Float[Tensor, "b"],
        known: Bool[Tensor, "b t f"],
        valid: Bool[Tensor, "b t"],
        condition: Condition,
    ) -> Denoised:
        """The clean motion of a noisy one at a noise time (core/noise.py).

        known: where True, `noisy` holds the clean value, which is given and not to be found.
        valid: True for frames of the clip, which come first; False for padding, which is not looked
            at. T is a multiple of the config's `frame_multiple`.
        """
        raise NotImplementedError

    def guided_parts(self) -> Iterable[nn.Module]:
        """What may change when the model learns guidance (training/distil.py): all of it, unless a
        model has parts that must not."""
        return (self,)

    def detail_parts(self) -> Iterable[DetailRefiner]:
        """What learns when only detail is learned: nothing, unless a model has some."""
        return ()

    def detail_terms(
        self, targets: Targets, loss: MotionLoss, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """As `loss_terms`, of the motion alone, for `detail_parts`."""
        raise NotImplementedError

    def loss_terms(
        self, targets: Targets, loss: MotionLoss, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Terms of the loss of a batch, unweighted, and "total", their weighted sum.

        All randomness is drawn from `generator`. A model that learns more than to denoise says so here.
        """
        noisy, time, known = self.add_noise(targets, generator)
        found = self.denoise(noisy, time, known, targets.valid, targets.condition)
        return loss(found.clean.float(), targets.features, targets.valid, time)

    def add_noise(
        self,
        targets: Targets,
        generator: torch.Generator,
        times: Callable[[int, torch.Generator], Tensor] | None = None,
    ) -> tuple[Float[Tensor, "b t f"], Float[Tensor, "b"], Bool[Tensor, "b t f"]]:
        """The batch with noise added (known values left clean), the noise times, what is known.

        times: how they are drawn in training; as `noise_times` does when None."""
        clean, device = targets.features, targets.features.device
        # Validation keeps to even times, so that its losses can be compared with earlier ones.
        draw = (times or noise_times) if self.training else _even_times
        time = draw(len(clean), generator).to(device)
        noise = torch.randn(clean.shape, generator=generator).to(device)
        if not self.generative:
            nothing = torch.zeros_like(targets.known)
            return torch.zeros_like(clean), torch.ones_like(time), nothing
        signal, sigma = (x[:, None, None] for x in signal_and_noise(time))
        known = targets.known if self.controllable else torch.zeros_like(targets.known)
        return torch.where(known, clean, signal * clean + sigma * noise), time, known


def noise_times(count: int, generator: torch.Generator) -> Float[Tensor, "b"]:
    """Random times of a batch: most batches anywhere between 0 and 1, a share of them close to 1.

    A clip has thousands of numbers that say much the same: even at time 0.95, with 0.08 of its
    amplitude left, the network sees in it which hand is raised and need not hear it in the text. What
    only the text can tell is learned from times above about 0.985 (docs/adr/0014).
    """
    times = _even_times(count, generator)
    early = bool(torch.rand((), generator=generator) < _EARLY_SHARE)
    return 1 - _EARLY * times**2 if early else times


def _even_times(count: int, generator: torch.Generator) -> Float[Tensor, "b"]:
    return torch.rand(count, generator=generator)
