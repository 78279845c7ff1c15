"""Any motion file by its suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from nestmotion.core import Motion
from nestmotion.core.edit import resample
from nestmotion.core.errors import FormatError, OutputError

__all__ = [
    "FORMATS",
    "Format",
    "check_output",
    "known_suffixes",
    "load_motion",
    "save_motion",
    "suffix_of",
]


@dataclass(frozen=True)
class Format:
    """How files of one suffix are read and written; None where that is not possible."""

    load: Callable[[Path], Motion] | None
    save: Callable[[Motion, Path], None] | None
    description: str


def _late(module: str, function: str) -> Callable[..., Any]:
    """The function, its module imported when it is called: a command needs one format, not all."""

    def call(*args: Any) -> Any:
        return getattr(import_module(f"nestmotion.io.{module}"), function)(*args)

    return call


def _load_any_npz(path: Path) -> Motion:
    amass = _late("amass", "is_amass")(path)
    return _late("amass", "load_amass")(path) if amass else _late("npz", "load_npz")(path)


FORMATS: dict[str, Format] = {
    ".bvh": Format(_late("bvh", "load_bvh"), _late("bvh", "save_bvh"), "Biovision hierarchy, text"),
    ".glb": Format(_late("gltf", "load_glb"), _late("gltf", "save_glb"), "glTF 2.0 with a mannequin"),
    ".npz": Format(_load_any_npz, _late("npz", "save_npz"), "nestmotion's own, lossless"),
    ".amass.npz": Format(
        _late("amass", "load_amass"), _late("amass", "save_amass"), "AMASS style: poses and trans"
    ),
    ".npy": Format(
        _late("humanml3d", "load_humanml3d"),
        _late("humanml3d", "save_humanml3d"),
        "HumanML3D's 263 numbers a frame",
    ),
    ".html": Format(None, _late("html", "save_html"), "web page that plays the motion"),
}


def known_suffixes() -> tuple[str, ...]:
    """Every suffix that can be read or written."""
    return tuple(FORMATS)


def suffix_of(path: str | Path) -> str | None:
    """The known suffix of a path, in any case; the longest wins. None when it has no known one."""
    name = Path(path).name.lower()
    return max((suffix for suffix in FORMATS if name.endswith(suffix)), key=len, default=None)


def load_motion(path: str | Path) -> Motion:
    """Read a motion file; its suffix tells the format, and for ".npz" its arrays whether it is AMASS.

    Raises FormatError, one line, when the file is missing, of a suffix that cannot be read, or not what
    its suffix promises.
    """
    path = Path(path)
    suffix = suffix_of(path)
    load = FORMATS[suffix].load if suffix else None
    if load is None:
        known = ", ".join(s for s, f in FORMATS.items() if f.load)
        problem = f"{suffix} files are only written" if suffix else _unknown(path)
        raise FormatError(path, f"{problem}; those that can be read: {known}")
    try:
        return load(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FormatError(path, f"cannot be read: {reason}") from error


def check_output(path: str | Path, force: bool = False) -> None:
    """Whether `save_motion` may write there, asked before the work that makes the motion.

    Raises OutputError, one line, for a suffix that cannot be written or, without force, a file that
    exists already.
    """
    _saver(Path(path))
    if os.path.lexists(path) and not force:
        raise OutputError(f"{path} exists already; use --force to replace it")


def save_motion(
    motion: Motion, path: str | Path, *, fps: float | None = None, force: bool = False
) -> Motion:
    """Write a motion file; its suffix tells the format. Missing folders are made.

    fps: resample to this frame rate first. force: replace a file that exists. Returns what was written.
    Raises OutputError, one line, for an unknown suffix, a file that exists already or cannot be
    written; SettingsError when `fps` is out of range or the format cannot hold the motion.
    """
    path = Path(path)
    check_output(path, force)
    if fps is not None:
        motion = resample(motion, fps)
    _saver(path)(motion, path)
    return motion


def _saver(path: Path) -> Callable[[Motion, Path], None]:
    suffix = suffix_of(path)
    save = FORMATS[suffix].save if suffix else None
    if save is None:
        known = ", ".join(s for s, f in FORMATS.items() if f.save)
        problem = f"{suffix} files are only read" if suffix else _unknown(path)
        raise OutputError(f"{path}: {problem}; those that can be written: {known}")
    return save


def _unknown(path: Path) -> str:
    return f"unknown suffix '{path.suffix}'" if path.suffix else "the name has no suffix"
