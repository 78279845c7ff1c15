"""Whether matrix products in bfloat16 are worth it."""

from __future__ import annotations

import time

import torch

__all__ = ["bfloat16_pays"]

_SIZE, _REPEATS = 192, 3


def bfloat16_pays(device: str) -> bool:
    """Whether the device multiplies matrices faster in bfloat16 than in float32.

    Told by trying it: a processor without instructions for bfloat16 takes eighty times as long.
    """
    return _shortest_s(torch.bfloat16, device) < _shortest_s(torch.float32, device)


def _shortest_s(kind: torch.dtype, device: str) -> float:
    matrix = torch.ones(_SIZE, _SIZE, dtype=kind, device=device)
    times = []
    for _ in range(_REPEATS + 1):  # the first one warms up
        started = time.perf_counter()
        float((matrix @ matrix)[0, 0])  # waits for the result
        times.append(time.perf_counter() - started)
    return min(times)
