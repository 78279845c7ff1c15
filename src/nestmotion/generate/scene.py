"""A scene: what happens when, along which path, through which poses.

Everything is in the scene's own world: metres, Y up, a person with heading 0 faces +Z; headings are in
degrees here, as people type them, and grow to the left (90 faces +X). Times are seconds from the
scene's first frame. Unless the scene says otherwise, it starts over the origin with heading 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nestmotion.core import Motion
from nestmotion.core.errors import SceneError
from nestmotion.features.parts import PARTS

__all__ = [
    "LONGEST_S",
    "MOST_WAYPOINTS",
    "Kept",
    "Keyframe",
    "Path",
    "Prompt",
    "Remaining",
    "Scene",
    "SceneResult",
    "Target",
    "Waypoint",
]

# A scene is made as a whole, in memory; `TextToMotion.stream` goes on for as long as one likes.
LONGEST_S = 600.0
MOST_WAYPOINTS = 2000
STRONGEST = 20.0


@dataclass(frozen=True)
class Prompt:
    """What the person does from start to end.

    end_s: None is the start of the prompt after it, or the scene's end.
    parts: of the body (features/parts.py) that do it; none is all those that no other prompt of that
        time names. Where two prompts overlap and neither says, the text decides ("the right hand").
    strength: guidance, how strictly the text is followed; the bundle's own when None.
    """

    text: str
    start_s: float = 0.0
    end_s: float | None = None
    parts: tuple[str, ...] = ()
    strength: float | None = None

    def __post_init__(self) -> None:
        where = f"prompt {self.text[:40]!r}"
        _check_times(where, self.start_s, self.end_s)
        unknown = [part for part in self.parts if part not in PARTS]
        if unknown:
            raise SceneError(
                f"{where}: there is no body part {unknown[0]!r}; the parts are {', '.join(PARTS)}"
            )
        if self.strength is not None and not 0 <= self.strength <= STRONGEST:
            raise SceneError(f"{where}: strength must be from 0 to 20, not {self.strength:g}")


@dataclass(frozen=True)
class Waypoint:
    """A place on the floor. Without a time, the pace is even between its neighbours that have one;
    without a heading, the text decides where the person looks."""

    x_m: float
    z_m: float
    time_s: float | None = None
    heading_deg: float | None = None

    def __post_init__(self) -> None:
        _check_finite("a waypoint", self.x_m, self.z_m, self.time_s, self.heading_deg)
        if self.time_s is not None and self.time_s < 0:
            raise SceneError(f"a waypoint's time is negative ({self.time_s:g} s)")


@dataclass(frozen=True)
class Path:
    """Where the root goes over the floor, from the first waypoint to the last.

    The first has the scene's start for its time when it has none, the last its end. smooth: a curve
    through the waypoints; straight lines otherwise. facing: "ahead" for people who look where they go
    wherever waypoints have no heading, "free" for text that says otherwise ("walks backwards").
    """

    waypoints: tuple[Waypoint, ...]
    smooth: bool = True
    facing: str = "ahead"

    def __post_init__(self) -> None:
        count = len(self.waypoints)
        if count < 2:
            raise SceneError(f"a path needs two or more waypoints, not {count}")
        if count > MOST_WAYPOINTS:
            raise SceneError(
                f"a path has {count} waypoints, more than {MOST_WAYPOINTS}; leave some out, they are "
                "joined smoothly"
            )
        if self.facing not in ("ahead", "free"):
            raise SceneError(f"a path's facing is 'ahead' or 'free', not {self.facing!r}")
        times = [w.time_s for w in self.waypoints if w.time_s is not None]
        for before, after in pairwise(times):
            if after <= before:
                raise SceneError(
                    f"the path's times are out of order: {after:g} s stands after {before:g} s"
                )


@dataclass(frozen=True)
class Keyframe:
    """A pose that has to be hit.

    pose: a motion of one frame on the bundle's skeleton.
    joints: whose places hold; none is the whole pose, rotations and all.
    placed: the pose is where it stands in the world; otherwise only its shape and height hold, wherever
        the person is by then.
    """

    time_s: float
    pose: Motion
    joints: tuple[str, ...] = ()
    placed: bool = True

    def __post_init__(self) -> None:
        where = f"keyframe at {self.time_s:g} s"
        _check_times(where, self.time_s, None)
        if len(self.pose) != 1:
            raise SceneError(f"{where}: the pose has {len(self.pose)} frames, not one")
        _check_joints(where, self.joints, self.pose)


@dataclass(frozen=True)
class Target:
    """Where in the world a joint has to be at a time, or from then until `end_s`."""

    joint: str
    time_s: float
    position_m: tuple[float, float, float]
    end_s: float | None = None

    def __post_init__(self) -> None:
        where = f"target of {self.joint}"
        _check_times(where, self.time_s, self.end_s)
        _check_finite(where, *self.position_m)
        if len(self.position_m) != 3:
            raise SceneError(f"{where}: a position is x, y and z, not {len(self.position_m)} numbers")


@dataclass(frozen=True)
class Kept:
    """A stretch of another motion that stays as it is, placed in the scene's world.

    motion: cut to what is kept (`motion.frames(a, b)`). start_s: where in the scene it begins.
    parts: only these parts of the body keep their rotations; none is the whole body and its path.
    """

    motion: Motion
    start_s: float = 0.0
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_times("what is kept", self.start_s, None)
        unknown = [part for part in self.parts if part not in PARTS]
        if unknown:
            raise SceneError(f"there is no body part {unknown[0]!r}; the parts are {', '.join(PARTS)}")


@dataclass(frozen=True)
class Scene:
    """What is asked of a motion, all of it together.

    prompts: none at a time leaves the person to the other wishes and to chance.
    seconds: length; None is the end of the last thing in the scene or, for a single prompt without an
        end, what such clips last on average.
    start_from: the scene goes on where this motion ends, in place, pose and movement.
    in_place: the root stays over its first place, as on a treadmill.
    loop: the end joins the beginning without a seam; the root may have moved on.
    """

    prompts: tuple[Prompt, ...] = ()
    seconds: float | None = None
    path: Path | None = None
    keyframes: tuple[Keyframe, ...] = ()
    targets: tuple[Target, ...] = ()
    kept: tuple[Kept, ...] = ()
    start_from: Motion | None = None
    in_place: bool = False
    loop: bool = False

    def __post_init__(self) -> None:
        seconds = self.seconds
        if seconds is not None and not 1.0 <= seconds <= LONGEST_S:
            raise SceneError(
                f"a scene lasts from 1 to {LONGEST_S:g} seconds, not {seconds:g}; "
                "longer motion is streamed (TextToMotion.stream)"
                if seconds > LONGEST_S
                else f"a scene lasts from 1 to {LONGEST_S:g} seconds, not {seconds:g}"
            )


@dataclass(frozen=True)
class Remaining:
    """What is left between a wish and the motion.

    kind: "keyframe", "target", "path", "heading" or "loop". name: which, in words.
    error, worst: mean and largest over its joints or frames, in metres, or in degrees for headings.
    limit: up to which `error` counts as met.
    """

    kind: str
    name: str
    error: float
    worst: float
    limit: float

    @property
    def met(self) -> bool:
        return self.error <= self.limit

    def __str__(self) -> str:
        scale, unit = (1, " degrees") if self.kind == "heading" else (100, " cm")
        return f"{self.name}: off by {scale * self.error:.1f}{unit}"


@dataclass(frozen=True)
class SceneResult:
    """A scene's motion, what is left of each wish, and the motion as it was sampled: before the
    exactness pass and before standing feet were made to stand."""

    motion: Motion
    remaining: tuple[Remaining, ...]
    raw: Motion


def _check_finite(where: str, *values: float | None) -> None:
    if not np.isfinite([value for value in values if value is not None]).all():
        raise SceneError(f"{where}: a number is NaN or infinite")


def _check_times(where: str, start_s: float, end_s: float | None) -> None:
    _check_finite(where, start_s, end_s)
    if start_s < 0:
        raise SceneError(f"{where}: starts before the scene, at {start_s:g} s")
    if end_s is not None and end_s <= start_s:
        raise SceneError(f"{where}: ends at {end_s:g} s, which is not after its start at {start_s:g} s")


def _check_joints(where: str, joints: Iterable[str], pose: Motion) -> None:
    names = pose.skeleton.joint_names
    for joint in joints:
        if joint not in names:
            raise SceneError(f"{where}: there is no joint {joint!r}; the joints are {', '.join(names)}")
