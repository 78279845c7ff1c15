"""nestmotion corpus compose."""

from __future__ import annotations

import sys
from pathlib import Path

from nestmotion.corpus import PreparedCorpus
from nestmotion.corpus.compose import ComposeSettings, compose

__all__ = ["run"]

_DEFAULTS = ComposeSettings()


def run(
    *,
    corpus: Path,
    out: Path,
    count: int = _DEFAULTS.count,
    longest_s: float = _DEFAULTS.longest_s,
    shortest_part_s: float = _DEFAULTS.shortest_part_s,
    details: float = _DEFAULTS.details,
    seed: int = _DEFAULTS.seed,
    force: bool = False,
) -> None:
    """Make T2M-Compose: clips joined by blended transitions, with the time of every action known.

    The parts of a composition are of one fold, and all of validation groups or none. Needs the extra
    "parse".

    Args:
        corpus: Prepared corpus whose captioned clips are joined.
        out: Folder to write, a prepared corpus as well.
        count: Compositions in all; every fold, and in it training and validation groups, has a share
            in proportion to its captioned clips.
        longest_s: Longest composition, in seconds.
        shortest_part_s: Shortest part, in seconds.
        details: Share of captions that get a neutral detail of the scene, from 0 to 1.
        seed: Other seeds give other compositions.
        force: Replace a corpus that is there.
    """
    settings = ComposeSettings(
        count=count, longest_s=longest_s, shortest_part_s=shortest_part_s, details=details, seed=seed
    )

    def progress(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            print(f"\r{done} of {total} compositions", end="", file=sys.stderr, flush=True)

    manifest = compose(PreparedCorpus.open(corpus), out, settings, force=force, progress=progress)
    print(file=sys.stderr)
    print(f"{out}: {manifest['clips']} compositions, {manifest['hours']} hours")
