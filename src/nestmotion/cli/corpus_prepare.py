"""nestmotion corpus prepare."""

from __future__ import annotations

import sys
from pathlib import Path

from nestmotion.corpus import prepare
from nestmotion.corpus.sources import open_source

__all__ = ["run"]


def run(*, source: Path, out: Path, force: bool = False) -> None:
    """Make a prepared corpus: canonical skeleton, feet on the ground, idle stretches cut, packed.

    An interrupted preparation goes on where it stopped when the command is given again.

    Args:
        source: Folder with cmu20.npz, or BVH files and captions.csv, or HumanML3D's layout.
        out: Folder to write.
        force: Replace a corpus that is there.
    """

    def progress(done: int, total: int) -> None:
        print(f"\r{done} of {total} trials", end="", file=sys.stderr, flush=True)

    manifest = prepare(open_source(source), out, force=force, progress=progress)
    print(file=sys.stderr)
    print(
        f"{out}: {manifest['clips']} clips ({manifest['captioned_clips']} captioned), "
        f"{manifest['hours']} hours"
    )
    for reason, count in manifest["dropped"].items():
        print(f"left out: {count} x {reason}")
