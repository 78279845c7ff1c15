"""The short flags of nestmotion generate that make a scene."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path as FilePath

from nestmotion.core.errors import SceneError, SettingsError
from nestmotion.generate import TextToMotion
from nestmotion.generate.prompt import check_seconds
from nestmotion.generate.scene import LONGEST_S, Path, Prompt, Scene, Waypoint
from nestmotion.generate.scene_check import complete_scene
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

    Raises SettingsError for flags that exclude each other, SceneError or FormatError for what they say,
    PromptError for a length out of range.
    """
    if scene is not None:
        flags = (text is not None, at, path, start_from, loop, in_place)
        if any(flags) or seconds is not None:
            raise SettingsError(
                "--scene says everything; leave the text and the flags that describe a scene out"
            )
        return _guided(load_scene(scene, model.bundle.fps), guidance)
    limits = model.bundle.manifest["seconds"]
    if by_turns and text is not None:
        check_seconds(seconds, limits["shortest"], LONGEST_S)
    long = by_turns and seconds is not None and seconds > limits["longest"]
    if not (at or path is not None or start_from or loop or in_place or long):
        if text is None:
            raise SettingsError('no text given; say what the person does, e.g. "a person waves"')
        return None
    prompts = [_prompt(one) for one in at]
    if text is not None:
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
    if by_turns and text is not None and not at:
        made = _by_turns(made, text, model)
    return _guided(made, guidance)


def _by_turns(scene: Scene, text: str, model: TextToMotion) -> Scene:
    """A scene of one text with the actions of the text one after another, as long as it would be."""
    seconds = scene.seconds
    if seconds is None and scene.path is not None:
        bundle = model.bundle
        seconds = complete_scene(scene, bundle.skeleton, bundle.fps, model.predict_seconds).seconds
    # A loop has no beginning, and what goes on has one.
    opening = scene.start_from is None and not scene.loop
    prompts = prompts_by_turns(model, text, seconds, opening=opening)
    return scene if len(prompts) == 1 else replace(scene, prompts=prompts, seconds=seconds)


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
