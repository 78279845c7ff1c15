"""The `transformer` baseline: motion in one pass from the sentence vector, without noise."""

from __future__ import annotations

from typing import ClassVar

from nestmotion.models.diffusion import Diffusion

__all__ = ["Transformer"]


class Transformer(Diffusion):
    """Regression with the network of `Diffusion`: its input is always zero at the last noise time, so
    that it learns the mean of all motions a sentence may stand for."""

    generative: ClassVar[bool] = False
