"""Scenes as JSON files (docs/control.md lists every field)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import move, resample
from nestmotion.core.errors import FormatError, NestmotionError, SceneError
from nestmotion.generate.scene import Kept, Keyframe, Path, Prompt, Scene, Target, Waypoint
from nestmotion.io import load_motion

__all__ = ["load_on_ours", "load_scene", "read_scene"]

# No scene has a number beyond it, in metres, seconds or degrees.
LARGEST = 1e6


def load_scene(path: FilePath, fps: float = 20.0) -> Scene:
    """The scene of a JSON file. Motion files in it are found from the file's own folder.

    fps: the model's frame rate; motion files are resampled to it.
    Raises FormatError, one line with the file's name and the field, for anything that cannot be read
    or contradicts itself.
    """
    try:
        data = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise FormatError(path, f"cannot be read: {(error.strerror or str(error)).lower()}") from None
    except json.JSONDecodeError as error:
        raise FormatError(path, f"is not JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        raise FormatError(path, "is not a scene: it is nested too deep") from None
    except UnicodeDecodeError:
        raise FormatError(path, "is not text in UTF-8") from None
    try:
        return read_scene(data, path.parent, fps)
    except FormatError:
        raise
    except NestmotionError as error:
        raise FormatError(path, str(error)) from None


def read_scene(data: Any, folder: FilePath, fps: float = 20.0) -> Scene:
    """The scene of parsed JSON. Raises SceneError naming the field, FormatError for a motion file."""
    get = _Fields(data, "scene")

    def each(name: str, make: Callable[[_Fields], Any]) -> tuple[Any, ...]:
        rows = get.take(name, list, [])
        return tuple(make(_Fields(row, f"{name}[{k}]")) for k, row in enumerate(rows))

    start = get.take("start_from", str, None)
    path = get.take("path", (dict, list), None)
    scene = Scene(
        prompts=each("prompts", _prompt),
        seconds=get.number("seconds", None),
        path=None if path is None else _path(path),
        keyframes=each("keyframes", lambda row: _keyframe(row, folder, fps)),
        targets=each("targets", _target),
        kept=each("keep", lambda row: _kept(row, folder, fps)),
        start_from=None if start is None else load_on_ours(folder / start, fps),
        in_place=get.take("in_place", bool, False),
        loop=get.take("loop", bool, False),
    )
    get.done()
    return scene


def load_on_ours(path: FilePath, fps: float | None = None) -> Motion:
    """A motion file on the canonical skeleton, its joints in our order, resampled to `fps`.

    Raises FormatError when its skeleton is another one.
    """
    motion, ours = load_motion(path), canonical_skeleton()
    if motion.skeleton != ours:
        names = motion.skeleton.joint_names
        if not set(ours.joint_names) <= set(names):
            raise FormatError(path, "is on another skeleton; put it on ours first, with --retarget")
        order = [motion.skeleton.index(name) for name in ours.joint_names]
        offsets = motion.skeleton.offsets_m[order]
        if not np.allclose(offsets[1:], ours.offsets_m[1:], atol=1e-3):
            raise FormatError(path, "is on another skeleton; put it on ours first, with --retarget")
        motion = replace(
            motion, skeleton=ours, quat_local_xyzw=motion.quat_local_xyzw[:, order], metadata={}
        )
    return motion if fps is None else resample(motion, fps)


class _Fields:
    """The fields of one JSON object, each taken once; what nobody took is a mistake."""

    def __init__(self, data: Any, where: str) -> None:
        if not isinstance(data, dict):
            raise SceneError(f"{where}: must be an object in braces, not {_kind(data)}")
        self.data, self.where, self.taken = data, where, set[str]()

    def take(self, name: str, kind: type | tuple[type, ...], *default: Any) -> Any:
        """A field of a type; without a default it must be there."""
        self.taken.add(name)
        value = self.data.get(name)
        if value is None:
            if not default:
                raise SceneError(f"{self.where}: lacks {name!r}")
            return default[0]
        if not isinstance(value, kind):
            raise SceneError(f"{self.where}: {name!r} cannot be {_kind(value)}")
        return value

    def number(self, name: str, *default: Any) -> Any:
        value = self.take(name, (int, float), *default)
        if isinstance(value, bool):
            raise SceneError(f"{self.where}: {name!r} cannot be {_kind(value)}")
        return value if value is None else _number(value, f"{self.where}: {name!r}")

    def numbers(self, name: str, count: int, *default: Any) -> Any:
        value = self.take(name, list, *default)
        return value if value is None else _numbers(value, count, f"{self.where}: {name!r}")

    def names(self, name: str) -> tuple[str, ...]:
        value = self.take(name, list, [])
        if not all(isinstance(item, str) for item in value):
            raise SceneError(f"{self.where}: {name!r} must be a list of names")
        return tuple(value)

    def done(self) -> None:
        left = [name for name in self.data if name not in self.taken]
        if left:
            raise SceneError(
                f"{self.where}: there is no field {left[0]!r}; the fields are "
                f"{', '.join(sorted(self.taken))}"
            )


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _numbers(value: Sequence[Any], count: int, where: str) -> tuple[float, ...]:
    right = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in value)
    if len(value) != count or not right:
        raise SceneError(f"{where} must be {count} numbers")
    return tuple(_number(x, where) for x in value)


def _number(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= LARGEST:
        raise SceneError(f"{where} is NaN, infinite or over a million")
    return number


def _prompt(row: _Fields) -> Prompt:
    prompt = Prompt(
        row.take("text", str),
        row.number("start", 0.0),
        row.number("end", None),
        row.names("parts"),
        row.number("strength", None),
    )
    row.done()
    return prompt


def _path(data: dict | list) -> Path:
    """{"waypoints": [...], "smooth", "facing"}, or the list of waypoints alone."""
    row = _Fields({"waypoints": data} if isinstance(data, list) else data, "path")
    points = []
    for k, point in enumerate(row.take("waypoints", list)):
        where = f"path.waypoints[{k}]"
        if isinstance(point, list):
            points.append(Waypoint(*_numbers(point, 2, where)))
        else:
            one = _Fields(point, where)
            x, z = one.number("x"), one.number("z")
            points.append(Waypoint(x, z, one.number("time", None), one.number("heading", None)))
            one.done()
    path = Path(tuple(points), row.take("smooth", bool, True), row.take("facing", str, "ahead"))
    row.done()
    return path


def _target(row: _Fields) -> Target:
    target = Target(
        row.take("joint", str), row.number("time"), row.numbers("position", 3), row.number("end", None)
    )
    row.done()
    return target


def _keyframe(row: _Fields, folder: FilePath, fps: float) -> Keyframe:
    """A pose from a file at a time of it, or from numbers; moved to a position and heading if given."""
    file = row.take("file", str, None)
    if file is None:
        pose = _pose(_Fields(row.take("pose", dict), f"{row.where}.pose"))
        row.taken.update(("file", "at"))
    else:
        if row.take("pose", dict, None) is not None:
            raise SceneError(f"{row.where}: has a 'file' and a 'pose'; leave one of them out")
        at, motion = row.number("at", 0.0), load_on_ours(folder / file, fps)
        frame = round(at * fps)
        if not 0 <= frame < len(motion):
            raise SceneError(
                f"{row.where}: {file} has no moment {at:g} s; it lasts {motion.duration_s:g} s"
            )
        pose = motion.frames(frame, frame + 1)
    position, heading = row.numbers("position", 2, None), row.number("heading", None)
    placed = row.take("placed", bool, position is not None)
    if not placed and (position is not None or heading is not None):
        raise SceneError(
            f"{row.where}: a 'heading' holds where the pose has a place; give a 'position', or "
            '"placed": true for where it stands in the file'
            if position is None
            else f"{row.where}: has a 'position' and is not 'placed'; leave one of them out"
        )
    if placed:
        x, _, z = pose.root_m[0]
        turn = 0.0 if heading is None else float(np.radians(heading)) - float(pose.heading_rad[0])
        pose = move(pose, 0.0, (-x, 0.0, -z))
        at_x, at_z = (x, z) if position is None else position
        pose = move(pose, turn, (float(at_x), 0.0, float(at_z)))
    keyframe = Keyframe(row.number("time"), pose, row.names("joints"), placed)
    row.done()
    return keyframe


def _pose(row: _Fields) -> Motion:
    """{"root": [x, y, z], "rotations": {joint: [x, y, z, w]}}; joints left out are at rest."""
    skeleton = canonical_skeleton()
    quat = np.tile((0.0, 0.0, 0.0, 1.0), (1, len(skeleton), 1))
    for name, value in row.take("rotations", dict, {}).items():
        if name not in skeleton.joint_names:
            raise SceneError(f"{row.where}: there is no joint {name!r}")
        if not isinstance(value, list):
            raise SceneError(f"{row.where}: {name!r} must be 4 numbers")
        quat[0, skeleton.index(name)] = _numbers(value, 4, f"{row.where}: {name!r}")
    root = row.numbers("root", 3)
    row.done()
    return Motion(skeleton, 20.0, np.array([root]), quat)


def _kept(row: _Fields, folder: FilePath, fps: float) -> Kept:
    """A stretch of a motion file, from `from` to `to` of it."""
    file = row.take("file", str)
    motion = load_on_ours(folder / file, fps)
    first, last = row.number("from", 0.0), row.number("to", motion.duration_s)
    if not 0 <= round(first * fps) < round(last * fps) <= len(motion):
        raise SceneError(
            f"{row.where}: {file} has no stretch from {first:g} to {last:g} s; it lasts "
            f"{motion.duration_s:g} s"
        )
    kept = Kept(
        motion.frames(round(first * fps), round(last * fps)),
        row.number("start", 0.0),
        row.names("parts"),
    )
    row.done()
    return kept
