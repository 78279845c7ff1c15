"""Runs of frames in which something holds."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

__all__ = ["runs_of"]


def runs_of(state: Bool[np.ndarray, "t"]) -> list[tuple[int, int]]:
    """Start (included) and stop (excluded) of every run of True, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], state.astype(int), [0]))))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
