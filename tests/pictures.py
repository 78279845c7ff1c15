"""Pictures that a browser makes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

__all__ = ["decoded", "differ"]


def decoded(png: bytes) -> np.ndarray:
    """A PNG file's colours, (height, width, 3), 0 to 255."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def differ(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two pictures show different things; the browser rounds colours now this way, now that."""
    return a.shape != b.shape or bool((np.abs(a - b).max(axis=2) > 8).sum() > 20)
