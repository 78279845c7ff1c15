"""nestmotion generate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro

from nestmotion.cli.scene_flags import scene_of_flags
from nestmotion.core.errors import SettingsError
from nestmotion.generate import TextToMotion
from nestmotion.generate.alignment_map import check_map_output
from nestmotion.generate.prompt import MOST_SAMPLES, check_request
from nestmotion.generate.scene import Scene
from nestmotion.io import check_output, save_motion

__all__ = ["run"]


def run(
    text: tyro.conf.Positional[str | None] = None,
    /,
    *,
    out: Annotated[tyro.conf.UseAppendAction[list[Path]], tyro.conf.arg(metavar="FILE")],
    scene: Path | None = None,
    at: Annotated[tyro.conf.UseAppendAction[list[str]], tyro.conf.arg(metavar="A:B TEXT")],
    path: str | None = None,
    start_from: Path | None = None,
    loop: bool = False,
    in_place: bool = False,
    by_turns: bool = True,
    seconds: float | None = None,
    seed: int = 0,
    samples: int = 1,
    fps: float | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    explain: Path | None = None,
    raw: bool = False,
    bundle: Path | None = None,
    threads: int = 1,
    force: bool = False,
) -> None:
    """Make motion from a sentence, e.g. nestmotion generate "a person waves" --out wave.glb

    Args:
        text: What the person does, in English.
        out: File to write; its suffix is the format (.bvh .glb .npz .amass.npz .npy .html). Give it
            several times for several formats.
        scene: JSON file that says what happens when, where and through which poses (docs/control.md).
        at: What happens from second A to second B, e.g. --at "2:4.5 waves the right hand"; several
            times for several things, one after another or, for different parts of the body, together.
        path: Where the person goes over the floor, x,z in metres (left, ahead), with times if you like:
            --path "0,0 0,3 2,4@6".
        start_from: Motion file at whose end the new motion begins.
        loop: Let the end join the beginning without a seam.
        in_place: Keep the person over one place, as on a treadmill.
        by_turns: Make the actions of the text one after another, each in a stretch of time of its own;
            who sits down first stands, who stands up first sits. --no-by-turns makes the text in one
            go, which is faster.
        seconds: Length, from 1 to 600 seconds (in one go: to 10); judged from the text when not given.
        seed: The same seed gives the same motion.
        samples: How many motions; walk.glb becomes walk-0.glb, walk-1.glb, ...
        fps: Frames a second of the files; the model's own (20) when not given.
        steps: Sampler steps; the bundle's own when not given.
        guidance: How strictly to follow the text; the bundle's own when not given.
        explain: File to write which words are about which moment, with each phrase's seconds: .json for
            data, .svg for a picture.
        raw: Leave out the post-processing that makes standing feet stand.
        bundle: Folder of a bundle; the one in the package when not given.
        threads: CPU threads.
        force: Replace files that exist.
    """
    if not out:
        raise SettingsError("no --out given; name at least one file to write, e.g. --out walk.glb")
    count = min(max(samples, 1), MOST_SAMPLES)  # another count is refused below
    out = list(dict.fromkeys(out))
    targets = [[_numbered(path, k, samples) for path in out] for k in range(count)]
    for file in (file for row in targets for file in row):
        check_output(file, force)
    maps = [_numbered(explain, k, samples) for k in range(count)] if explain is not None else []
    for file in maps:
        check_map_output(file, force)
    model = TextToMotion.load(bundle, threads)
    check_request(seed, samples, *model.sampling(steps, guidance))
    asked = scene_of_flags(
        text, scene, at, path, start_from, loop, in_place, by_turns, seconds, guidance, model
    )
    if asked is not None:
        if explain is not None:
            raise SettingsError("--explain is for a text alone, not for a scene")
        _make_scene(model, asked, targets, seed, steps, raw, fps, force)
        return
    assert text is not None  # scene_of_flags has refused that
    found = model.explain(
        *(text, seconds, seed, samples, steps, guidance), postprocess=not raw, by_turns=by_turns
    )
    for made, files in zip(found, targets, strict=True):
        for file in files:
            written = save_motion(made.motion, file, fps=fps, force=force)
            print(f"{file}: {written.duration_s:.2f} s")
    for made, file in zip(found, maps, strict=bool(maps)):
        made.alignment.save(file, force)
        print(f"{file}: alignment of {len(made.alignment.tree.nodes)} nodes")
    _tell_of_turns([prompt[0] for prompt in found[0].motion.metadata.get("prompts", [])])


def _tell_of_turns(turns: list[str]) -> None:
    """What was made of a text that was taken apart, so that nobody wonders where a second went."""
    if len(turns) > 1:
        told = f"one after another: {'; '.join(turns)} (--no-by-turns: all in one go)"
        print(f"nestmotion: {told}", file=sys.stderr)


def _make_scene(
    model: TextToMotion,
    scene: Scene,
    targets: list[list[Path]],
    seed: int,
    steps: int | None,
    raw: bool,
    fps: float | None,
    force: bool,
) -> None:
    for k, paths in enumerate(targets):
        made = model.scene(scene, seed, k, steps, postprocess=not raw)
        for path in paths:
            written = save_motion(made.motion, path, fps=fps, force=force)
            print(f"{path}: {written.duration_s:.2f} s")
        for left in made.remaining:
            print(f"  {left}{'' if left.met else ', more than it should be'}")


def _numbered(path: Path, sample: int, samples: int) -> Path:
    if samples <= 1:
        return path
    stem, dot, suffixes = path.name.partition(".")
    return path.with_name(f"{stem}-{sample}{dot}{suffixes}")
