"""Which clips are evaluated, and the motions to be measured on them: generated, or read from files."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.errors import NestmotionError, NestmotionWarning, SettingsError
from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.corpus.splits import is_validation_clip
from nestmotion.generate import TextToMotion
from nestmotion.io import load_motion
from nestmotion.io.files import suffix_of

__all__ = ["caption_of", "check_bundle_unseen", "chosen_clips", "generate_motions", "read_motions"]

Split = Literal["validation", "test"]


def caption_of(clip: Clip) -> str:
    """The caption a clip is measured with: its first."""
    return clip.captions[0].text


def chosen_clips(corpus: PreparedCorpus, split: Split, record: dict[str, Any]) -> list[Clip]:
    """Captioned clips of a split as an evaluator's record draws it.

    test: the folds the evaluator was not trained on; validation: the groups held out of the others.
    Raises SettingsError when there is none, or no more than one.
    """
    folds = record["folds"]
    if split == "test":
        clips = [c for c in corpus.clips if c.captions and c.fold not in folds]
        where = f"outside folds {', '.join(map(str, folds))}"
    else:
        share = record["validation_share"]
        captioned = corpus.select(folds, captioned=True)
        clips = [c for c in captioned if is_validation_clip(c.group, share)]
        where = f"in the held-out groups of folds {', '.join(map(str, folds))}"
    if len(clips) < 2:
        raise SettingsError(
            f"{corpus.folder}: {len(clips) or 'no'} captioned clip{'' if clips else 's'} "
            f"{where} ({split} split); it takes at least two"
        )
    return clips


def check_bundle_unseen(model: TextToMotion, clips: Sequence[Clip], split: Split) -> None:
    """Raises SettingsError when a bundle was trained on the clips, by its own training record: it, a
    run that it started from, or its teacher."""
    trained = {
        c.fold
        for data in _data_of(model.bundle.manifest["training"])
        for c in clips
        if c.fold in data["train_folds"] and not is_validation_clip(c.group, data["validation_share"])
    }
    if trained:
        raise SettingsError(
            f"{model.bundle.folder}: was trained on fold {', '.join(map(str, sorted(trained)))}, which "
            f"holds clips of the {split} split; evaluate a bundle that was not, or another split"
        )


def _data_of(record: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Which data each run learned from that had a part in the weights."""
    if record is not None:
        yield record["config"]["data"]
        yield from _data_of(record.get("started_from"))
        yield from _data_of(record.get("teacher"))


def generate_motions(
    model: TextToMotion,
    clips: Sequence[Clip],
    fps: float,
    seed: int,
    samples: int,
    steps: int | None = None,
    guidance: float | None = None,
    postprocess: bool = True,
    by_turns: bool = True,
    progress: Callable[[int], None] = lambda done: None,
) -> list[list[Motion]]:
    """`samples` motions of each clip's caption, of the clip's own length; by turns or in one go.

    The noise follows from the seed and the clip's id, so that it neither repeats from clip to clip nor
    depends on which others are measured. Raises SettingsError naming the clip when a motion holds NaN.
    """
    limits = model.bundle.manifest["seconds"]
    result = []
    for done, clip in enumerate(clips, 1):
        seconds = min(max(len(clip) / fps, limits["shortest"]), limits["longest"])
        own_seed = zlib.crc32(f"{seed} {clip.clip_id}".encode())
        try:
            motions = model.generate(
                caption_of(clip),
                seconds,
                own_seed,
                samples,
                steps=steps,
                guidance=guidance,
                postprocess=postprocess,
                by_turns=by_turns,
            )
        except NestmotionError as error:
            raise type(error)(f"clip {clip.clip_id}: {error}") from None
        result.append(motions)
        progress(done)
    return result


def read_motions(folder: Path, clips: Sequence[Clip]) -> tuple[list[Clip], list[Motion]]:
    """Motion files named by clip id, and the clips they belong to, in the clips' order.

    Clips without a file are left out, with a warning. Raises SettingsError when the folder has no
    motion file, or a file's name is no clip of the split, two files have one name, or a motion has
    other joints than the canonical skeleton; FormatError when a file cannot be read or holds NaN.
    """
    if not folder.is_dir():
        raise SettingsError(f"{folder}: is not a folder; name one with files such as 000123.npz")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        suffix = suffix_of(path)
        if suffix is None or not path.is_file():
            continue
        clip_id = path.name[: -len(suffix)]
        if clip_id in files:
            raise SettingsError(
                f"{path}: clip {clip_id} has another file, {files[clip_id].name}; keep one"
            )
        files[clip_id] = path
    if not files:
        raise SettingsError(f"{folder}: holds no motion file; name them by clip id, e.g. 000123.npz")
    strangers = sorted(set(files) - {clip.clip_id for clip in clips})
    if strangers:
        raise SettingsError(
            f"{files[strangers[0]]}: {strangers[0]} is no clip of the split ({len(strangers)} of "
            f"{len(files)} files are not); name the files by clip id"
        )
    found = [clip for clip in clips if clip.clip_id in files]
    if len(found) < len(clips):
        warnings.warn(
            f"{folder}: {len(clips) - len(found)} of {len(clips)} clips have no file and are left out",
            NestmotionWarning,
            stacklevel=2,
        )
    return found, [_canonical(files[clip.clip_id]) for clip in found]


def _canonical(path: Path) -> Motion:
    motion = load_motion(path)
    names = canonical_skeleton().joint_names
    if motion.skeleton.joint_names != names:
        raise SettingsError(
            f"{path}: its {len(motion.skeleton)} joints are not the {len(names)} canonical ones; "
            "convert it with nestmotion convert --retarget"
        )
    return motion
