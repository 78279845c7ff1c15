"""Whether matrix products in bfloat16 are worth it."""

from __future__ import annotations

import time

import torch

__all__ = ["bfloat16_pays"]

_SIZE, _REPEATS = 192, 3


def bfloat16_pays(device: str) -> bool:
    """Whether the device multiplies matrices faster in bfloat16 than in float32.

    On a CPU told by trying it, because one without instructions for bfloat16 takes eighty times as
    long. Accelerators have them, and matrices that are soon tried tell nothing there.
    """
    if device != "cpu":
        return True
    return _shortest_s(torch.bfloat16) < _shortest_s(torch.float32)


def _shortest_s(kind: torch.dtype) -> float:
    matrix = torch.ones(_SIZE, _SIZE, dtype=kind)
    times = []
    for _ in range(_REPEATS + 1):  # the first one warms up
        started = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - started)
    return min(times)
