"""nestmotion evaluate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.progress import Progress

from nestmotion import __version__
from nestmotion.core import Motion
from nestmotion.core.errors import OutputError, SettingsError
from nestmotion.corpus import Clip, PreparedCorpus
from nestmotion.corpus.splits import groups_of
from nestmotion.evaluation.chosen import (
    caption_of,
    check_bundle_unseen,
    chosen_clips,
    generate_motions,
    read_motions,
)
from nestmotion.evaluation.evaluator import Evaluator
from nestmotion.evaluation.protocol import evaluate_motions, results_table
from nestmotion.generate import TextToMotion

__all__ = ["RESULTS_FORMAT", "run"]

RESULTS_FORMAT = 1


@dataclass(frozen=True)
class _Measured:
    """Clips with a motion each, all samples of each where there are several, and what made them."""

    clips: list[Clip]
    motions: list[Motion]
    samples: list[list[Motion]]
    source: dict[str, Any]


def run(
    *,
    corpus: Path,
    out: Path,
    bundle: Path | None = None,
    motions: Path | None = None,
    split: Literal["validation", "test"] = "test",
    samples: int = 1,
    evaluator: Path | None = None,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
    raw: bool = False,
    by_turns: bool = True,
    threads: int = 1,
    force: bool = False,
) -> None:
    """Measure a bundle, or a folder of motions, on clips that were not trained on.

    Each clip's first caption is generated at the clip's own length and compared with the clip.

    Args:
        corpus: Folder made by nestmotion corpus prepare.
        out: Folder for results.json and clips.jsonl.
        bundle: Folder of a bundle; the one in the package when neither this nor --motions is given.
        motions: Folder of motion files (.npz .bvh .npy .glb) named by clip id, instead of a bundle.
        split: test, the fold the evaluator never saw, or validation, the groups held out of the others.
        samples: Motions a caption; with two or more, multimodality is measured. The first counts for
            everything else.
        evaluator: Folder of an evaluator; the one in the package when not given.
        seed: The same seed gives the same results.
        steps: Sampler steps; the bundle's own when not given.
        guidance: How strictly to follow the text; the bundle's own when not given.
        raw: Leave out the post-processing that makes standing feet stand.
        by_turns: Make the actions of a caption one after another, as nestmotion generate does.
        threads: CPU threads.
        force: Replace results that are there.
    """
    if bundle is not None and motions is not None:
        raise SettingsError("give either --bundle or --motions, not both")
    _check_out(out, force)
    prepared = PreparedCorpus.open(corpus)
    judge = Evaluator.load(evaluator, bundle, threads)
    clips = chosen_clips(prepared, split, judge.record)
    judge.check_unseen(clips)
    if motions is not None:
        found, read = read_motions(motions, clips)
        measured = _Measured(found, read, [], {"motions": str(motions)})
    else:
        model = TextToMotion.load(bundle, threads)
        check_bundle_unseen(model, clips, split)
        with Progress() as bars:
            task = bars.add_task("generating", total=len(clips))
            made = generate_motions(
                model,
                clips,
                prepared.fps,
                seed,
                samples,
                steps,
                guidance,
                not raw,
                by_turns,
                lambda done: bars.update(task, completed=done),
            )
        source = {"bundle": model.bundle.name, "bundle_digest": model.bundle.digest, "seed": seed}
        source |= {"samples": samples, "steps": steps, "guidance": guidance}
        source |= {"postprocess": not raw, "by_turns": by_turns}
        measured = _Measured(clips, [m[0] for m in made], made if samples > 1 else [], source)
    results = evaluate_motions(
        measured.motions,
        [prepared.motion(clip) for clip in measured.clips],
        [caption_of(clip) for clip in measured.clips],
        judge,
        np.random.default_rng(seed),
        measured.samples,
        [groups_of(clip) for clip in measured.clips],
    )
    _write(out, results, measured, judge, split)
    print(results_table(results))
    top3 = judge.record[split]["top3"] if judge.record.get(split) else None
    if top3:
        print(f"evaluator: top 3 {top3[0]:.3f} on real motion, all captions ({split} split)")
    print(f"{out}: {len(measured.clips)} clips, {split} split")


def _check_out(out: Path, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; choose a folder")
    if (out / "results.json").exists() and not force:
        raise OutputError(f"{out / 'results.json'} exists already; use --force to replace it")


def _write(
    out: Path, results: dict[str, Any], measured: _Measured, judge: Evaluator, split: str
) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        rows = zip(measured.clips, results["per_clip"], strict=True)
        lines = [json.dumps({"clip": clip.clip_id, **row}) + "\n" for clip, row in rows]
        (out / "clips.jsonl").write_text("".join(lines), "utf-8")
        kept = ("folds", "validation", "test", "files")
        data = {
            "format": RESULTS_FORMAT,
            "nestmotion": __version__,
            "split": split,
            "source": measured.source,
            "evaluator": {key: judge.record.get(key) for key in kept},
            "clips": results["clips"],
            "measures": results["measures"],
        }
        (out / "results.json").write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{out}: cannot be written: {reason}") from error
