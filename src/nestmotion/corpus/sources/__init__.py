"""Sources of motion and captions, one module each, opened by what their folder holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nestmotion.core.errors import CorpusError
from nestmotion.corpus.source import Source
from nestmotion.corpus.sources.bvh_folder import BvhFolder
from nestmotion.corpus.sources.cmu20 import Cmu20
from nestmotion.corpus.sources.humanml3d_folder import HumanML3DFolder

__all__ = ["open_source"]

# The file whose presence marks a folder as belonging to a source.
_MARKS: dict[str, Callable[[Path], Source]] = {
    "cmu20.npz": Cmu20,
    "captions.csv": BvhFolder,
    "new_joint_vecs": HumanML3DFolder,
}


def open_source(folder: Path) -> Source:
    """The source that reads this folder. Raises CorpusError when no source knows it."""
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder")
    for mark, source in _MARKS.items():
        if (folder / mark).exists():
            return source(folder)
    known = ", ".join(_MARKS)
    raise CorpusError(f"{folder}: not a known source; it should hold one of {known}")
