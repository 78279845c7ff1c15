"""What the control experiment asks for: test clips in a fixed order, and scenes made of them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize
from nestmotion.core.errors import SettingsError
from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.evaluation import measures
from nestmotion.evaluation.chosen import caption_of, check_bundle_unseen, chosen_clips
from nestmotion.evaluation.evaluator import Evaluator
from nestmotion.evaluation.motion_inputs import FPS
from nestmotion.generate import TextToMotion
from nestmotion.generate.scene import Keyframe, Path, Prompt, Scene, Target, Waypoint
from nestmotion.text.nodes import CUES

__all__ = ["CONTROLS", "Bench", "Control", "control_scene", "overlap_texts", "seed_of"]

SHORTEST_S = 2.0
_WAYPOINT_FRAMES = 5


@dataclass(frozen=True)
class Bench:
    """What every case is made from: corpus, model and judge, and the test clips in their order."""

    corpus: PreparedCorpus
    model: TextToMotion
    judge: Evaluator
    clips: tuple[Clip, ...]
    minutes: int = 10

    @classmethod
    def of(
        cls, corpus: PreparedCorpus, model: TextToMotion, judge: Evaluator, minutes: int = 10
    ) -> Bench:
        """Test clips of SHORTEST_S and more, in an order drawn by their ids.

        Raises SettingsError when evaluator or bundle have seen them, or when there are not two.
        """
        limits = model.bundle.manifest["seconds"]
        clips = chosen_clips(corpus, "test", judge.record)
        judge.check_unseen(clips)
        check_bundle_unseen(model, clips, "test")
        model.bundle.check_controllable()
        fits = [c for c in clips if SHORTEST_S <= len(c) / corpus.fps <= limits["longest"]]
        if len(fits) < 2:
            raise SettingsError(f"{corpus.folder}: not two test clips of {SHORTEST_S:g} s and more")
        key = {c.clip_id: hashlib.sha256(f"control {c.clip_id}".encode()).digest() for c in fits}
        return cls(corpus, model, judge, tuple(sorted(fits, key=lambda c: key[c.clip_id])), minutes)

    def clip(self, case: int) -> Clip:
        return self.clips[case % len(self.clips)]

    def reference(self, clip: Clip) -> Motion:
        """The clip, from over the origin with heading 0."""
        return canonicalize(self.corpus.motion(clip))

    @cached_property
    def speed_limit_m_s(self) -> np.ndarray:
        return np.array(self.judge.record["joint_speed_limit_m_s"])

    @cached_property
    def usual_jerk_m_s3(self) -> float:
        """Mean over frames of the test clips of the largest joint's jerk."""
        jerks = [
            measures.joint_jerk_m_s3(self.corpus.motion(c).positions_m, FPS).max(axis=1)
            for c in self.clips
        ]
        return float(np.concatenate(jerks).mean())

    @cached_property
    def plain_texts(self) -> tuple[str, ...]:
        """Captions of one action of at most ten words, in the clips' order, each once."""
        found = dict.fromkeys(
            text
            for text in (" ".join(caption_of(c).split()) for c in self.clips)
            if len(text.split()) <= 10 and len(self._actions(text)) == 1
        )
        if len(found) < 2:
            raise SettingsError(f"{self.corpus.folder}: not two test captions of one action")
        return tuple(found)

    def _actions(self, text: str) -> Sequence[object]:
        return self.model.read_tree(text, self.model.encoder.encode([text])).actions


def seed_of(part: str, case: int) -> int:
    """The seed of a case, the same however many cases there are."""
    return zlib.crc32(f"control {part} {case}".encode())


@dataclass(frozen=True)
class Control:
    """A kind of wish: which frames and joints of the reference (None for all, or all frames), and
    whether its path and heading."""

    title: str
    keyframes: int = 0
    joints: tuple[str, ...] = ()
    path: bool = False
    heading: bool = False


CONTROLS = {
    "keyframes-1": Control("1 keyframe", 1),
    "keyframes-2": Control("2 keyframes", 2),
    "keyframes-5": Control("5 keyframes", 5),
    "keyframes-20": Control("20 keyframes", 20),
    "wrist": Control("3 wrist targets", 3, ("left_wrist", "right_wrist")),
    "foot": Control("3 foot targets", 3, ("left_ankle", "right_ankle")),
    "path": Control("root path", path=True),
    "path-heading": Control("root path and heading", path=True, heading=True),
}


def control_scene(
    control: Control, reference: Motion, text: str, case: int
) -> tuple[Scene, tuple[int, ...], tuple[str, ...]]:
    """The scene that asks for parts of the reference, with its frames and joints.

    Keyframes are spread evenly from first to last frame, one alone is the middle; targets are of one
    side's joint, at times spread evenly inside the clip.
    """
    total, fps = len(reference), reference.fps
    prompt, seconds = (Prompt(text),), total / fps
    if control.path:
        path = _path(reference, control.heading)
        return Scene(prompt, seconds, path=path), (), ()
    count = min(control.keyframes, total)
    if not control.joints:
        frames = [total // 2] if count == 1 else np.linspace(0, total - 1, count).round()
        chosen = tuple(int(f) for f in frames)
        poses = tuple(Keyframe(f / fps, reference.frames(f, f + 1)) for f in chosen)
        return Scene(prompt, seconds, keyframes=poses), chosen, ()
    joint = control.joints[case % len(control.joints)]
    inner = np.linspace(0, total - 1, count + 2).round()[1:-1]
    chosen = tuple(int(f) for f in inner)
    place = reference.joint_m(joint)
    x, y, z = (place[list(chosen)][:, k].tolist() for k in range(3))
    targets = tuple(
        Target(joint, f / fps, p) for f, p in zip(chosen, zip(x, y, z, strict=True), strict=True)
    )
    return Scene(prompt, seconds, targets=targets), chosen, (joint,)


def _path(reference: Motion, heading: bool) -> Path:
    last = len(reference) - 1
    frames = sorted({*range(0, last, _WAYPOINT_FRAMES), last})
    turned = np.degrees(reference.heading_rad)
    points = [
        Waypoint(
            float(reference.root_m[f, 0]),
            float(reference.root_m[f, 2]),
            f / reference.fps,
            float(turned[f]) if heading else None,
        )
        for f in frames
    ]
    return Path(tuple(points), facing="free")


def overlap_texts(bench: Bench) -> tuple[list[str], list[str]]:
    """Captions of what legs do, and of what arms do."""
    legs_words, arm_words = CUES["walk"] | CUES["run"] | CUES["foot"], CUES["hand"]
    moving = legs_words | CUES["jump"] | CUES["kick"] | CUES["turn"] | CUES["dance"] | CUES["torso"]
    legs, arms = [], []
    for text in bench.plain_texts:
        words = set(text.lower().replace(",", " ").replace(".", " ").split())
        if words & legs_words and not words & arm_words:
            legs.append(text)
        elif words & arm_words and not words & moving:
            arms.append(text)
    if not legs or not arms:
        raise SettingsError(f"{bench.corpus.folder}: no test captions of what legs, or arms, do")
    return legs, arms
