"""Several texts on one timeline: every text is denoised over its own stretch of time, and at each step
of the sampler the clean predictions are stitched, by frames and by parts of the body.

After STMC (Petrovich et al., "Multi-Track Timeline Control for Text-Driven 3D Human Motion Generation",
CVPR workshops 2024), with two differences. A window is told its own beginning as the origin, as in
training, and its prediction is put back where the motion around it is; and a window may run over the
end of a loop into its beginning.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from nestmotion.core.noise import signal_and_noise
from nestmotion.core.runs import runs_of
from nestmotion.features import FeatureLayout, Normalizer
from nestmotion.features.known import Known
from nestmotion.features.place import Place
from nestmotion.generate.sampler import Fixed, sampler_steps

__all__ = ["NOBODY", "Denoise", "Timeline", "Window", "sample_timeline", "windows_of"]

# The owner of what no text is about.
NOBODY = -1

# How much a shared frame counts where a window is put: what the windows before it have to say there, 0
# to 1, to this power. The first four frames alone do as well (docs/lab-notebook.md, 2026-11-29).
_EARLIER = 3


@dataclass(frozen=True)
class Window:
    """A stretch of frames that is denoised under one text.

    owner: which text; NOBODY for none.
    frames (N): indices into the timeline, in order; they wrap around in a loop. laps (N): how often.
    weight (N, P): how much the window has to say about each part of the body there. The weights of
        all windows sum to one at every frame and part.
    """

    owner: int
    frames: Int[np.ndarray, "n"]
    laps: Int[np.ndarray, "n"]
    weight: Float[np.ndarray, "n p"]


def windows_of(
    owners: Int[np.ndarray, "p t"], overlap: int, shortest: int, longest: int, loop: bool = False
) -> list[Window]:
    """Windows of a timeline whose part p belongs to text `owners[p, t]` at frame t.

    A text's window reaches `overlap` frames into what is before and after it, where its say fades from
    one to zero. Stretches above `longest` frames are cut in equal ones.
    """
    total = owners.shape[1]
    result = []
    for owner in np.unique(owners):
        for run_start, run_stop in runs_of((owners == owner).any(axis=0)):
            count = -(-(run_stop - run_start) // (longest - 2 * overlap))
            edges = np.linspace(run_start, run_stop, count + 1).round().astype(int)
            for start, stop in itertools.pairwise(edges.tolist()):
                inside = (np.arange(total) >= start) & (np.arange(total) < stop)
                say = _faded((owners == owner) & inside, overlap, loop)
                first, last = start - overlap, stop + overlap
                if not loop:
                    first, last = _within(first, last, shortest, total)
                at = np.arange(first, last)
                result.append(Window(int(owner), at % total, at // total, say[:, at + overlap].T))
    return sorted(result, key=lambda window: int(window.frames[0] + total * window.laps[0]))


def _within(first: int, last: int, shortest: int, total: int) -> tuple[int, int]:
    """The window inside the timeline, lengthened to `shortest` where there is room."""
    first, last = max(first, 0), min(last, total)
    last = min(max(last, first + shortest), total)
    return max(min(first, last - shortest), 0), last


def _faded(mask: Bool[np.ndarray, "p t"], overlap: int, loop: bool) -> Float[np.ndarray, "p u"]:
    """The mask with edges that rise over 2 overlap + 1 frames (a running mean), from `overlap` frames
    before the timeline to as many after it. At the ends of a loop it fades, elsewhere it goes on."""
    kernel = np.full(2 * overlap + 1, 1 / (2 * overlap + 1))
    ends = ((0, 0), (2 * overlap, 2 * overlap))
    padded = np.pad(mask.astype(float), ends, "constant" if loop else "edge")
    return np.stack([np.convolve(row, kernel, "valid") for row in padded])


# (window, noisy (N, F), time, known (N, F)) -> clean (N, F), all normalised, float32.
Denoise = Callable[[Window, np.ndarray, float, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Timeline:
    """What is sampled.

    windows: as `windows_of` makes them. columns (P, F): which features belong to which part.
    known: what the motion keeps to, in the world. guess (T, 3): x, z and heading of the root, as far
        as one can tell beforehand; its first row is where the motion begins.
    pull: changes the clean motion (T, F) of every step, not normalised, towards a wish.
    """

    windows: Sequence[Window]
    columns: Bool[np.ndarray, "p f"]
    known: Known
    guess: Float[np.ndarray, "t 3"]
    loop: bool = False
    pull: Callable[[np.ndarray], np.ndarray] | None = None


def sample_timeline(
    timeline: Timeline,
    denoise: Denoise,
    noise: Float[np.ndarray, "t f"],
    steps: int,
    normalizer: Normalizer,
    layout: FeatureLayout,
    fps: float,
) -> Float[np.ndarray, "t f"]:
    """Features of the whole timeline in its world, not normalised. The steps are those of `sample`,
    and so is the result where one window covers everything."""
    sampling = _Sampling(timeline, normalizer, layout, fps, noise.astype(np.float32))
    fixed = Fixed(timeline.known.features, timeline.known.mask, layout["rotations"])
    before = None
    for now, after, ahead in sampler_steps(steps):
        clean = fixed.fade(sampling.predict(denoise, float(now))[None])[0]
        if timeline.pull is not None:
            clean = timeline.pull(clean)
        middle = clean if before is None else clean + ahead * (clean - before)
        before = clean
        sampling.step(middle, now, after)
    return fixed.put(middle[None])[0]


class _Sampling:
    """The noisy motion of every window, each in the frame of reference of its own beginning."""

    def __init__(
        self,
        timeline: Timeline,
        normalizer: Normalizer,
        layout: FeatureLayout,
        fps: float,
        noise: Float[np.ndarray, "t f"],
    ) -> None:
        self.timeline, self.normalizer, self.layout, self.fps = timeline, normalizer, layout, fps
        self.noisy = [noise[window.frames] for window in timeline.windows]
        self.begin = Place(*(float(v) for v in timeline.guess[0][[2, 0, 1]]))
        self.lap = Place()
        self.places = [
            Place(float(yaw), float(x), float(z))
            for x, z, yaw in (timeline.guess[window.frames[0]] for window in timeline.windows)
        ]
        leads = timeline.columns[:, layout["root_path"]].all(axis=1)
        self.leading = [window.weight[:, leads].max(axis=1) for window in timeline.windows]
        place = np.zeros(layout.size, dtype=bool)
        place[layout["root_path"]] = place[layout["root_heading"]] = True
        self.placed: Bool[np.ndarray, "t"] = np.any(timeline.known.mask & place, axis=1)

    def predict(self, denoise: Denoise, now: float) -> Float[np.ndarray, "t f"]:
        """The clean motion by all windows, stitched, in the world."""
        total = np.zeros_like(self.timeline.known.features)
        said = np.zeros(len(total), dtype=np.float32)
        for k, window in enumerate(self.timeline.windows):
            mask, values = self._known(window, self.places[k])
            self.noisy[k] = np.where(mask, values, self.noisy[k])
            local = self.normalizer.denormalize(denoise(window, self.noisy[k], now, mask))
            place = self._put_back(k, local, total, said)
            weight = (window.weight @ self.timeline.columns).astype(np.float32)
            world = self._unlapped(window, place, local)
            np.add.at(total, window.frames, weight * world)
            np.add.at(said, window.frames, self.leading[k].astype(np.float32))
        return total

    def step(self, middle: Float[np.ndarray, "t f"], now: np.float32, after: np.float32) -> None:
        """From the time `now` to `after`, along the line that joins clean motion and implied noise."""
        signal, sigma = signal_and_noise(now)
        next_signal, next_sigma = signal_and_noise(after)
        if self.timeline.loop:
            start = Place.of(middle[0], self.layout)
            self.lap = Place.after(middle[-1], self.layout, self.fps) @ start.inverse()
        for k, window in enumerate(self.timeline.windows):
            first = self._lapped(int(window.laps[0])) @ Place.of(middle[window.frames[0]], self.layout)
            begins = not self.timeline.loop and window.frames[0] == 0
            self.places[k] = self.begin if begins else first
            local = self.normalizer.normalize(self._local(window, self.places[k], middle))
            noise = (self.noisy[k] - signal * local) / sigma
            self.noisy[k] = (next_signal * local + next_sigma * noise).astype(np.float32)

    def _known(self, window: Window, place: Place) -> tuple[np.ndarray, np.ndarray]:
        values = self._local(window, place, self.timeline.known.features)
        return self.timeline.known.mask[window.frames], self.normalizer.normalize(values)

    def _lapped(self, laps: int) -> Place:
        """Where the lap begins that is so many before or after the first."""
        step = self.lap if laps > 0 else self.lap.inverse()
        place = Place()
        for _ in range(abs(laps)):
            place = step @ place
        return place

    def _local(self, window: Window, place: Place, world: np.ndarray) -> Float[np.ndarray, "n f"]:
        """The window's frames of the world, as seen from the window's place."""
        result, back = np.empty((len(window.frames), world.shape[1]), dtype=np.float32), place.inverse()
        for lap in np.unique(window.laps):
            there = window.laps == lap
            move = back @ self._lapped(int(lap))
            result[there] = move.features(world[window.frames[there]], self.layout)
        return result

    def _unlapped(self, window: Window, place: Place, local: np.ndarray) -> Float[np.ndarray, "n f"]:
        """The inverse of `_local`."""
        result = np.empty_like(local)
        for lap in np.unique(window.laps):
            there = window.laps == lap
            move = self._lapped(int(lap)).inverse() @ place
            result[there] = move.features(local[there], self.layout)
        return result

    def _put_back(self, k: int, local: np.ndarray, total: np.ndarray, said: np.ndarray) -> Place:
        """Where a window's prediction belongs: where the windows before it lead, unless its own place
        is known; by least squares over the frames that they share, of which those count that are
        theirs rather than the window's: once it has begun to turn it is not to be turned back."""
        window, place = self.timeline.windows[k], self.places[k]
        shared = said[window.frames] ** _EARLIER * (self.leading[k] > 0) * (window.laps == 0)
        if window.frames[0] == 0 or self.placed[window.frames].any() or shared.sum() <= 0:
            return place
        path, heading = self.layout["root_path"], self.layout["root_heading"]
        there = total[window.frames] / np.maximum(said[window.frames], 1e-6)[:, None]
        turn = ((local[:, heading] @ [1, -1j]) * (there[:, heading] @ [1, 1j]) * shared).sum()
        yaw = float(np.angle(turn)) if abs(turn) > 1e-9 else place.yaw_rad
        shift = there[:, path] - Place(yaw).point(local[:, path])
        x, z = (shift * shared[:, None]).sum(axis=0) / shared.sum()
        return Place(yaw, float(x), float(z))
