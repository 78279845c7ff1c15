"""nestmotion convert."""

from __future__ import annotations

from pathlib import Path

import tyro

from nestmotion.core import Motion
from nestmotion.core.errors import SettingsError
from nestmotion.core.retarget import retarget as to_canonical
from nestmotion.io import check_output, load_motion, save_motion

__all__ = ["run"]


def run(
    source: tyro.conf.Positional[Path],
    target: tyro.conf.Positional[Path],
    /,
    *,
    start: float | None = None,
    end: float | None = None,
    fps: float | None = None,
    retarget: bool = False,
    force: bool = False,
) -> None:
    """Turn a motion file into another format, by suffix, e.g. nestmotion convert walk.bvh walk.glb

    Args:
        source: File to read (.bvh .glb .npz .amass.npz .npy).
        target: File to write (.bvh .glb .npz .amass.npz .npy .html).
        start: Leave out what is before this second.
        end: Leave out what is after this second.
        fps: Resample to this many frames a second.
        retarget: Put the motion on nestmotion's own 22-joint skeleton, which .npy and .amass.npz need.
        force: Replace a file that exists.
    """
    check_output(target, force)
    motion = _cut(load_motion(source), start, end)
    if retarget:
        motion = to_canonical(motion)
    written = save_motion(motion, target, fps=fps, force=force)
    print(f"{target}: {written.duration_s:.2f} s")


def _cut(motion: Motion, start: float | None, end: float | None) -> Motion:
    """The part from one second to another, where it is. Raises SettingsError when there is none."""
    length_s, fps = motion.duration_s, motion.fps
    begin, stop = 0.0 if start is None else start, length_s if end is None else end
    inside = 0 <= begin < stop <= length_s + 0.5 / fps  # not so for NaN
    part = motion.frames(round(begin * fps), round(stop * fps)) if inside else None
    if part is None or not len(part):
        raise SettingsError(
            f"the clip lasts {length_s:g} s; --start must be at least 0, and --end at least a frame "
            f"later and at most {length_s:g}"
        )
    return part
