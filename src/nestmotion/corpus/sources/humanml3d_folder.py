"""A folder in HumanML3D's layout.

    new_joint_vecs/000001.npy   263 numbers a frame at 20 fps (io.humanml3d)
    texts/000001.txt            one line a caption: caption#tokens#start#end, seconds; 0, 0 is the whole
    train.txt, val.txt, test.txt, all.txt   names, one a line (each optional)

Clips whose name starts with M are mirrored copies and stay in the group of their original.
Source of the layout: Guo et al., CVPR 2022 (MIT licence).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import CorpusError, FormatError
from nestmotion.corpus.source import Caption, Dropped, Span, Trial
from nestmotion.corpus.sources._licence import licence_file, licence_text
from nestmotion.io.humanml3d import load_humanml3d

__all__ = ["HumanML3DFolder"]

MOTION, TEXTS = "new_joint_vecs", "texts"
SPLITS = ("train", "val", "test")
LISTS = (*SPLITS, "all")
MIRRORED = "M"


class HumanML3DFolder:
    """Source over a folder in HumanML3D's layout.

    Names in the lists whose motion is not there are dropped with that reason (the published lists
    name some). Raises CorpusError when a list or a text is not usable.
    """

    name = "humanml3d_folder"
    acknowledgement = "HumanML3D's layout: Guo et al., CVPR 2022."

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.licence = licence_text(
            folder,
            "Not stated: the folder holds no LICENSE file. HumanML3D's captions are under the MIT "
            "licence, its motion under the terms of AMASS and HumanAct12.",
        )
        for name in (MOTION, TEXTS):
            if not (folder / name).is_dir():
                raise CorpusError(f"{folder / name}: missing; HumanML3D's layout needs this folder")

    def input_checksums(self) -> Mapping[str, str]:
        licence = licence_file(self.folder)
        names = [f"{name}.txt" for name in LISTS] + ([licence.name] if licence else [])
        for name in self.trial_ids():
            names += [f"{MOTION}/{name}.npy", f"{TEXTS}/{name}.txt"]
        present = [name for name in names if (self.folder / name).is_file()]
        return {name: sha256_of(self.folder / name) for name in present}

    def trial_ids(self) -> Sequence[str]:
        return list(self._split_of)

    def read(self, trial_id: str) -> Trial | Dropped:
        path = self.folder / MOTION / f"{trial_id}.npy"
        if not path.is_file():
            return Dropped(trial_id, f"listed, but not in {MOTION}")
        try:
            motion = load_humanml3d(path)
        except FormatError as error:
            return Dropped(trial_id, str(error).removeprefix(f"{path}: "))
        split = self._split_of[trial_id]
        span = Span(trial_id, 0.0, motion.duration_s, self._captions(trial_id), split)
        return Trial(trial_id, trial_id.removeprefix(MIRRORED), motion, (span,))

    @cached_property
    def _split_of(self) -> dict[str, str]:
        """Official split of every name, "" for none; without lists, of every motion file."""
        found: dict[str, str] = {}
        lists = [name for name in LISTS if (self.folder / f"{name}.txt").is_file()]
        for split in lists:
            path = self.folder / f"{split}.txt"
            for line, name in enumerate(_lines(path), 1):
                if not re.fullmatch(r"\w[\w.-]*", name):
                    raise CorpusError(f"{path}:{line}: {name!r} is not the name of a clip")
                if found.get(name, split) != split and split in SPLITS:
                    raise CorpusError(f"{path}:{line}: {name} is also in {found[name]}.txt")
                found.setdefault(name, split if split in SPLITS else "")
        if not lists:
            found = {path.stem: "" for path in sorted((self.folder / MOTION).glob("*.npy"))}
        if not found:
            raise CorpusError(f"{self.folder}: holds no motion: {MOTION} is empty or the lists are")
        return found

    def _captions(self, name: str) -> tuple[Caption, ...]:
        path = self.folder / TEXTS / f"{name}.txt"
        if not path.is_file():
            return ()
        return tuple(
            _caption(path, number, line) for number, line in enumerate(_lines(path), 1) if line
        )


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError:
        raise CorpusError(f"{path}: not UTF-8 text") from None


def _caption(path: Path, number: int, line: str) -> Caption:
    """From caption#tokens#start#end. The published files write NaN for 0 in places."""
    fields = line.rsplit("#", 3)
    try:
        text, _, *times = fields
        start, end = (0.0 if math.isnan(float(t)) else float(t) for t in times)
    except ValueError:
        raise CorpusError(f"{path}:{number}: expected caption#tokens#start#end") from None
    return Caption(text.strip(), start, end) if end > start else Caption(text.strip())
