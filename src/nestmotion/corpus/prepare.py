"""From a source to a prepared corpus: ground, trim, cut, pack, with a record of what was dropped.

The work is done in parts of some trials each. A part is two files, the second of which is written
last, so that an interrupted preparation goes on where it stopped. The same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from nestmotion.core import Motion
from nestmotion.core.edit import ground_height_m, move, resample
from nestmotion.core.errors import CorpusError
from nestmotion.corpus.prepared import VERSION, Clip
from nestmotion.corpus.source import Dropped, Source, Span, Trial
from nestmotion.corpus.writing import claim_folder, corpus_manifest, finish, part_stem, write_part

__all__ = ["PrepareSettings", "prepare"]

# Frames of a trial that count as most of them.
_MOST_PERCENT = 60.0


@dataclass(frozen=True)
class PrepareSettings:
    """What preparation does to the motion.

    fps: frame rate of the prepared corpus.
    shortest_s, longest_s: captioned clips outside are dropped or cut; uncaptioned stretches are cut
        into windows of at most `longest_s`.
    idle_speed_m_s: a frame is idle when no joint is faster, averaged over half a second.
    idle_s: uncaptioned idle stretches longer than this are cut out, but for `idle_margin_s` each side.
    ground_limit_m: trials whose lowest joints rest farther than this from the floor stay where they
        are (on a ladder, on a stool whose feet hang), unless the floor itself is off; the others are
        moved onto it.
    level_m: the floor is off where the lowest joints keep to one height within this for most of the
        trial, as nobody does who climbs or hangs.
    fastest_m_s: a root faster than this is a tracking error.
    trials_per_part: how many trials are written together.
    """

    fps: float = 20.0
    shortest_s: float = 1.0
    longest_s: float = 10.0
    idle_speed_m_s: float = 0.15
    idle_s: float = 3.0
    idle_margin_s: float = 1.0
    ground_limit_m: float = 0.15
    level_m: float = 0.1
    fastest_m_s: float = 15.0
    trials_per_part: int = 200


@dataclass(frozen=True)
class _Cut:
    """Segments kept of one trial, and the clips in them (clip.segment counts from 0 here)."""

    segments: list[Motion]
    clips: list[Clip]
    dropped: list[Dropped]


def prepare(
    source: Source,
    out: Path,
    settings: PrepareSettings | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict:
    """Write the prepared corpus to the folder `out` and return its manifest.

    `progress(done, total)` is told of trials. A folder left by an interrupted preparation of the same
    source with the same settings is continued. Raises OutputError when `out` holds something else and
    `force` is off, CorpusError when the source is broken or nothing is left of it.
    """
    settings = settings or PrepareSettings()
    inputs = dict(source.input_checksums())
    recipe = {"version": VERSION, "inputs": inputs, "settings": asdict(settings)}
    claim_folder(out, recipe, force)
    ids = list(source.trial_ids())
    starts = range(0, len(ids), settings.trials_per_part)
    for number, start in enumerate(starts):
        if not (out / f"{part_stem(number)}.jsonl").exists():
            batch = ids[start : start + settings.trials_per_part]
            _write_cuts(out, number, [_cut(source.read(t), t, settings) for t in batch])
        progress(min(start + settings.trials_per_part, len(ids)), len(ids))
    about = {
        "source": source.name,
        "licence": source.licence,
        "acknowledgement": source.acknowledgement,
    }
    manifest = corpus_manifest(out, len(starts), recipe, about)
    if not manifest["clips"]:
        shutil.rmtree(out)
        raise CorpusError(f"{source.name}: no usable motion; dropped: {manifest['dropped']}")
    finish(out, manifest)
    return manifest


def _write_cuts(out: Path, number: int, cuts: Iterable[_Cut]) -> None:
    segments: list[Motion] = []
    clips: list[Clip] = []
    dropped: list[Dropped] = []
    for cut in cuts:
        clips.extend(replace(clip, segment=clip.segment + len(segments)) for clip in cut.clips)
        dropped.extend(cut.dropped)
        segments.extend(cut.segments)
    write_part(out, number, segments, clips, dropped)


def _cut(trial: Trial | Dropped, trial_id: str, settings: PrepareSettings) -> _Cut:
    """Ground one trial, decide which frames stay, and cut it into clips."""
    if isinstance(trial, Dropped):
        return _Cut([], [], [trial])
    motion = resample(trial.motion, settings.fps)
    step_m = np.linalg.norm(np.diff(motion.root_m, axis=0), axis=-1)
    if step_m.size and step_m.max() * settings.fps > settings.fastest_m_s:
        reason = f"root faster than {settings.fastest_m_s:g} m/s"
        return _Cut([], [], [Dropped(trial_id, reason)])
    motion = _grounded(motion, settings)
    spans, dropped = _usable_spans(trial, len(motion), settings)
    keep = ~_long_idle(motion, settings)
    captioned = np.zeros(len(motion), dtype=bool)
    for _, start, stop in spans:
        captioned[start:stop] = True
    segments: list[Motion] = []
    clips: list[Clip] = []
    for start, stop in _runs(keep | captioned):
        inside = [s for s in spans if start <= s[1] and s[2] <= stop]
        pieces = [(span.clip_id, a, b, span) for span, a, b in inside]
        pieces += [
            (f"{trial.trial_id}@{a}", a, b, None)
            for a, b in _windows(_runs(~captioned[start:stop]), start, settings)
        ]
        for clip_id, a, b, span in pieces:
            clips.append(_clip(trial, clip_id, len(segments), a - start, b - start, span))
        if pieces:
            segments.append(motion.frames(start, stop))
    return _Cut(segments, clips, dropped)


def _grounded(motion: Motion, settings: PrepareSettings) -> Motion:
    """The motion on its floor, where that can be told."""
    height = ground_height_m(motion)
    lowest = motion.positions_m[..., 1].min(axis=1)
    level = np.percentile(lowest, _MOST_PERCENT) - height <= settings.level_m
    if level or abs(height) <= settings.ground_limit_m:
        return move(motion, 0.0, (0.0, -height, 0.0))
    return motion


def _clip(trial: Trial, clip_id: str, segment: int, start: int, stop: int, span: Span | None) -> Clip:
    return Clip(
        clip_id=clip_id,
        trial=trial.trial_id,
        group=trial.group,
        fold=_fold(trial),
        part=0,
        segment=segment,
        start=start,
        stop=stop,
        captions=span.captions if span else (),
        official_split=span.official_split if span else "",
        description=trial.description,
    )


def _fold(trial: Trial) -> int:
    if trial.fold is not None:
        return trial.fold
    return int.from_bytes(hashlib.sha256(trial.group.encode()).digest()[:4], "big") % 5


def _usable_spans(
    trial: Trial, frames: int, settings: PrepareSettings
) -> tuple[list[tuple[Span, int, int]], list[Dropped]]:
    """Captioned spans as frame ranges, each at most `longest_s` long, and the ones left out."""
    usable, dropped = [], []
    for span in trial.spans:
        start = max(round(span.start_s * settings.fps), 0)
        stop = min(round(span.end_s * settings.fps), frames)
        stop = min(stop, start + round(settings.longest_s * settings.fps))
        if not span.captions:
            dropped.append(Dropped(span.clip_id, "no caption; its motion stays, uncaptioned"))
        elif stop - start < settings.shortest_s * settings.fps:
            dropped.append(Dropped(span.clip_id, f"shorter than {settings.shortest_s:g} s"))
        else:
            usable.append((span, start, stop))
    return usable, dropped


def _long_idle(motion: Motion, settings: PrepareSettings) -> Bool[np.ndarray, "t"]:
    """Frames inside an idle stretch of over `idle_s`, without its margins."""
    if len(motion) < 2:
        return np.zeros(len(motion), dtype=bool)
    step = np.linalg.norm(np.diff(motion.positions_m, axis=0), axis=-1).max(axis=1)
    speed = np.append(step, step[-1]) * settings.fps
    width = max(round(settings.fps / 2), 1)
    smooth = np.convolve(np.pad(speed, width // 2, mode="edge"), np.ones(width) / width, "same")
    idle = smooth[width // 2 :][: len(motion)] < settings.idle_speed_m_s
    margin = round(settings.idle_margin_s * settings.fps)
    cut = np.zeros(len(motion), dtype=bool)
    for start, stop in _runs(idle):
        if stop - start > settings.idle_s * settings.fps:
            cut[start + margin : stop - margin] = True
    return cut


def _runs(mask: Bool[np.ndarray, "t"]) -> list[tuple[int, int]]:
    """Start and stop of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _windows(
    runs: Iterable[tuple[int, int]], shift: int, settings: PrepareSettings
) -> Iterator[tuple[int, int]]:
    """Runs cut into equal windows of at most `longest_s`; too short ones are left out."""
    longest = round(settings.longest_s * settings.fps)
    for start, stop in runs:
        count = -(-(stop - start) // longest)
        edges = np.linspace(start, stop, count + 1).round().astype(int)
        for a, b in itertools.pairwise(edges):
            if b - a >= settings.shortest_s * settings.fps:
                yield int(a) + shift, int(b) + shift
