"""Guidance and steps on a run's validation clips: the table a bundle's values are chosen from.

    python benchmarks/choose_sampling.py BUNDLE CORPUS

For each setting every validation clip's first caption is generated once, at the clip's own length.
Printed beside real motion: mean jerk, foot slide, and the mean absolute difference of the distance
travelled from the clip with the same caption. Test folds are not touched.
"""

import sys
from pathlib import Path

import numpy as np

from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.motion_facts import foot_slide_mm, mean_jerk_m_s3, travelled_m
from nestmotion.generate import TextToMotion
from nestmotion.training.config import DataConfig
from nestmotion.training.data import training_clips

GUIDANCES = (1.0, 1.5, 2.5, 4.0)
STEPS = (6, 12, 20)


def facts(motions):
    return [
        np.nanmean([mean_jerk_m_s3(m) for m in motions]),
        np.nanmean([foot_slide_mm(m) for m in motions]),
    ]


if __name__ == "__main__":
    model, corpus = TextToMotion.load(sys.argv[1]), PreparedCorpus.open(Path(sys.argv[2]))
    saved = model.bundle.manifest["training"]["config"]["data"]
    clips = training_clips(corpus, DataConfig(**saved), model.bundle.manifest["patch_frames"])
    chosen = [clip for clip in clips.validation if len(clip) >= 20]
    real = [corpus.motion(clip) for clip in chosen]
    print(f"{len(chosen)} clips     jerk m/s^3  slide mm/frame  travel error m")
    print("real motion    {:10.1f}  {:14.2f}".format(*facts(real)))
    for steps in STEPS:
        for guidance in GUIDANCES:
            made = [
                model.generate(clip.captions[0].text, len(clip) / corpus.fps, 0, 1, steps, guidance)[0]
                for clip in chosen
            ]
            error = np.mean(
                [abs(travelled_m(a) - travelled_m(b)) for a, b in zip(made, real, strict=True)]
            )
            print(
                f"{steps:2} steps, x{guidance:<4} {{:10.1f}}  {{:14.2f}}  {error:14.2f}".format(
                    *facts(made)
                ),
                flush=True,
            )
