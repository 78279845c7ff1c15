"""What goes into a bundle in words: its model card, and terms and acknowledgements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["licences", "model_card"]


def model_card(manifest: Mapping[str, Any]) -> str:
    """What the bundle's manifest says of the model, in Markdown. What only looking and measuring can
    tell is left to be written in."""
    training, sampling, seconds = manifest["training"], manifest["sampling"], manifest["seconds"]
    corpus, config = training["corpus"], training["config"]
    folds = ", ".join(map(str, config["data"]["train_folds"]))
    how = (
        f"{sampling['steps']} steps, guidance {sampling['guidance']:g}"
        if manifest["generative"]
        else "one step"
    )
    amplitude = sampling.get("amplitude") or {}
    if any(value != 1.0 for value in amplitude.values()):
        how += f"; movements made larger: {', '.join(f'{k} {v:g}' for k, v in amplitude.items())} times"
    weak = sampling.get("weak_side") or {}
    if any(weak.values()):
        sides = ", ".join(f"{what} to the {side}" for what, side in weak.items() if side)
        how += f"; texts of its weak side ({sides}) are made as their mirror image"
    more = [f"{training[f'{name}_clips']} {name} clips" for name in ("composed", "narrated")]
    return f"""# Model card: {manifest["name"]}

**What it is.** Text (English) in, {seconds["shortest"]:g} to {seconds["longest"]:g} seconds of \
motion of one person out, at {manifest["fps"]:g} frames a second. Model `{manifest["model"]}`, \
{manifest["parameters"] / 1e6:.1f} million parameters, {how}.

**Data.** {corpus["source"]}: {corpus["clips"]} clips, {corpus["hours"]:.1f} hours, \
{corpus["captioned_clips"]} clips captioned; {", ".join(more)}. Trained on folds {folds}. Terms and \
acknowledgements: LICENCES.md in this folder.

**Training.** {_runs(training)}{_average(manifest)} The settings, the machine and the validation \
losses are in bundle.json.

**Meant for.** Sketches of movement for animation, games and research. Not for judging real people's \
movement, medicine, or controlling machines near people.

**Measured.** Nothing yet: `nestmotion evaluate --bundle` this folder, and write the figures here.

**What it does badly.** Not described yet: look at what it generates, and write it here.
"""


def _runs(training: Mapping[str, Any]) -> str:
    """The steps of the run and of those that it started from."""
    steps: list[int] = []
    found: Mapping[str, Any] | None = training
    while found is not None:
        steps.insert(0, found["progress"]["step"])
        found = found["started_from"]
    if len(steps) == 1:
        return f"{steps[0]} steps."
    counts = ", ".join(map(str, steps))
    return f"{len(steps)} runs, each from the weights of the one before: {counts} steps."


def _average(manifest: Mapping[str, Any]) -> str:
    """Of weights that are not the last run's alone, and of detail that is not made in full."""
    share, detail = manifest.get("own_share", 1.0), manifest.get("detail", {})
    said = "" if share == 1.0 else f" Weights: {share:g} of the last run's, the rest of its start's."
    if any(value != 1.0 for value in detail.values()):
        parts = ", ".join(f"{value:g} ({part})" for part, value in detail.items())
        said += f" Of the detail that was learned it makes {parts}."
    return said


def licences(corpus_manifest: Mapping[str, Any]) -> str:
    """Terms and acknowledgements of weights, data, captions and text encoder, in Markdown."""
    return f"""# Licences and acknowledgements

Network weights: trained by nestmotion, Apache-2.0.

Training data: {corpus_manifest["licence"]}

{corpus_manifest["acknowledgement"]}

Captions: C. Guo, S. Zou, X. Zuo, S. Wang, W. Ji, X. Li, L. Cheng, "Generating Diverse and Natural 3D
Human Motions from Text", CVPR 2022 (HumanML3D), MIT licence.

Text encoder: all-MiniLM-L6-v2 (sentence-transformers), Apache-2.0, weights rounded to eight bits.
"""
