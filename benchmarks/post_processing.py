"""What post-processing changes: feet that slide, jerk and places of joints, before and after.

    python benchmarks/post_processing.py CORPUS [BUNDLE ...] [--seeds 3]

For every captioned validation clip of the training folds (no test fold) its first caption is generated
once a seed, at the clip's own length; the real clips are processed as well. Means over clips, except
where said; movement is that of all joints, and of the foot joints alone. Hovering: the share of frames
in which both soles are over 4.5 cm above the floor, which a measure of low feet does not see. Markdown.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nestmotion.core import Motion
from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.measures import skating_ratio
from nestmotion.evaluation.motion_facts import foot_slide_mm, mean_jerk_m_s3
from nestmotion.features.layout import CONTACT_JOINTS
from nestmotion.generate import TextToMotion
from nestmotion.generate.postprocess import postprocess
from nestmotion.training.config import DataConfig
from nestmotion.training.data import training_clips

COLUMNS = (
    "motion",
    "clips",
    "foot slide, mm a frame",
    "95th percentile of clips",
    "skating ratio",
    "hovering",
    "mean jerk, m/s³",
    "joints moved, cm",
    "feet moved, cm (largest)",
    "lowest foot joint, cm",
)


# A flat foot's ankle joint is so far above its sole, about; soles higher than the second hover.
ANKLE_M, HOVERS_M = 0.06, 0.045


def hovering(motion: Motion) -> float:
    """Share of the frames in which both soles are high above the floor."""
    feet = motion.positions_m[:, [motion.skeleton.index(name) for name in CONTACT_JOINTS], 1]
    soles = np.minimum(feet[:, 0::2] - ANKLE_M, feet[:, 1::2])
    return float((soles.min(axis=1) > HOVERS_M).mean())


def row(name: str, motions: Sequence[Motion], processed: Sequence[Motion]) -> str:
    """One line of the table; `a → b` is before → after."""
    feet = [motions[0].skeleton.index(joint) for joint in CONTACT_JOINTS]
    slide = np.array([[foot_slide_mm(m) for m in pair] for pair in (motions, processed)])
    skates = np.array([[skating_ratio(m.positions_m) for m in pair] for pair in (motions, processed)])
    hovers = np.array([[hovering(m) for m in pair] for pair in (motions, processed)])
    jerk = np.array([[mean_jerk_m_s3(m) for m in pair] for pair in (motions, processed)])
    low = [min(m.positions_m[:, feet, 1].min() for m in pair) for pair in (motions, processed)]
    moved = [
        np.linalg.norm(a.positions_m - b.positions_m, axis=-1)
        for a, b in zip(motions, processed, strict=True)
    ]
    largest = max(m[:, feet].max() for m in moved)
    cells = [
        name,
        str(len(motions)),
        "{:.2f} → {:.2f}".format(*np.nanmean(slide, axis=1)),
        "{:.1f} → {:.1f}".format(*np.nanpercentile(slide, 95, axis=1)),
        "{:.3f} → {:.3f}".format(*skates.mean(axis=1)),
        "{:.3f} → {:.3f}".format(*hovers.mean(axis=1)),
        "{:.1f} → {:.1f}".format(*jerk.mean(axis=1)),
        f"{100 * np.mean([m.mean() for m in moved]):.2f}",
        f"{100 * np.mean([m[:, feet].mean() for m in moved]):.1f} ({100 * largest:.0f})",
        "{:.0f} → {:.0f}".format(*(100 * x for x in low)),
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("bundles", nargs="*", help="bundle folders; the default bundle when none")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()

    corpus = PreparedCorpus.open(options.corpus)
    clips = training_clips(corpus, DataConfig(), patch_frames=4).validation
    chosen = [clip for clip in clips if len(clip) >= 20]
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    real = [corpus.motion(clip) for clip in chosen]
    print(row("real", real, list(map(postprocess, real))), flush=True)
    for folder in options.bundles or [None]:
        model = TextToMotion.load(folder)
        name, every = Path(folder).name if folder else "default", ([], [])
        for seed in range(options.seeds):
            pair = [
                [
                    model.generate(
                        *(c.captions[0].text, len(c) / corpus.fps, seed),
                        postprocess=stands,
                        by_turns=False,
                    )[0]
                    for c in chosen
                ]
                for stands in (False, True)
            ]
            print(row(f"{name}, seed {seed}", *pair), flush=True)
            for motions, more in zip(every, pair, strict=True):
                motions += more
        if options.seeds > 1:
            print(row(f"{name}, {options.seeds} seeds", *every), flush=True)


if __name__ == "__main__":
    main()
