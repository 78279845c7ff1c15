"""The short flags of nestmotion generate that make a scene."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path as FilePath

from nestmotion.core.errors import SceneError, SettingsError
from nestmotion.generate import TextToMotion
from nestmotion.generate.scene import Path, Prompt, Scene, Waypoint
from nestmotion.generate.scene_file import load_on_ours, load_scene
from nestmotion.generate.turns import prompts_by_turns

__all__ = ["scene_of_flags"]

_NUMBER = r"[-+]?\d*\.?\d+"
_AT = re.compile(rf"({_NUMBER})?\s*:\s*({_NUMBER})?\s+(.+)")
_POINT = re.compile(rf"({_NUMBER}),({_NUMBER})(?:@({_NUMBER}))?")


def scene_of_flags(
    text: str | None,
    scene: FilePath | None,
    at: list[str],
    path: str | None,
    start_from: FilePath | None,
    loop: bool,
    in_place: bool,
    by_turns: bool,
    seconds: float | None,
    guidance: float | None,
    model: TextToMotion,
) -> Scene | None:
    """The scene that is asked for; None for a text alone, by turns or not, that can be made in one go.

    Raises SettingsError for flags that exclude each other, SceneError or FormatError for what they say.
    """
    if scene is not None:
        flags = (text is not None, at, path, start_from, loop, in_place, by_turns)
        if any(flags) or seconds is not None:
            raise SettingsError(
                "--scene says everything; leave the text and the flags that describe a scene out"
            )
        return _guided(load_scene(scene, model.bundle.fps), guidance)
    if by_turns and (at or text is None):
        raise SettingsError(
            "--by-turns divides the time among the actions of a text; give a text and leave --at out"
        )
    longest = model.bundle.manifest["seconds"]["longest"]
    long = by_turns and seconds is not None and seconds > longest
    if not (at or path is not None or start_from or loop or in_place or long):
        if text is None:
            raise SettingsError('no text given; say what the person does, e.g. "a person waves"')
        return None
    prompts = [_prompt(one) for one in at]
    if by_turns and text is not None:
        opening = start_from is None
        prompts = list(prompts_by_turns(model, text, seconds, opening=opening))
    elif text is not None:
        ends = [p.end_s for p in prompts if p.end_s is not None]
        end = seconds if seconds is not None else max(ends, default=None) if prompts else None
        prompts.insert(0, Prompt(text, 0.0, end))
    made = Scene(
        tuple(prompts),
        seconds,
        path=None if path is None else _path(path),
        start_from=None if start_from is None else load_on_ours(start_from, model.bundle.fps),
        in_place=in_place,
        loop=loop,
    )
    return _guided(made, guidance)


def _guided(scene: Scene, guidance: float | None) -> Scene:
    """The scene with the guidance for all prompts that have no strength of their own."""
    if guidance is None:
        return scene
    prompts = (p if p.strength is not None else replace(p, strength=guidance) for p in scene.prompts)
    return replace(scene, prompts=tuple(prompts))


def _prompt(text: str) -> Prompt:
    found = _AT.fullmatch(text.strip())
    if found is None:
        raise SceneError(
            f"--at {text!r}: give start and end in seconds and what happens, e.g. "
            '--at "2:4.5 waves the right hand"'
        )
    start, end, what = found.groups()
    return Prompt(what, float(start or 0), None if end is None else float(end))


def _path(text: str) -> Path:
    points = []
    for word in text.split():
        found = _POINT.fullmatch(word)
        if found is None:
            raise SceneError(
                f"--path {word!r}: a waypoint is x,z or x,z@seconds; e.g. --path '0,0 0,3 2,4@6'"
            )
        x, z, time = found.groups()
        points.append(Waypoint(float(x), float(z), None if time is None else float(time)))
    return Path(tuple(points))
