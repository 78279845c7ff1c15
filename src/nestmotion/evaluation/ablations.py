"""What each piece of the method brings: trainings that leave one out. A new row is an entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from nestmotion.training.config import DataConfig, TrainConfig

__all__ = ["ABLATIONS", "WHOLE", "Ablation", "changed"]

WHOLE = "the whole method"


@dataclass(frozen=True)
class Ablation:
    """The whole method but for one thing.

    changes: settings of the training by dotted name. composed: whether compositions are learned from.
    stretch: so many times the epochs, where a batch holds so many times the clips.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    composed: bool = True
    stretch: int = 1


_KINEMATIC = ("position", "velocity", "acceleration", "contact", "ground")

# The first, WHOLE, is what the others are compared with. Then by how much of the method they leave out,
# so that what a short budget reaches says most.
ABLATIONS = (
    Ablation(WHOLE),
    Ablation("depth 1: the sentence alone", {"network.semantic_depth": 1}),
    Ablation("no local branch", {"network.local": False}),
    Ablation("no phrase contrast", {"loss.phrase": 0.0}),
    Ablation("no turn and order terms", {"loss.turns": 0.0, "loss.order": 0.0}),
    Ablation("no skeleton graph", {"network.graph": False}),
    Ablation("no kinematic losses", {f"loss.{name}": 0.0 for name in _KINEMATIC}),
    # Without the mirror image beside it, a batch holds twice as many clips.
    Ablation("no mirror images", {"data.twins": False, "data.mirror_share": 0.0}, stretch=2),
    Ablation("no compositions", composed=False),
    Ablation("no uncaptioned motion", {"data.uncaptioned_share": 0.0}),
    Ablation("no balanced drawing", {"data.balance": 0.0}),
    Ablation("depth 2: actions", {"network.semantic_depth": 2}),
    Ablation("depth 4: words", {"network.semantic_depth": 4}),
    Ablation("depth 5: word pieces", {"network.semantic_depth": 5}),
)


def changed(config: TrainConfig, ablation: Ablation, composed: bool) -> TrainConfig:
    """The training that leaves this piece out; composed: whether the whole learns from compositions.

    Where an epoch has fewer clips there are more epochs, rounded up: never fewer steps than the whole.
    Raises TypeError for a setting that is none.
    """
    whole = _clips(config.data, composed)
    for name, value in ablation.changes.items():
        group, key = name.split(".")
        part = getattr(config, group)
        config = replace(config, **{group: replace(part, **{key: value})})
    fewer = whole / _clips(config.data, composed and ablation.composed)
    return replace(config, epochs=ceil(config.epochs * ablation.stretch * fewer - 1e-6))


def _clips(data: DataConfig, composed: bool) -> float:
    """Clips an epoch, captioned ones counted as 1."""
    return 1 + data.uncaptioned_share + (data.composed_share if composed else 0)
