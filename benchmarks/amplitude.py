"""How far do generated joints turn, against real ones, and what does turning them up bring?

    python benchmarks/amplitude.py CORPUS [BUNDLE] [--seeds 2]

On the captioned clips of the validation groups (no test fold), one sample a clip and seed at the clip's
own length, not post-processed. First the bundle's motion without its amplitude: the root mean square of
the joints' turns from their own slow mean, real over generated, for Gaussians of several lengths. Then
the measures of `nestmotion evaluate` for some amplitudes (legs, upper), as made and, for foot slide,
after post-processing too.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from nestmotion.core.edit import canonicalize
from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.chosen import caption_of
from nestmotion.evaluation.evaluator import Evaluator
from nestmotion.evaluation.protocol import evaluate_motions
from nestmotion.features.parts import PARTS
from nestmotion.generate import TextToMotion
from nestmotion.generate.amplitude import Amplitude, amplified, slow_turns
from nestmotion.generate.postprocess import postprocess
from nestmotion.training.config import DataConfig
from nestmotion.training.data import training_clips

SLOW_S = (0.1, 0.2, 0.5, 1.0, 2.0)
GROUPS = {"arms": ("left arm", "right arm"), "trunk": ("torso",), "legs": ("legs",)}
AMPLITUDES = ((1.0, 1.0), (1.0, 1.4), (1.15, 1.4), (1.25, 1.25), (1.25, 1.4), (1.4, 1.4), (1.5, 1.5))
MEASURES = ("top1", "top3", "fid", "coverage", "mean_jerk", "peak_jerk", "foot_slide", "skating_ratio")


def size(motions, slow_s, joints):
    """Root mean square, over clips and joints, of the angles from the slow mean."""
    squares = [(slow_turns(m, slow_s)[1][:, joints] ** 2).sum(axis=-1).mean() for m in motions]
    return np.sqrt(np.mean(squares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("bundle", nargs="?", help="bundle folder; the default bundle when not given")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()

    corpus, model = PreparedCorpus.open(options.corpus), TextToMotion.load(options.bundle)
    manifest = model.bundle.manifest
    plain = manifest | {"sampling": manifest["sampling"] | {"amplitude": {}}}
    model.bundle = replace(model.bundle, manifest=plain)
    judge = Evaluator.load(text_encoder=model.bundle.folder)
    limits = model.bundle.manifest["seconds"]
    clips = [
        clip
        for clip in training_clips(corpus, DataConfig(), patch_frames=4).validation
        if limits["shortest"] <= len(clip) / corpus.fps <= limits["longest"]
    ]
    real, texts = [canonicalize(corpus.motion(clip)) for clip in clips], list(map(caption_of, clips))
    made = [
        [
            model.generate(text, clip.duration_s, seed, postprocess=False, by_turns=False)[0]
            for text, clip in zip(texts, real, strict=True)
        ]
        for seed in range(options.seeds)
    ]
    print("| slow mean, s | " + " | ".join(GROUPS) + " |")
    for slow_s in SLOW_S:
        row = []
        for parts in GROUPS.values():
            joints = [model.bundle.skeleton.index(name) for part in parts for name in PARTS[part]]
            mine = np.mean([size(motions, slow_s, joints) for motions in made])
            row.append(f"{size(real, slow_s, joints) / mine:.2f}")
        print(f"| {slow_s:g} | " + " | ".join(row) + " |", flush=True)
    print("| legs | upper | " + " | ".join(MEASURES) + " | foot_slide, post-processed |")
    for legs, upper in AMPLITUDES:
        rows = []
        for motions in made:
            larger = [amplified(motion, Amplitude(legs, upper)) for motion in motions]
            found = [
                evaluate_motions(some, real, texts, judge, np.random.default_rng(0))["measures"]
                for some in (larger, list(map(postprocess, larger)))
            ]
            rows.append(
                [*(found[0][name]["value"] for name in MEASURES), found[1]["foot_slide"]["value"]]
            )
        values = " | ".join(f"{value:.3f}" for value in np.mean(rows, axis=0))
        print(f"| {legs:g} | {upper:g} | {values} |", flush=True)


if __name__ == "__main__":
    main()
