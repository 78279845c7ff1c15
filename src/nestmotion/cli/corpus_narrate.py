"""nestmotion corpus narrate."""

from __future__ import annotations

import sys
from pathlib import Path

from nestmotion.corpus import PreparedCorpus
from nestmotion.corpus.narrate import NarrateSettings, narrate_corpus

__all__ = ["run"]

_DEFAULTS = NarrateSettings()


def run(
    *,
    corpus: Path,
    out: Path,
    windows: int = _DEFAULTS.windows,
    captions: int = _DEFAULTS.captions,
    seed: int = _DEFAULTS.seed,
    force: bool = False,
) -> None:
    """Write captions by rules, from the motion itself: where it goes, turns, which hand, and when.

    Clips of which the rules see too little, and those too busy for one sentence, are left out.

    Args:
        corpus: Prepared corpus, whose clips need no captions.
        out: Folder to write, a prepared corpus as well.
        windows: Stretches cut of each clip, besides the whole of it.
        captions: Variants for each stretch.
        seed: Other seeds give other stretches and words.
        force: Replace a corpus that is there.
    """
    settings = NarrateSettings(windows=windows, captions=captions, seed=seed)

    def progress(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            print(f"\r{done} of {total} clips", end="", file=sys.stderr, flush=True)

    manifest = narrate_corpus(
        PreparedCorpus.open(corpus), out, settings, force=force, progress=progress
    )
    print(file=sys.stderr)
    print(f"{out}: {manifest['clips']} clips, {manifest['hours']} hours")
