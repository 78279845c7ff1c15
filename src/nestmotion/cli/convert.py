"""nestmotion convert."""

from __future__ import annotations

from pathlib import Path

import tyro

from nestmotion.io import check_output, load_motion, save_motion

__all__ = ["run"]


def run(
    source: tyro.conf.Positional[Path],
    target: tyro.conf.Positional[Path],
    /,
    *,
    fps: float | None = None,
    force: bool = False,
) -> None:
    """Turn a motion file into another format, by suffix, e.g. nestmotion convert walk.bvh walk.glb

    Args:
        source: File to read (.bvh .glb .npz .amass.npz .npy).
        target: File to write (.bvh .glb .npz .amass.npz .npy .html).
        fps: Resample to this many frames a second.
        force: Replace a file that exists.
    """
    check_output(target, force)
    motion = load_motion(source)
    save_motion(motion, target, fps=fps, force=force)
    print(f"{target}: {motion.duration_s:.2f} s")
