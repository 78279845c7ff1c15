"""Windows of a corpus' clips with captions written by rules: sides, directions and times are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize, reverse
from nestmotion.core.errors import CorpusError, SettingsError
from nestmotion.corpus.narration import narrate
from nestmotion.corpus.postures import SEATED_S, postures
from nestmotion.corpus.prepared import Clip, PreparedCorpus
from nestmotion.corpus.source import Caption
from nestmotion.corpus.writing import claim_folder, corpus_manifest, derived_recipe, finish, write_clips

__all__ = ["NarrateSettings", "narrate_corpus"]

_SEATS = ("sit", "rise", "arise")


@dataclass(frozen=True)
class NarrateSettings:
    """windows: cut of each clip, besides the whole of it. window_s: shortest and longest.
    captions: variants for each window.
    seats: windows around whoever sits down, or stands up from a seat or the floor, as many again
        backwards in time: few do, and one done backwards is the other. margin_s: shortest and longest
        time before and after, on top of the seat.
    """

    windows: int = 2
    window_s: tuple[float, float] = (1.5, 6.0)
    captions: int = 2
    seats: int = 3
    margin_s: tuple[float, float] = (0.2, 1.5)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.windows < 0 or self.seats < 0 or self.captions < 1:
            raise SettingsError("windows and seats must be 0 or more and captions 1 or more")


def narrate_corpus(
    corpus: PreparedCorpus,
    out: Path,
    settings: NarrateSettings | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict:
    """Write what the rules can tell of the corpus' clips, captioned or not, to the folder `out`, a
    prepared corpus itself, and return its manifest.

    `progress(done, total)` is told of clips. The same corpus and settings give the same bytes. Raises
    OutputError when `out` holds something else and `force` is off, CorpusError when nothing is told.
    """
    settings = settings or NarrateSettings()
    recipe = derived_recipe(corpus, out, asdict(settings))
    claim_folder(out, recipe, force)
    parts = write_clips(out, _narrated(corpus, settings, progress))
    if not parts:
        raise CorpusError(f"{corpus.folder}: holds no clip of which the rules can tell anything")
    about = {key: corpus.manifest[key] for key in ("licence", "acknowledgement")}
    about["source"] = f"{corpus.manifest['source']}, with captions written by rules"
    manifest = corpus_manifest(out, parts, recipe, about)
    finish(out, manifest)
    return manifest


def _narrated(
    corpus: PreparedCorpus, settings: NarrateSettings, progress: Callable[[int, int], None]
) -> Iterator[tuple[Motion, Clip]]:
    for number, clip in enumerate(corpus.clips):
        rng = np.random.default_rng((settings.seed, number))
        motion = corpus.motion(clip)
        for k, part in enumerate(_parts(motion, settings, rng)):
            captions = _captions(part, settings.captions, rng)
            if captions:
                told = replace(
                    clip,
                    clip_id=f"{clip.clip_id}-told-{k}",
                    start=0,
                    stop=len(part),
                    captions=captions,
                    official_split="",
                )
                yield part, told
        progress(number + 1, len(corpus.clips))


def _parts(motion: Motion, settings: NarrateSettings, rng: np.random.Generator) -> Iterator[Motion]:
    """What is told of a clip, each part beginning over the origin with heading 0."""
    for start, stop in _windows(len(motion), motion.fps, settings, rng):
        yield canonicalize(motion.frames(start, stop))
    for way in (motion, reverse(motion)):
        for start, stop in _seats(way, settings, rng):
            part = canonicalize(way.frames(start, stop))
            if any(posture.kind in _SEATS for posture in postures(part)):
                yield part


def _seats(
    motion: Motion, settings: NarrateSettings, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Windows around sitting down and standing up; long enough before the latter to see the seat."""
    for posture in postures(motion):
        if posture.kind in _SEATS:
            for _ in range(settings.seats):
                before, after = rng.uniform(*settings.margin_s, 2)
                before += 0.0 if posture.kind == "sit" else SEATED_S
                start, stop = (round(s * motion.fps) for s in (-before, after))
                yield max(posture.start + start, 0), min(posture.stop + stop, len(motion))


def _windows(
    frames: int, fps: float, settings: NarrateSettings, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """The whole clip, and windows that are clearly shorter."""
    yield 0, frames
    least, most = (s * fps for s in settings.window_s)
    for _ in range(settings.windows):
        longest = min(most, 0.8 * frames)
        if longest >= least:
            length = int(rng.uniform(least, longest))
            start = int(rng.integers(frames - length + 1))
            yield start, start + length


def _captions(motion: Motion, count: int, rng: np.random.Generator) -> tuple[Caption, ...]:
    told = (narrate(motion, rng) for _ in range(count))
    return tuple({c.text: c for c in told if c is not None}.values())
