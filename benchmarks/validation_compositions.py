"""Compositions of all validation clips together, for measuring alignment on unseen groups.

    python benchmarks/validation_compositions.py CORPUS OUT [COUNT]

`nestmotion corpus compose` joins clips of one fold only, and a fold's validation groups are few: their
compositions have two parts of like length more often than others. Here the validation groups of all
training folds are one pool, written as fold 1, on which `python benchmarks/alignment.py BUNDLE OUT 1`
measures. Nothing else differs (ComposeSettings, seed 1).
"""

import sys
from dataclasses import replace
from pathlib import Path

from nestmotion.corpus import PreparedCorpus
from nestmotion.corpus.compose import ComposeSettings, compose
from nestmotion.training.config import DataConfig
from nestmotion.training.data import training_clips


def main() -> None:
    corpus = PreparedCorpus.open(Path(sys.argv[1]))
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    clips = training_clips(corpus, DataConfig(), patch_frames=4).validation
    together = replace(corpus, clips=tuple(replace(clip, fold=1) for clip in clips))
    manifest = compose(together, Path(sys.argv[2]), ComposeSettings(count=count, seed=1))
    print(f"{sys.argv[2]}: {manifest['clips']} compositions of {len(clips)} validation clips")


if __name__ == "__main__":
    main()
