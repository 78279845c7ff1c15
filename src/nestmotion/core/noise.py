"""The noise schedule that training and sampling share, written against the array API."""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace
from jaxtyping import Float

__all__ = ["signal_and_noise"]


def signal_and_noise(time: Float[Any, "*b"]) -> tuple[Float[Any, "*b"], Float[Any, "*b"]]:
    """Scale of the clean motion and of the noise at time 0 (clean) to 1 (noise): noisy = a clean + s n.

    Variance-preserving cosine schedule a = cos(pi t / 2), s = sin(pi t / 2): the continuous form of
    Nichol and Dhariwal (ICML 2021), as MDM uses it.
    """
    xp = array_namespace(time)
    angle = time * (math.pi / 2)
    return xp.cos(angle), xp.sin(angle)
