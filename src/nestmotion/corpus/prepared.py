"""A prepared corpus: clips with captions over packed motion, with a manifest of checksums."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.checksums import check_folder
from nestmotion.core.errors import CorpusError
from nestmotion.corpus.packing import unpack
from nestmotion.corpus.source import Caption

__all__ = ["MANIFEST", "VERSION", "Clip", "PreparedCorpus"]

MANIFEST = "corpus.json"
VERSION = 1


@dataclass(frozen=True)
class Clip:
    """A stretch of a segment: frames `start` to `stop` (excluded) of segment `segment` in part `part`.

    captions: empty for motion nobody captioned; `description` is what the source says of the trial.
    """

    clip_id: str
    trial: str
    group: str
    fold: int
    part: int
    segment: int
    start: int
    stop: int
    captions: tuple[Caption, ...]
    official_split: str
    description: str

    def __len__(self) -> int:
        return self.stop - self.start

    def to_dict(self) -> dict:
        """Plain data for JSON, without the number of the part, which is that of the file."""
        data = asdict(self)
        del data["part"]
        for caption in data["captions"]:
            if not caption["actions"]:
                del caption["actions"]
        return data

    @classmethod
    def from_dict(cls, data: dict, part: int) -> Clip:
        captions = tuple(Caption.from_dict(c) for c in data["captions"])
        return cls(**{**data, "captions": captions, "part": part})


@dataclass
class PreparedCorpus:
    """Clips and their motion. Open one with `PreparedCorpus.open`."""

    folder: Path
    manifest: dict
    clips: tuple[Clip, ...]
    _segments: dict[int, list[Motion]] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, folder: Path) -> PreparedCorpus:
        """Read manifest and clips, checking every file against its checksum.

        Raises CorpusError naming the file that is missing, changed or of another version.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise CorpusError(
                f"{path}: missing; make the corpus with: nestmotion corpus prepare --source DIR "
                f"--out {folder}"
            )
        try:
            manifest = json.loads(path.read_text("utf-8"))
            version, files = manifest["version"], manifest["files"]
        except (ValueError, KeyError, TypeError) as error:
            raise CorpusError(f"{path}: not a corpus manifest ({error})") from None
        if version != VERSION:
            raise CorpusError(
                f"{path}: corpus of version {version}, this nestmotion reads {VERSION}; prepare it anew"
            )
        check_folder(folder, files, CorpusError)
        clips = []
        for name in sorted(files):
            if name.endswith(".jsonl"):
                part = int(name.removeprefix("part-").removesuffix(".jsonl"))
                rows = map(json.loads, (folder / name).read_text("utf-8").splitlines())
                clips += [Clip.from_dict(row["clip"], part) for row in rows if "clip" in row]
        return cls(folder, manifest, tuple(clips))

    @property
    def fps(self) -> float:
        return float(self.manifest["settings"]["fps"])

    def motion(self, clip: Clip) -> Motion:
        """The clip's frames on the canonical skeleton, in the world of its recording."""
        if clip.part not in self._segments:
            path = self.folder / f"part-{clip.part:03d}.npz"
            with np.load(path, allow_pickle=False) as arrays:
                self._segments[clip.part] = unpack(arrays, canonical_skeleton(), self.fps)
        return self._segments[clip.part][clip.segment].frames(clip.start, clip.stop)

    def select(self, folds: Sequence[int], captioned: bool | None = None) -> tuple[Clip, ...]:
        """Clips whose group is in one of the folds; with or without captions, None for both."""
        return tuple(
            c
            for c in self.clips
            if c.fold in folds and (captioned is None or bool(c.captions) == captioned)
        )
