"""nestmotion generate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from nestmotion.core.errors import SettingsError
from nestmotion.generate import TextToMotion
from nestmotion.generate.alignment_map import check_map_output
from nestmotion.generate.prompt import MOST_SAMPLES
from nestmotion.io import check_output, save_motion

__all__ = ["run"]


def run(
    text: tyro.conf.Positional[str],
    /,
    *,
    out: Annotated[tyro.conf.UseAppendAction[list[Path]], tyro.conf.arg(metavar="FILE")],
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
        seconds: Length, 1 to 10 seconds; judged from the text when not given.
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
    count = min(max(samples, 1), MOST_SAMPLES)  # another count is refused by the model
    targets = [[_numbered(path, k, samples) for path in out] for k in range(count)]
    for path in (path for row in targets for path in row):
        check_output(path, force)
    maps = [_numbered(explain, k, samples) for k in range(count)] if explain is not None else []
    for path in maps:
        check_map_output(path, force)
    model = TextToMotion.load(bundle, threads)
    found = model.explain(text, seconds, seed, samples, steps, guidance, postprocess=not raw)
    for made, paths in zip(found, targets, strict=True):
        for path in paths:
            save_motion(made.motion, path, fps=fps, force=force)
            print(f"{path}: {made.motion.duration_s:.2f} s")
    for made, path in zip(found, maps, strict=bool(maps)):
        made.alignment.save(path, force)
        print(f"{path}: alignment of {len(made.alignment.tree.nodes)} nodes")


def _numbered(path: Path, sample: int, samples: int) -> Path:
    if samples <= 1:
        return path
    stem, dot, suffixes = path.name.partition(".")
    return path.with_name(f"{stem}-{sample}{dot}{suffixes}")
