"""What a network expects under noise, on the mean, beside what is true.

    python benchmarks/expectations.py CORPUS [BUNDLE]

On the captioned clips of the validation groups (no test fold) with noise of several times, told their
captions. The best prediction is the mean of all that is possible, so that over many clips its means are
those of the clips at every noise time, and the root's velocity is the same whichever column says it.
Where they differ, training wanted something else (docs/adr/0033). Bundles that learned guidance
exaggerate; ask one that did not.
"""

import argparse
from pathlib import Path

import numpy as np

from nestmotion.core.edit import canonicalize
from nestmotion.core.noise import signal_and_noise
from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.chosen import caption_of
from nestmotion.features import FeatureLayout, encode
from nestmotion.generate import TextToMotion
from nestmotion.training.config import DataConfig
from nestmotion.training.data import training_clips

TIMES = (0.99, 0.95, 0.9, 0.8, 0.5, 0.1)
ROWS = ("root ahead, m/s", "the same by the pelvis", "turning, rad/s", "knees, degrees", "height, m")


def expected(model, features, text, time):
    """Features (T, F) that the network predicts from these under noise."""
    frames, normalizer = len(features), model.bundle.normalizer
    clean = np.zeros((model.padded(frames), features.shape[1]), dtype=np.float32)
    clean[:frames] = normalizer.normalize(features)
    signal, sigma = signal_and_noise(np.float32(time))
    noise = np.random.default_rng(1).standard_normal(clean.shape)
    noisy = (signal * clean + sigma * noise).astype(np.float32)
    now, told = np.array([time], dtype=np.float32), np.ones(1, dtype=bool)
    found, _ = model.denoise(noisy[None], now, told, model.read(text), frames, None)
    return normalizer.denormalize(found[0, :frames])


def means(motions, skeleton):
    """ROWS over clips that go faster than 0.5 m/s (knees, height: over all)."""
    layout, knees = FeatureLayout.of(skeleton), []
    going = [f for f, fast in motions if fast]
    for name in ("left_knee", "right_knee"):
        column = layout["rotations"].start + 6 * skeleton.index(name)
        knees += [np.arctan2(f[:, column + 5], f[:, column + 4]).mean() for f, _ in motions]
    columns = (
        layout["root_velocity"].start + 1,
        layout["joint_velocities"].start + 2,
        layout["heading_velocity"].start,
    )
    rows = [np.mean([f[:, column].mean() for f in going]) for column in columns]
    height = np.mean([f[:, layout["root_height"]].mean() for f, _ in motions])
    return [*rows, np.degrees(np.mean(knees)), height]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("bundle", nargs="?", help="bundle folder; the default bundle when not given")
    options = parser.parse_args()
    corpus, model = PreparedCorpus.open(options.corpus), TextToMotion.load(options.bundle)
    clips = training_clips(corpus, DataConfig(), patch_frames=4).validation
    real, texts = [canonicalize(corpus.motion(clip)) for clip in clips], list(map(caption_of, clips))
    features = [encode(motion) for motion in real]
    layout = FeatureLayout.of(model.bundle.skeleton)
    fast = [f[:, layout["root_velocity"].start + 1].mean() > 0.5 for f in features]
    table = {"true": means(list(zip(features, fast, strict=True)), model.bundle.skeleton)}
    for time in TIMES:
        found = [expected(model, f, text, time) for f, text in zip(features, texts, strict=True)]
        table[f"{time:g}"] = means(list(zip(found, fast, strict=True)), model.bundle.skeleton)
    print("| noise time | " + " | ".join(table) + " |")
    for k, name in enumerate(ROWS):
        print(f"| {name} | " + " | ".join(f"{column[k]:.2f}" for column in table.values()) + " |")


if __name__ == "__main__":
    main()
