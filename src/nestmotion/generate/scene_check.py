"""What a scene leaves open is filled in, and what contradicts itself is refused by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nestmotion.core import Motion, Skeleton
from nestmotion.core.errors import SceneError
from nestmotion.features.parts import PARTS, parts_named
from nestmotion.generate.path import path_length_m
from nestmotion.generate.scene import Kept, Keyframe, Path, Prompt, Scene, Target

__all__ = ["complete_scene", "replaces"]

# A path without times is walked at this pace.
PACE_M_S = 0.9
# Two wishes for one joint at one moment that differ by less are one wish.
SAME_M = 0.005

_EPS = 1e-6


def complete_scene(
    scene: Scene, skeleton: Skeleton, fps: float, predict_seconds: Callable[[str], float]
) -> Scene:
    """The scene with its seconds, every prompt's end and parts, and the first and last waypoint's time,
    prompts in order of time.

    Raises SceneError naming the first contradiction: times beyond the end, overlapping prompts for one
    part of the body, motion on another skeleton, wishes that exclude each other.
    """
    _check_motions(scene, skeleton, fps)
    path, seconds = scene.path, scene.seconds
    if seconds is None and path is not None and path.waypoints[-1].time_s is None:
        start = max([w.time_s for w in path.waypoints if w.time_s is not None], default=0.0)
        walk = round(start + path_length_m(path) / PACE_M_S, 1)
        # A prompt without an end has a second at least.
        told = [p.start_s + 1.0 if p.end_s is None else p.end_s for p in scene.prompts]
        seconds = max(1.0, walk, *told, *_last_times(scene, fps))
        scene = replace(scene, seconds=seconds)
    prompts = _with_ends(scene, fps, predict_seconds)
    if seconds is None:
        ends = [*(p.end_s for p in prompts), *_last_times(scene, fps)]
        if not ends:
            raise SceneError("the scene is empty: it has no prompt, path, keyframe, target or length")
        seconds = max(1.0, round(max(e for e in ends if e is not None), 6))
    scene = replace(scene, seconds=seconds, prompts=_with_parts(prompts))
    if scene.path is not None:
        scene = replace(scene, path=_timed(scene.path, seconds))
    _check_ends(scene, seconds, fps)
    _check_wishes(scene, seconds, fps)
    return scene


def _check_motions(scene: Scene, skeleton: Skeleton, fps: float) -> None:
    for where, motion, timed in (
        *((f"keyframe at {k.time_s:g} s", k.pose, False) for k in scene.keyframes),
        *(("what is kept", k.motion, True) for k in scene.kept),
        *(("what the scene starts from", m, True) for m in (scene.start_from,) if m is not None),
    ):
        _check_motion(where, motion, skeleton, fps if timed else None)
    for target in scene.targets:
        if target.joint not in skeleton.joint_names:
            raise SceneError(
                f"target: there is no joint {target.joint!r}; the joints are "
                f"{', '.join(skeleton.joint_names)}"
            )


def _check_motion(where: str, motion: Motion, skeleton: Skeleton, fps: float | None) -> None:
    if motion.skeleton != skeleton:
        raise SceneError(
            f"{where}: the motion is on another skeleton; put it on ours first, with "
            "nestmotion convert --retarget"
        )
    if fps is not None and motion.fps != fps:
        raise SceneError(f"{where}: the motion has {motion.fps:g} frames a second, not {fps:g}")


def _with_ends(scene: Scene, fps: float, predict_seconds: Callable[[str], float]) -> list[Prompt]:
    """In order of time, each with its end: that of the next prompt for any of its parts, or the
    scene's, or what such clips last."""
    ordered = sorted(scene.prompts, key=lambda p: p.start_s)
    result = []
    for k, prompt in enumerate(ordered):
        if prompt.end_s is None:
            rivals = [q.start_s for q in ordered[k + 1 :] if replaces(q, prompt)]
            end = min(rivals) if rivals else scene.seconds
            if end is None:
                ends = [*(q.end_s for q in ordered if q.end_s is not None), *_last_times(scene, fps)]
                # A path that has an end says how long the scene is.
                if scene.path is None or prompt.start_s >= max(ends):
                    ends.append(prompt.start_s + predict_seconds(prompt.text))
                end = max(ends)
            if end <= prompt.start_s:
                raise SceneError(_beyond(_named(prompt), prompt.start_s, end))
            prompt = replace(prompt, end_s=end)
        result.append(prompt)
    return result


def replaces(later: Prompt, earlier: Prompt) -> bool:
    """Whether a prompt without an end ends where another begins: it is for the same parts."""
    same = bool(later.parts) == bool(earlier.parts)
    shared = not later.parts or bool(set(later.parts) & set(earlier.parts))
    return later.start_s > earlier.start_s + _EPS and same and shared


def _last_times(scene: Scene, fps: float) -> list[float]:
    times = [k.time_s + 1 / fps for k in scene.keyframes]
    times += [(t.time_s if t.end_s is None else t.end_s) + 1 / fps for t in scene.targets]
    times += [k.start_s + k.motion.duration_s for k in scene.kept]
    if scene.path is not None:
        times += [w.time_s for w in scene.path.waypoints if w.time_s is not None]
    return times


def _with_parts(prompts: list[Prompt]) -> tuple[Prompt, ...]:
    """Parts from the text for prompts that overlap others and name none themselves."""
    pairs = [(p, q) for p, q in itertools.combinations(prompts, 2) if _overlap(p, q) is not None]
    unsure = {id(p) for pair in pairs if not any(p.parts for p in pair) for p in pair}
    settled = {id(p): replace(p, parts=parts_named(p.text)) if id(p) in unsure else p for p in prompts}
    for p, q in pairs:
        first, second = settled[id(p)], settled[id(q)]
        shared = (set(first.parts) & set(second.parts)) if first.parts and second.parts else set()
        if shared or not (first.parts or second.parts):
            what = " and the ".join(part for part in PARTS if part in shared) or "whole body"
            start, end = _overlap(p, q) or (0.0, 0.0)
            raise SceneError(
                f"{_named(p)} and {_named(q)} overlap from {start:g} to {end:g} s and both move the "
                f"{what}; give them different parts ({', '.join(PARTS)}) or times"
            )
    return tuple(settled[id(p)] for p in prompts)


def _overlap(p: Prompt, q: Prompt) -> tuple[float, float] | None:
    start, end = max(p.start_s, q.start_s), min(p.end_s or 0.0, q.end_s or 0.0)
    return (start, end) if end > start + _EPS else None


def _timed(path: Path, seconds: float) -> Path:
    first, *between, last = path.waypoints
    if first.time_s is None:
        first = replace(first, time_s=0.0)
    if last.time_s is None:
        last = replace(last, time_s=seconds)
    return replace(path, waypoints=(first, *between, last))  # refuses times that are now out of order


def _check_ends(scene: Scene, seconds: float, fps: float) -> None:
    """Whatever has a time has it within the scene."""
    times: list[tuple[str, float | None]] = []
    times += [(_named(p), p.end_s) for p in scene.prompts]
    times += [(f"keyframe at {k.time_s:g} s", k.time_s) for k in scene.keyframes]
    times += [(_named(t), t.time_s if t.end_s is None else t.end_s) for t in scene.targets]
    times += [("what is kept", k.start_s + k.motion.duration_s) for k in scene.kept]
    if scene.path is not None:
        times += [("a waypoint", w.time_s) for w in scene.path.waypoints]
    for where, time in times:
        if time is not None and time > seconds + 0.5 / fps:
            raise SceneError(_beyond(where, time, seconds))


def _beyond(where: str, time: float, seconds: float) -> str:
    return f"{where}: {time:g} s is beyond the end of the scene at {seconds:g} s"


def _check_wishes(scene: Scene, seconds: float, fps: float) -> None:
    if scene.loop and (scene.start_from is not None or scene.kept):
        raise SceneError("a loop has no beginning that could be given; leave the loop or the start out")
    if scene.in_place and scene.path is not None:
        raise SceneError("a scene cannot go along a path and stay in place; leave one of them out")
    if scene.in_place and any(k.placed for k in scene.keyframes):
        raise SceneError("keyframes that have a place contradict staying in place; leave one out")
    if scene.in_place and any(not k.parts or "legs" in k.parts for k in scene.kept):
        raise SceneError("what is kept with its path contradicts staying in place; leave one out")
    _check_kept(scene.kept)

    def frame(time_s: float) -> int:
        return min(round(time_s * fps), max(round(seconds * fps), 1) - 1)

    _check_targets(scene.targets, frame)
    _check_keyframes(scene.keyframes, scene.kept, frame)


def _check_kept(kept: tuple[Kept, ...]) -> None:
    for a, b in itertools.combinations(kept, 2):
        start = max(a.start_s, b.start_s)
        end = min(k.start_s + k.motion.duration_s for k in (a, b))
        shared = [p for p in PARTS if all(not k.parts or p in k.parts for k in (a, b))]
        if shared and end > start + _EPS:
            raise SceneError(
                f"two kept stretches overlap from {start:g} to {end:g} s and both keep the "
                f"{' and the '.join(shared)}; cut one of them"
            )


def _check_targets(targets: tuple[Target, ...], frame: Callable[[float], int]) -> None:
    def last(target: Target) -> int:
        return frame(target.time_s if target.end_s is None else target.end_s)

    for a, b in itertools.combinations(targets, 2):
        meet = max(frame(a.time_s), frame(b.time_s)) <= min(last(a), last(b))
        if meet and a.joint == b.joint:
            apart = np.linalg.norm(np.subtract(a.position_m, b.position_m))
            if apart > SAME_M:
                raise SceneError(
                    f"{_named(a)} and {_named(b)} are {apart:.2g} m apart at the same time; "
                    "leave one of them out"
                )


def _check_keyframes(
    keyframes: tuple[Keyframe, ...], kept: tuple[Kept, ...], frame: Callable[[float], int]
) -> None:
    for key, k in itertools.product(keyframes, kept):
        if not k.parts and 0 <= frame(key.time_s) - frame(k.start_s) < len(k.motion):
            raise SceneError(
                f"keyframe at {key.time_s:g} s: stands in a stretch that is kept; leave one of them out"
            )
    for a, b in itertools.combinations(keyframes, 2):
        same = frame(a.time_s) == frame(b.time_s)
        if same and (not a.joints or not b.joints or set(a.joints) & set(b.joints)):
            raise SceneError(
                f"two keyframes stand at {a.time_s:g} s for the same joints; leave one of them out"
            )


def _named(what: Prompt | Target) -> str:
    if isinstance(what, Target):
        return f"target of {what.joint} at {what.time_s:g} s"
    return f"prompt {what.text[:40]!r}"
