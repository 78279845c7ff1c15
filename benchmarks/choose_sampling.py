"""Guidance and steps on a run's validation clips: the table a bundle's values are chosen from.

    python benchmarks/choose_sampling.py BUNDLE CORPUS [--steps 8 12] [--guidance 1 2.5 4] [--out PNG]

For each setting every validation clip's first caption is generated once, at the clip's own length, not
post-processed. Printed beside real motion: R-precision by the evaluator (the retrieval of a motion by
its caption in pools of 32), MM distance, mean jerk, foot slide, drift. --out draws the curves. Test
folds are not touched.
"""

import argparse
from pathlib import Path

import numpy as np

from nestmotion.corpus import PreparedCorpus
from nestmotion.evaluation.evaluator import Evaluator
from nestmotion.evaluation.protocol import evaluate_motions
from nestmotion.generate import TextToMotion
from nestmotion.training.config import DataConfig
from nestmotion.training.data import training_clips

COLUMNS = ("top1", "top3", "mm_distance", "mean_jerk", "foot_slide", "drift")


def draw(rows: list[tuple[int, float, dict[str, float]]], real: dict[str, float], path: Path) -> None:
    """A panel for each measure: guidance across, one line a number of steps, real motion dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(COLUMNS)), COLUMNS, strict=True):
        for steps, marker in zip(sorted({r[0] for r in rows}), "os^D", strict=False):
            points = [(g, found[name]) for s, g, found in rows if s == steps]
            axes.plot(*zip(*points, strict=True), marker=marker, label=f"{steps} steps")
        if real[name]:
            axes.axhline(real[name], color="#767676", linestyle="--", label="real")
        axes.set(title=name, xlabel="guidance")
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--steps", type=int, nargs="+", default=[8, 12])
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 1.5, 2.5, 4.0, 6.0])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    model, corpus = TextToMotion.load(options.bundle), PreparedCorpus.open(options.corpus)
    evaluator = Evaluator.load(text_encoder=model.bundle.folder)
    clips = [c for c in training_clips(corpus, DataConfig(), 4).validation if len(c) >= corpus.fps]
    real, captions = [corpus.motion(c) for c in clips], [c.captions[0].text for c in clips]

    def measured(motions, column="value"):
        found = evaluate_motions(motions, real, captions, evaluator, np.random.default_rng(0))
        return {name: found["measures"][name][column] or 0.0 for name in COLUMNS}

    rows: list[tuple[int, float, dict[str, float]]] = []
    print("| steps | guidance | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 2) + "|")
    truth = measured(real, "real")
    print("| real | | " + " | ".join(f"{truth[name]:.3f}" for name in COLUMNS) + " |")
    for steps in options.steps:
        for guidance in options.guidance:
            made = [
                model.generate(
                    *(text, len(clip) / corpus.fps, 0, 1, steps, guidance),
                    postprocess=False,
                    by_turns=False,
                )[0]
                for text, clip in zip(captions, clips, strict=True)
            ]
            found = measured(made)
            rows.append((steps, guidance, found))
            cells = " | ".join(f"{found[name]:.3f}" for name in COLUMNS)
            print(f"| {steps} | {guidance:g} | {cells} |", flush=True)
    if options.out:
        draw(rows, truth, options.out)


if __name__ == "__main__":
    main()
