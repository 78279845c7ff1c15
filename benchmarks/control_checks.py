"""Does generated motion keep to what is known? A start of one second, and the path of the root.

    python benchmarks/control_checks.py CORPUS [BUNDLE]

On captioned clips of the validation groups (no test fold), with their first captions, 100 cases each
(clips of at least 2 s, several seeds). Nothing is post-processed.

- Start: the largest step of a joint from the last known frame to the first new one, against the 99th
  percentile of real motion's: of the largest joint step of a frame, and of single joints' steps.
- Path: mean distance over the floor between the root and the given path, frame by frame, with and
  without the heading given too.
"""

import sys
from pathlib import Path

import numpy as np

from nestmotion.core.edit import canonicalize
from nestmotion.corpus import PreparedCorpus
from nestmotion.features.known import known_frames, known_path
from nestmotion.generate import TextToMotion
from nestmotion.training.config import DataConfig
from nestmotion.training.data import training_clips

CASES, START = 100, 20


def steps_m(positions):
    """Distance of every joint from frame to frame."""
    return np.linalg.norm(np.diff(positions, axis=0), axis=-1)


def main() -> None:
    corpus = PreparedCorpus.open(Path(sys.argv[1]))
    model = TextToMotion.load(sys.argv[2] if len(sys.argv) > 2 else None)
    clips = training_clips(corpus, DataConfig(), patch_frames=4).validation
    clips = [clip for clip in clips if len(clip) >= 2 * START]
    real = [steps_m(corpus.motion(clip).positions_m) for clip in clips]
    largest = np.quantile(np.concatenate([r.max(axis=1) for r in real]), 0.99)
    single = np.quantile(np.concatenate([r.ravel() for r in real]), 0.99)
    seams, follows, with_heading = [], [], []
    for case in range(CASES):
        clip, seed = clips[case % len(clips)], case // len(clips)
        motion, text = canonicalize(corpus.motion(clip)), clip.captions[0].text
        known = known_frames(motion, slice(0, START), len(motion))
        made = model.generate(text, seed=seed, known=known, postprocess=False)[0]
        seams.append(steps_m(made.positions_m[START - 1 : START + 1])[0].max())
        path = motion.root_m[:, [0, 2]]
        for heading, errors in ((None, follows), (motion.heading_rad, with_heading)):
            made = model.generate(text, seed=seed, known=known_path(path, heading), postprocess=False)[
                0
            ]
            errors.append(np.linalg.norm(made.root_m[:, [0, 2]] - path, axis=1).mean())
    seams = np.array(seams)
    print(
        f"real steps, 99th percentile: largest joint of a frame {100 * largest:.1f} cm, "
        f"single joints {100 * single:.1f} cm"
    )
    print(
        f"seam: mean {100 * seams.mean():.1f} cm, "
        f"95th percentile {100 * np.quantile(seams, 0.95):.1f} cm; "
        f"below the first in {np.sum(seams < largest)} of {CASES}, "
        f"below the second in {np.sum(seams < single)}"
    )
    for name, errors in (("path", follows), ("path and heading", with_heading)):
        print(
            f"{name}: mean error {100 * np.mean(errors):.1f} cm, "
            f"95th percentile {100 * np.quantile(errors, 0.95):.1f} cm"
        )


if __name__ == "__main__":
    main()
