"""nestmotion edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from nestmotion.core.errors import SettingsError
from nestmotion.generate import TextToMotion
from nestmotion.generate.editing import Edited, edit_phrase, prompt_of, regenerate, stretch
from nestmotion.io import check_output, load_motion, save_motion

__all__ = ["run"]


def run(
    clip: tyro.conf.Positional[Path],
    /,
    *,
    out: Annotated[tyro.conf.UseAppendAction[list[Path]], tyro.conf.arg(metavar="FILE")],
    phrase: str | None = None,
    to: str | None = None,
    factor: float | None = None,
    start: float | None = None,
    end: float | None = None,
    joints: str = "",
    prompt: str | None = None,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
    bundle: Path | None = None,
    threads: int = 1,
    force: bool = False,
) -> None:
    """Change one thing of a clip, e.g. nestmotion edit a.npz --phrase left --to right --out b.npz

    --phrase and --to: other words, and the motion they are about. --phrase and --factor: its actions
    longer or shorter. --start and --end: another take of a stretch. All else stays.

    Args:
        clip: Motion file; an .npz of nestmotion generate holds its prompt.
        out: File to write; its suffix is the format. Give it several times for several formats.
        phrase: Words of the prompt that stand there once.
        to: Words to put in their place.
        factor: How many times as long the phrase's actions become, 0.5 to 2.
        start: Where the stretch to make anew begins, in seconds.
        end: Where it ends.
        joints: With --start and --end, change these joints alone (names with commas).
        prompt: What the clip shows, when the file does not say so or something else.
        seed: Another seed gives another take.
        steps: Sampler steps; the bundle's own when not given.
        guidance: How strictly to follow the text; the bundle's own when not given.
        bundle: Folder of a bundle; the one in the package when not given.
        threads: CPU threads.
        force: Replace files that exist.
    """
    kind = _kind(phrase, to, factor, start, end, joints)
    if not out:
        raise SettingsError("no --out given; name at least one file to write, e.g. --out new.glb")
    for path in out:
        check_output(path, force)
    motion = load_motion(clip)
    text = prompt_of(motion) if prompt is None else prompt
    model = TextToMotion.load(bundle, threads)
    edited: Edited
    if kind == "phrase":
        edited = edit_phrase(
            model, motion, text, phrase or "", to or "", seed=seed, steps=steps, guidance=guidance
        )
    elif kind == "factor":
        edited = stretch(model, motion, text, phrase or "", factor or 0.0)
    else:
        names = [name.strip() for name in joints.split(",") if name.strip()] or None
        times = start or 0.0, end or 0.0
        edited = regenerate(
            model, motion, text, *times, joints=names, seed=seed, steps=steps, guidance=guidance
        )
    for path in out:
        save_motion(edited.motion, path, force=force)
        print(f"{path}: {edited.motion.duration_s:.2f} s, changed {_stretch(edited)}; {edited.prompt}")


def _kind(
    phrase: str | None,
    to: str | None,
    factor: float | None,
    start: float | None,
    end: float | None,
    joints: str,
) -> str:
    """Which of the three edits is asked for. Raises SettingsError when it is none or a mixture."""
    times = start is not None and end is not None
    given = {
        "phrase": phrase is not None and to is not None,
        "factor": phrase is not None and factor is not None,
        "times": times and phrase is None,
    }
    words = {"--to": to, "--factor": factor, "--start": start, "--end": end, "--joints": joints or None}
    used = {"phrase": {"--to"}, "factor": {"--factor"}, "times": {"--start", "--end", "--joints"}}
    kinds = [kind for kind, asked in given.items() if asked]
    stray = kinds and [w for w, value in words.items() if value is not None and w not in used[kinds[0]]]
    if len(kinds) != 1 or stray:
        raise SettingsError(
            "say one thing to change: --phrase and --to, --phrase and --factor, or --start and --end"
        )
    return kinds[0]


def _stretch(edited: Edited) -> str:
    whole = len(edited.joints) == len(edited.motion.skeleton)
    which = "" if whole else f" in {len(edited.joints)} joints"
    return f"from {edited.start_s:.2f} to {edited.end_s:.2f} s{which}"
