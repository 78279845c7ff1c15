"""Writing a prepared corpus: parts of clips and packed motion, then the manifest."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from nestmotion.core import Motion
from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import OutputError
from nestmotion.corpus.packing import pack
from nestmotion.corpus.prepared import MANIFEST, VERSION, Clip, PreparedCorpus
from nestmotion.corpus.source import Dropped

__all__ = [
    "claim_folder",
    "corpus_manifest",
    "derived_recipe",
    "finish",
    "part_stem",
    "write_clips",
    "write_part",
]

_PER_PART = 500
_MARKER = "preparing.json"


def part_stem(number: int) -> str:
    """File name, without suffix, of a part."""
    return f"part-{number:03d}"


def derived_recipe(corpus: PreparedCorpus, out: Path, settings: dict) -> dict:
    """What a corpus made of another one, in the folder `out`, follows from. Raises OutputError when
    both are the same folder."""
    if out.resolve() == corpus.folder.resolve():
        raise OutputError(f"{out}: is the corpus that is read; choose another folder")
    return {
        "version": VERSION,
        "inputs": {MANIFEST: sha256_of(corpus.folder / MANIFEST)},
        "settings": {"fps": corpus.fps, **settings},
    }


def claim_folder(out: Path, recipe: dict, force: bool) -> None:
    """Make `out` ready for this recipe: fresh, or holding parts of the very same one.

    Raises OutputError when it holds something else and `force` is off, or no corpus at all.
    """
    marker, text = out / _MARKER, json.dumps(recipe, indent=2, sort_keys=True)
    ours = (out / MANIFEST).exists() or marker.exists()
    if out.is_dir() and any(out.iterdir()):
        if marker.exists() and marker.read_text("utf-8") == text:
            return
        if not force:
            raise OutputError(f"{out}: is not empty; use --force to prepare anew, or another folder")
        if not ours:
            raise OutputError(f"{out}: holds no corpus, so it is not replaced; choose another folder")
        shutil.rmtree(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_text(marker, text)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made ({error.strerror})") from None


def finish(out: Path, manifest: dict) -> None:
    """Write the manifest, which makes the folder a corpus."""
    _write_text(out / MANIFEST, json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    (out / _MARKER).unlink()


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, path)


def write_part(
    out: Path,
    number: int,
    segments: Sequence[Motion],
    clips: Iterable[Clip],
    dropped: Iterable[Dropped] = (),
) -> None:
    """One part: motion first and the list of clips last, which says that the part is whole.

    A clip's `segment` is its place in `segments`.
    """
    lines = [json.dumps({"clip": clip.to_dict()}) for clip in clips]
    lines += [json.dumps({"dropped": asdict(d)}) for d in dropped]
    if segments:
        with (out / "part.tmp").open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **pack(segments))
        os.replace(out / "part.tmp", out / f"{part_stem(number)}.npz")
    _write_text(out / f"{part_stem(number)}.jsonl", "".join(line + "\n" for line in lines))


def write_clips(out: Path, clips: Iterable[tuple[Motion, Clip]]) -> int:
    """Clips with a motion of their own each, in parts of 500; returns the number of parts."""
    number = 0
    motions: list[Motion] = []
    kept: list[Clip] = []

    def flush() -> None:
        nonlocal number
        write_part(out, number, motions, kept)
        number += 1
        motions.clear()
        kept.clear()

    for motion, clip in clips:
        kept.append(replace(clip, part=number, segment=len(motions)))
        motions.append(motion)
        if len(motions) == _PER_PART:
            flush()
    if motions:
        flush()
    return number


def corpus_manifest(out: Path, parts: int, recipe: dict, about: dict[str, str]) -> dict:
    """The recipe, what is known `about` the source, and what the parts hold."""
    names = [f"{part_stem(k)}{end}" for k in range(parts) for end in (".jsonl", ".npz")]
    names = [name for name in names if (out / name).exists()]
    reasons: Counter[str] = Counter()
    clips = captioned = frames = 0
    for name in names:
        if name.endswith(".jsonl"):
            for line in (out / name).read_text("utf-8").splitlines():
                row = json.loads(line)
                if "dropped" in row:
                    reasons[row["dropped"]["reason"]] += 1
                else:
                    clips += 1
                    captioned += bool(row["clip"]["captions"])
                    frames += row["clip"]["stop"] - row["clip"]["start"]
    return {
        **recipe,
        **about,
        "files": {name: sha256_of(out / name) for name in names},
        "clips": clips,
        "captioned_clips": captioned,
        "hours": round(frames / recipe["settings"]["fps"] / 3600, 3),
        "dropped": dict(sorted(reasons.items())),
    }
