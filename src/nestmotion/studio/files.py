"""Motions as the bytes of a file, in any format that can be written."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from nestmotion.core import Motion
from nestmotion.io import load_motion, save_motion
from nestmotion.io.files import FORMATS

__all__ = ["MEDIA_TYPES", "file_name", "from_npz", "to_bytes"]

_KNOWN = {
    "bvh": "text/plain; charset=utf-8",
    "glb": "model/gltf-binary",
    "html": "text/html; charset=utf-8",
}
# By format: the suffix without its dot.
MEDIA_TYPES = {
    suffix[1:]: _KNOWN.get(suffix[1:], "application/octet-stream")
    for suffix, format_ in FORMATS.items()
    if format_.save is not None
}


def to_bytes(motion: Motion, format_: str) -> bytes:
    """The file. Raises SettingsError when the format cannot hold the motion."""
    with tempfile.TemporaryDirectory(prefix="nestmotion-") as folder:
        path = Path(folder) / f"motion.{format_}"
        save_motion(motion, path)
        return path.read_bytes()


def from_npz(npz: bytes) -> Motion:
    """Inverse of `to_bytes` with "npz". Raises FormatError for anything else."""
    with tempfile.TemporaryDirectory(prefix="nestmotion-") as folder:
        path = Path(folder) / "motion.npz"
        path.write_bytes(npz)
        return load_motion(path)


def file_name(prompt: str, place: int, format_: str) -> str:
    """A name for a download: the first words of the prompt, in letters that every system knows."""
    words = re.findall(r"[a-z0-9]+", prompt.lower())
    skipped = {"a", "an", "the", "person", "man", "woman", "someone"}
    stem = "-".join([word for word in words if word not in skipped][:6])[:60] or "motion"
    return f"{stem}-{place}.{format_}"
