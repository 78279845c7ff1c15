"""Can a model learn eight clips by heart? A quarter of an hour on one core.

    python benchmarks/overfit.py COMPOSED OUT [--steps 1500]

Eight composed training clips of two parts, as they are (not mirrored, always with text, nothing known),
are trained on and then generated from their captions, one pass of 12 steps without guidance. Printed:
mean distance of joints from the true ones, relative to the root and in the world, and for every part
the IoU of its span by the map of the generated motion with the true one.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from nestmotion.core import canonical_skeleton
from nestmotion.core.edit import canonicalize
from nestmotion.corpus import PreparedCorpus
from nestmotion.corpus.splits import is_validation_clip
from nestmotion.evaluation.alignment_score import equal_division_iou, score_alignment
from nestmotion.features import decode
from nestmotion.generate import default_bundle_path
from nestmotion.generate.alignment_map import AlignmentMap
from nestmotion.generate.sampler import sample
from nestmotion.models import ModelConfig, build_model
from nestmotion.text import TextEncoder
from nestmotion.text.reader import TreeReader
from nestmotion.training.checkpoint import load_ema
from nestmotion.training.config import DataConfig, OptimizerConfig, TrainConfig
from nestmotion.training.data import TrainingData
from nestmotion.training.loop import train
from nestmotion.training.run_folder import claim_run, create_run

CLIPS = 8
UNEQUAL = 0.65


def chosen_clips(composed: PreparedCorpus) -> PreparedCorpus:
    """The first compositions of two parts of the training folds that equal division does badly on,
    each with its first caption; and one of a validation group, which the loop wants to have."""
    taught, held_out = [], []
    for clip in composed.clips:
        if clip.fold == 0:
            continue
        if is_validation_clip(clip.group):
            held_out.append(clip)
            continue
        division = equal_division_iou(clip.captions[0])
        if len(division) == 2 and np.mean(division) < UNEQUAL:
            taught.append(clip)
    taught, held_out = taught[:CLIPS], held_out[:1]
    clips = tuple(replace(c, captions=c.captions[:1]) for c in (*taught, *held_out))
    return replace(composed, clips=clips)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("composed", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()

    corpus = chosen_clips(PreparedCorpus.open(options.composed))
    folder = default_bundle_path()
    encoder, reader = TextEncoder.load(folder), TreeReader.load(folder)
    settings = DataConfig(
        uncaptioned_share=0.0,
        no_text_share=0.0,
        mirror_share=0.0,
        twins=False,
        known_values=False,
        balance=0.0,
    )
    config = TrainConfig(
        network=ModelConfig(dropout=0.0),
        data=settings,
        optimizer=OptimizerConfig(
            learning_rate=8e-4, muon_rate=4e-3, warmup_steps=50, cooldown_share=0.6, ema_decay=0.99
        ),
        epochs=options.steps,
        batch_size=CLIPS,
        validate_epochs=options.steps,
    )
    data = TrainingData(corpus, encoder, reader, config.data, config.network)
    claim_run(options.out)
    create_run(options.out, config, corpus, {}, data.normalizer)
    train(config, data, options.out)
    model = build_model(config.model, config.network)
    load_ema(options.out, model)
    print(json.dumps(judge(model.eval(), data, corpus, encoder, reader), indent=1))


@torch.no_grad()
def judge(model, data, corpus, encoder, reader) -> dict[str, object]:
    """Distances and IoUs over the eight clips."""
    skeleton, result = (
        canonical_skeleton(),
        {"relative_cm": [], "world_cm": [], "iou": [], "equal_iou": []},
    )
    for clip, item in zip(corpus.clips, data.captioned, strict=False):
        targets = data.collate([item], None)

        def denoise(noisy, time, has_text, targets=targets):
            found = model.denoise(
                torch.from_numpy(noisy),
                torch.from_numpy(time),
                targets.known,
                targets.valid,
                targets.condition,
            )
            return found.clean.numpy(), found.alignment.numpy()

        noise = np.random.default_rng(0).standard_normal(targets.features.shape)
        clean, alignment = sample(denoise, noise, 12, 1.0)
        features = data.normalizer.denormalize(clean[0, : len(clip)])
        made = canonicalize(decode(features, skeleton, corpus.fps))
        true = canonicalize(corpus.motion(clip))
        apart = made.positions_m - true.positions_m
        relative = apart - apart[:, :1]
        result["relative_cm"].append(round(100 * float(np.linalg.norm(relative, axis=-1).mean()), 2))
        result["world_cm"].append(round(100 * float(np.linalg.norm(apart, axis=-1).mean()), 2))
        caption = clip.captions[0]
        tree = reader.read(caption.text, encoder.encode([caption.text])).cut(
            model.config.semantic_depth
        )
        weight = np.repeat(alignment[0], model.config.patch_frames, axis=-1)[:, : len(clip)]
        score = score_alignment(AlignmentMap(tree, weight, corpus.fps), caption)
        result["iou"].append([round(x, 3) for x in score.iou])
        result["equal_iou"].append([round(x, 3) for x in equal_division_iou(caption)])
    for name in tuple(result):
        result[f"mean_{name}"] = round(float(np.mean(result[name])), 3)
    return result


if __name__ == "__main__":
    main()
