"""T2M-Compose: clips of one split joined to longer ones, with the time of every action known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion
from nestmotion.core.errors import CorpusError, SettingsError
from nestmotion.corpus.captions import PartCaption, join_captions, read_caption
from nestmotion.corpus.prepared import Clip, PreparedCorpus
from nestmotion.corpus.source import Caption
from nestmotion.corpus.splits import GROUP_JOINT, is_validation_group
from nestmotion.corpus.transitions import BLEND_S, Poses, join
from nestmotion.corpus.writing import claim_folder, corpus_manifest, derived_recipe, finish, write_clips

__all__ = ["ComposeSettings", "compose"]

_CANDIDATES = 96


@dataclass(frozen=True)
class ComposeSettings:
    """How compositions are made.

    count: in all; folds, and in them training and validation groups, have shares in proportion to
        their captioned clips.
    longest_s, shortest_part_s, longest_part_s: limits of a composition and of its parts.
    crop_s: shortest and longest window that is cut of a clip with a single action.
    part_shares: how many compositions are begun with 2, 3, 4 and 5 parts; the time limit ends some.
    captions: variants for each composition.
    details: share of captions that get a neutral detail of the scene.
    blend_s: length of a transition.
    worst_seam_m: parts are not joined whose poses are farther apart (transitions.Poses).
    worst_floor_m: nor those whose lowest joints differ more in height: on a stool, in a jump.
    seam_spread_m: of the parts drawn, one whose pose is this much farther is chosen e times as rarely.
    """

    count: int = 5200
    longest_s: float = 10.0
    shortest_part_s: float = 1.5
    longest_part_s: float = 6.0
    crop_s: tuple[float, float] = (2.0, 5.0)
    part_shares: tuple[float, ...] = (0.4, 0.4, 0.15, 0.05)
    captions: int = 3
    details: float = 0.1
    blend_s: float = BLEND_S
    worst_seam_m: float = 0.35
    worst_floor_m: float = 0.1
    seam_spread_m: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise SettingsError(f"the count of compositions must be at least 1, not {self.count}")
        if not 0 <= self.details <= 1:
            raise SettingsError(f"the share of details must be from 0 to 1, not {self.details:g}")
        if self.shortest_part_s < self.blend_s:
            raise SettingsError(
                f"a part must last at least {self.blend_s:g} s, as long as a transition, "
                f"not {self.shortest_part_s:g} s"
            )
        if self.longest_s < 2 * self.shortest_part_s:
            raise SettingsError(
                f"two parts of {self.shortest_part_s:g} s do not fit in {self.longest_s:g} s"
            )


@dataclass
class _Source:
    """A clip that can become a part.

    poses: of every frame. speed_m_s: mean over joints, by frame.
    can_crop: each of its captions names a single action, that any stretch of it shows.
    uses: how often it was taken.
    """

    clip: Clip
    motion: Motion
    captions: tuple[PartCaption, ...]
    can_crop: bool
    poses: Poses
    speed_m_s: Float[np.ndarray, "t"]
    uses: int = 0


@dataclass(frozen=True)
class _Part:
    """Frames `start` to `stop` (excluded) of a source."""

    source: _Source
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def motion(self) -> Motion:
        return self.source.motion.frames(self.start, self.stop)


@dataclass
class _Pool:
    """Sources that may be joined: of one fold, all or none of validation groups."""

    fold: int
    clips: int = 0
    sources: list[_Source] = field(default_factory=list)


def compose(
    corpus: PreparedCorpus,
    out: Path,
    settings: ComposeSettings | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict:
    """Write compositions of the corpus' captioned clips to the folder `out`, a prepared corpus itself,
    and return its manifest.

    The parts of a composition are of one fold and either all of validation groups or all not; its
    `group` names the groups of all. `progress(done, total)` is told of compositions. The same corpus
    and settings give the same bytes. Raises OutputError when `out` holds something else and `force` is
    off, CorpusError when the clips do not suffice, SettingsError without spaCy (extra `parse`).
    """
    settings = settings or ComposeSettings()
    recipe = derived_recipe(corpus, out, asdict(settings))
    pools = _pools(corpus, settings)
    if not pools:
        raise CorpusError(f"{corpus.folder}: no fold holds two clips that can be joined")
    claim_folder(out, recipe, force)
    rng = np.random.default_rng(settings.seed)

    def composed() -> Iterator[tuple[Motion, Clip]]:
        for done, parts in enumerate(_drawn(pools, corpus.fps, settings, rng), 1):
            yield join([p.motion for p in parts], settings.blend_s), _clip(done, parts, settings, rng)
            progress(done, settings.count)

    number = write_clips(out, composed())
    about = {key: corpus.manifest[key] for key in ("licence", "acknowledgement")}
    about["source"] = f"compositions of {corpus.manifest['source']}"
    manifest = corpus_manifest(out, number, recipe, about)
    finish(out, manifest)
    return manifest


def _pools(corpus: PreparedCorpus, settings: ComposeSettings) -> list[_Pool]:
    """Pools of at least two sources, in a fixed order."""
    pools: dict[tuple[int, bool], _Pool] = {}
    for clip in corpus.clips:
        if not clip.captions:
            continue
        key = (clip.fold, is_validation_group(clip.group))
        pool = pools.setdefault(key, _Pool(clip.fold))
        pool.clips += 1
        source = _source(clip, corpus, settings)
        if source is not None:
            pool.sources.append(source)
    return [pools[key] for key in sorted(pools) if len(pools[key].sources) > 1]


def _source(clip: Clip, corpus: PreparedCorpus, settings: ComposeSettings) -> _Source | None:
    """The clip as a source, None when it is too long or too short or no caption can be joined."""
    duration_s = len(clip) / corpus.fps
    read = [read_caption(c.text) for c in clip.captions if c.start_s is None]
    captions = tuple(c for c in read if c is not None)
    can_crop = all(c is not None and c.actions == 1 and not c.exact for c in read)
    fits = settings.shortest_part_s <= duration_s <= settings.longest_part_s
    if not captions or not (fits or (can_crop and duration_s >= settings.shortest_part_s)):
        return None
    motion = corpus.motion(clip)
    step = np.linalg.norm(np.diff(motion.positions_m, axis=0), axis=-1).mean(axis=1)
    speed = np.append(step, step[-1]) * corpus.fps
    return _Source(clip, motion, captions, can_crop, Poses.of(motion), speed)


def _drawn(
    pools: Sequence[_Pool], fps: float, settings: ComposeSettings, rng: np.random.Generator
) -> Iterator[list[_Part]]:
    """The parts of every composition, pool after pool."""
    ends = np.cumsum([pool.clips for pool in pools])
    ends = np.round(ends / ends[-1] * settings.count).astype(int)
    for pool, count in zip(pools, np.diff(ends, prepend=0), strict=True):
        for _ in range(count):
            yield _draw(pool, fps, settings, rng)


def _draw(pool: _Pool, fps: float, settings: ComposeSettings, rng: np.random.Generator) -> list[_Part]:
    """Two parts or more that fit to one another."""
    shares = np.array(settings.part_shares)
    most = int(settings.longest_s / settings.shortest_part_s + 1e-9)
    for _ in range(1000):
        wanted = min(2 + int(rng.choice(len(shares), p=shares / shares.sum())), most)
        parts: list[_Part] = []
        left = settings.longest_s * fps
        while len(parts) < wanted:
            part = _next_part(pool, parts, wanted - len(parts), left / fps, fps, settings, rng)
            if part is None:
                break
            parts.append(part)
            left -= len(part)
        if len(parts) > 1:
            for part in parts:
                part.source.uses += 1
            return parts
    raise CorpusError(f"fold {pool.fold} holds no two clips that fit to one another")


def _next_part(
    pool: _Pool,
    parts: Sequence[_Part],
    missing: int,
    left_s: float,
    fps: float,
    settings: ComposeSettings,
    rng: np.random.Generator,
) -> _Part | None:
    """One more part, that leaves room for those missing after it; None when nothing drawn fits."""
    room_s = min(left_s - (missing - 1) * settings.shortest_part_s, settings.longest_part_s)
    share_s = min(room_s, 1.5 * left_s / missing)
    taken = [id(part.source) for part in parts]
    sources = [source for source in pool.sources if id(source) not in taken]
    if not sources:
        return None
    weights = np.array([1 / (1 + source.uses) ** 2 for source in sources])
    count = min(_CANDIDATES, len(sources))
    drawn = rng.choice(len(sources), count, replace=False, p=weights / weights.sum())
    excerpts = (_excerpt(sources[k], room_s, share_s, fps, settings, rng) for k in drawn)
    candidates = [part for part in excerpts if part is not None]
    if parts:
        return _fitting(parts[-1], candidates, settings, rng)
    return candidates[0] if candidates else None


def _fitting(
    last: _Part, candidates: Sequence[_Part], settings: ComposeSettings, rng: np.random.Generator
) -> _Part | None:
    """One that can follow, the more likely the closer its first pose is to the last one."""
    candidates = [part for part in candidates if not _alike(part.source, last.source)]
    if not candidates:
        return None
    end = last.source.poses[last.stop - 1]
    starts = [part.source.poses[part.start] for part in candidates]
    joints = np.stack([pose.joints_m for pose in starts])
    start = Poses(joints, np.stack([pose.velocity_m_s for pose in starts]), end.weight)
    distance = start.distance_m(end)
    level = np.abs(start.lowest_m - end.lowest_m) <= settings.worst_floor_m
    fits = level & (distance <= settings.worst_seam_m)
    if not fits.any():
        return None
    likely = np.where(fits, np.exp((distance[fits].min() - distance) / settings.seam_spread_m), 0)
    return candidates[int(rng.choice(len(candidates), p=likely / likely.sum()))]


def _alike(a: _Source, b: _Source) -> bool:
    """Whether captions of the two say much the same: half of the words that tell what is done."""
    return any(
        2 * len(one.words & other.words) >= len(one.words | other.words)
        for one in a.captions
        for other in b.captions
    )


def _excerpt(
    source: _Source,
    room_s: float,
    share_s: float,
    fps: float,
    settings: ComposeSettings,
    rng: np.random.Generator,
) -> _Part | None:
    """The whole clip or, where it may be cropped, a window of up to `share_s` in which much happens."""
    frames = len(source.clip)
    whole = _Part(source, 0, frames)
    if not source.can_crop:
        return whole if frames <= room_s * fps else None
    least, most = settings.crop_s
    most = max(min(most, share_s), settings.shortest_part_s)
    length = int(rng.uniform(min(least, most), most) * fps)
    if frames <= length:
        return whole
    total = np.concatenate([[0.0], np.cumsum(source.speed_m_s)])
    active = total[length:] - total[:-length]
    # One of the windows about as active as the best, so that a steady walk is cut anywhere.
    start = int(rng.choice(np.flatnonzero(active >= 0.95 * active.max())))
    return _Part(source, start, start + length)


def _clip(
    number: int,
    parts: Sequence[_Part],
    settings: ComposeSettings,
    rng: np.random.Generator,
) -> Clip:
    fps = parts[0].motion.fps
    edges = [k / fps for k in accumulate((len(p) for p in parts), initial=0)]
    times = list(pairwise(edges))
    clips = [p.source.clip for p in parts]
    return Clip(
        clip_id=f"composed-{number:05d}",
        trial=GROUP_JOINT.join(clip.trial for clip in clips),
        group=GROUP_JOINT.join(dict.fromkeys(clip.group for clip in clips)),
        fold=clips[0].fold,
        part=0,
        segment=0,
        start=0,
        stop=sum(len(p) for p in parts),
        captions=_captions(parts, times, settings, rng),
        official_split="",
        description="",
    )


def _captions(
    parts: Sequence[_Part],
    times: Sequence[tuple[float, float]],
    settings: ComposeSettings,
    rng: np.random.Generator,
) -> tuple[Caption, ...]:
    """Variants with other captions of the parts, other connectives, or both."""
    found = {}
    for _ in range(settings.captions):
        texts = [p.source.captions[int(rng.integers(len(p.source.captions)))] for p in parts]
        caption = join_captions(texts, times, rng, settings.details)
        found[caption.text] = caption
    return tuple(found.values())
