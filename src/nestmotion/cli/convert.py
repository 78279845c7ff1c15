"""nestmotion convert."""

from __future__ import annotations

from pathlib import Path

import tyro

from nestmotion.core.retarget import retarget as to_canonical
from nestmotion.io import check_output, load_motion, save_motion

__all__ = ["run"]


def run(
    source: tyro.conf.Positional[Path],
    target: tyro.conf.Positional[Path],
    /,
    *,
    fps: float | None = None,
    retarget: bool = False,
    force: bool = False,
) -> None:
    """Turn a motion file into another format, by suffix, e.g. nestmotion convert walk.bvh walk.glb

    Args:
        source: File to read (.bvh .glb .npz .amass.npz .npy).
        target: File to write (.bvh .glb .npz .amass.npz .npy .html).
        fps: Resample to this many frames a second.
        retarget: Put the motion on nestmotion's own 22-joint skeleton, which .npy and .amass.npz need.
        force: Replace a file that exists.
    """
    check_output(target, force)
    motion = load_motion(source)
    if retarget:
        motion = to_canonical(motion)
    save_motion(motion, target, fps=fps, force=force)
    print(f"{target}: {motion.duration_s:.2f} s")
