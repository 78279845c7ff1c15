"""Motion without end: made a chunk at a time, each going on where the one before ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from nestmotion.core import Motion
from nestmotion.core.edit import concatenate, move
from nestmotion.core.errors import SceneError
from nestmotion.features.place import Place
from nestmotion.generate.plan import LEAD_S
from nestmotion.generate.prompt import check_prompt
from nestmotion.generate.scene import Prompt, Scene
from nestmotion.generate.scene_check import replaces

if TYPE_CHECKING:
    from nestmotion.generate.pipeline import TextToMotion

__all__ = ["CHUNK_S", "MotionStream"]

# So much is handed out at a time, and so much more is made and thrown away: what comes next shapes how
# a movement begins, and a foot's stance is known once it has ended.
CHUNK_S = 2.0
AHEAD_S = 1.0


class MotionStream(Iterator[Motion]):
    """An iterator of chunks of CHUNK_S seconds in one world, without overlap; memory stays constant.

    With one text it never ends; with prompts it ends after the last (whose chunk may be shorter).
    """

    def __init__(
        self,
        model: TextToMotion,
        text: str | Iterable[Prompt],
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        postprocess: bool = True,
        start_from: Motion | None = None,
    ) -> None:
        self._model, self._seed, self._steps = model, seed, steps
        self._guidance, self._postprocess = guidance, postprocess
        self._before = start_from
        self._chunks = 0
        self._coming: Iterator[Prompt] = iter(())
        self._next: Prompt | None = None
        self._now: list[Prompt] = []
        self.frames = 0
        if isinstance(text, str):
            self.say(text)
        else:
            self._coming = iter(text)
            self._next = next(self._coming, None)

    @property
    def seconds(self) -> float:
        """How much has been handed out."""
        return self.frames / self._model.bundle.fps

    def say(self, text: str, strength: float | None = None) -> None:
        """From the next chunk on the person does this, and no longer what was planned.

        strength: guidance; the stream's own when None. Raises PromptError as `generate` does.
        """
        prompt = Prompt(
            check_prompt(text, self._model.encoder), start_s=self.seconds, strength=strength
        )
        self._now, self._next, self._coming = [prompt], None, iter(())

    def __next__(self) -> Motion:
        fps = self._model.bundle.fps
        self._read_on(self.seconds + CHUNK_S + AHEAD_S)
        rest = self._rest_s()
        if rest * fps < 0.5:
            raise StopIteration
        scene = Scene(self._prompts(), seconds=CHUNK_S + AHEAD_S)
        home, scene = self._at_home(scene)
        made = self._model.scene(
            scene, self._seed, self._chunks, self._steps, postprocess=self._postprocess
        )
        chunk = made.motion.frames(0, round(min(CHUNK_S, rest) * fps))
        chunk = move(chunk, home.yaw_rad, (home.x_m, 0.0, home.z_m))
        lead = round(LEAD_S * fps)
        known = [self._before] if self._before is not None else []
        self._before = concatenate([*known, chunk], align=False)
        self._before = self._before.frames(max(len(self._before) - lead, 0), len(self._before))
        self.frames += len(chunk)
        self._chunks += 1
        return chunk.with_metadata(chunk=self._chunks - 1)

    def _at_home(self, scene: Scene) -> tuple[Place, Scene]:
        """The scene near the origin, where numbers are exact, and the place that it is made for."""
        if self._before is None:
            return Place(), scene
        home = Place.at(self._before, -1)
        back = home.inverse()
        start = move(self._before, back.yaw_rad, (back.x_m, 0.0, back.z_m))
        return home, replace(scene, start_from=start)

    def _read_on(self, until_s: float) -> None:
        """The prompts that have begun by then, without those that are over."""
        while self._next is not None and self._next.start_s < until_s:
            if self._now and self._next.start_s < self._now[-1].start_s:
                raise SceneError(
                    f"prompt {self._next.text[:40]!r} begins at {self._next.start_s:g} s, before the "
                    "one that stands before it"
                )
            self._now.append(self._next)
            self._next = next(self._coming, None)
        self._now = [p for k, p in enumerate(self._now) if self._end_s(k) > self.seconds + 1e-6]

    def _end_s(self, k: int) -> float:
        """The end of a prompt in `_now`: its own, or the beginning of the next for any of its parts."""
        prompt, after = self._now[k], [*self._now[k + 1 :], self._next]
        if prompt.end_s is not None:
            return prompt.end_s
        return min((q.start_s for q in after if q and replaces(q, prompt)), default=float("inf"))

    def _rest_s(self) -> float:
        if self._next is not None:
            return float("inf")
        return max((self._end_s(k) for k in range(len(self._now))), default=0.0) - self.seconds

    def _prompts(self) -> tuple[Prompt, ...]:
        """What happens in the coming chunk and the time ahead of it, in its own time."""
        now, last = self.seconds, CHUNK_S + AHEAD_S
        result = []
        for k, prompt in enumerate(self._now):
            start, end = max(prompt.start_s - now, 0.0), min(self._end_s(k) - now, last)
            strength = self._guidance if prompt.strength is None else prompt.strength
            if end - start > 0.5 / self._model.bundle.fps:
                result.append(replace(prompt, start_s=start, end_s=end, strength=strength))
        return tuple(result)
