"""What a run begins with when it does not begin from nothing: another run's weights, or a bundle's."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nestmotion.core.errors import TrainingError
from nestmotion.features import Normalizer
from nestmotion.generate.bundle import Bundle, is_bundle
from nestmotion.models import build_model
from nestmotion.training.checkpoint import load_ema, read_progress
from nestmotion.training.config import TrainConfig
from nestmotion.training.run_folder import read_config, read_normalizer

__all__ = [
    "average_with_start",
    "check_own_share",
    "check_start",
    "learned_guidance",
    "load_start",
    "start_normalizer",
]

# What `Conditioned` calls the model inside, and what `compress_weights` calls halved weights.
_PREFIX, _HALF = "model.", "_h"


def check_start(config: TrainConfig) -> None:
    """Raises TrainingError, or BundleError, when there is nothing where a run is to start from, or
    nothing to learn guidance or detail from."""
    if config.learn_detail:
        _check_detail(config)
    if config.learn_guidance and not config.start_from:
        raise TrainingError(
            "guidance is learned from a trained model; name its run or bundle with --start-from"
        )
    if config.learn_guidance < 0:
        raise TrainingError(f"the guidance to learn must be above 0, not {config.learn_guidance:g}")
    if config.learn_guidance and not build_model(config.model, config.network).generative:
        raise TrainingError(
            f"model {config.model!r} makes its motion in one pass, without guidance to learn"
        )
    if config.teacher and not config.learn_guidance:
        raise TrainingError("a teacher's guidance is learned; say which with --learn-guidance")
    if config.learn_guidance and config.guidance_shape.sides and not config.data.twins:
        raise TrainingError(
            "guidance of sides is learned from clips beside their mirror images; leave --data.twins "
            "on, or --guidance-shape.sides out"
        )
    for folder in filter(None, (config.start_from, config.teacher)):
        if is_bundle(Path(folder)):
            Bundle.open(Path(folder))
        else:
            read_progress(Path(folder))
    if config.teacher and not _same(_normalizer(config.start_from), _normalizer(config.teacher)):
        raise TrainingError(
            f"{config.teacher} and {config.start_from} were taught with other means and deviations of "
            "the features, so that one cannot learn from the other; start from the teacher itself"
        )


def _check_detail(config: TrainConfig) -> None:
    if not config.start_from:
        raise TrainingError(
            "detail is learned for a trained model; name its run or bundle with --start-from"
        )
    if config.learn_guidance:
        raise TrainingError(
            "detail and guidance are learned one after the other; leave one of them out"
        )
    if config.model != "nested" or config.network.detail_width < 1:
        raise TrainingError(
            "there is no detail to learn; say how wide with --network.detail-width (of a nested model)"
        )


def start_normalizer(config: TrainConfig) -> Normalizer | None:
    """That of the run or bundle to start from, whose weights know no other; None without one."""
    return _normalizer(config.start_from) if config.start_from else None


def _normalizer(folder: str) -> Normalizer:
    path = Path(folder)
    return Bundle.open(path).normalizer if is_bundle(path) else read_normalizer(path)


def _same(one: Normalizer, other: Normalizer) -> bool:
    return bool(np.allclose(one.mean, other.mean) and np.allclose(one.std, other.std))


def learned_guidance(folder: Path) -> float:
    """The guidance that a run or bundle predicts with text; 1 for one that was taught by motion."""
    if is_bundle(folder):
        return float(Bundle.open(folder).manifest["sampling"]["learned_guidance"])
    return _guidance_of(read_config(folder))


def _guidance_of(config: TrainConfig) -> float:
    """What a run learned, or what was learned before it, where it left that as it was."""
    if config.learn_detail:
        return learned_guidance(Path(config.start_from))
    return config.learn_guidance or 1.0


def load_start(folder: Path, model: nn.Module) -> None:
    """Put the averaged weights of a run, or those of a bundle, into a model; what they lack is left as
    it is. A bundle's are float16's, and it lacks what only training needs (the spaces of contrasts).

    Raises TrainingError when they belong to another model, BundleError when the bundle is damaged.
    """
    if not is_bundle(folder):
        load_ema(folder, model, partly=True)
        return
    import onnx

    path = Bundle.open(folder).folder / "network.onnx"
    graph = onnx.load(path).graph
    found, wanted = _named(graph), model.state_dict()
    found |= _folded(graph)
    found |= _transposed(graph, {k: v for k, v in wanted.items() if k not in found})
    for name, _ in model.named_buffers():
        if name not in wanted:  # follows from the config
            found.pop(name, None)
    if any(k not in wanted or v.shape != tuple(wanted[k].shape) for k, v in found.items()):
        raise TrainingError(f"{path}: belongs to another model than the config describes")
    model.load_state_dict(wanted | {k: torch.tensor(v) for k, v in found.items()})


def check_own_share(run: Path, config: TrainConfig, own_share: float) -> None:
    """Raises TrainingError when a run's weights cannot be averaged so with those it started from."""
    if not 0.0 < own_share <= 1.0:
        raise TrainingError(
            f"a run's own share of the weights is above 0 and at most 1, not {own_share:g}"
        )
    if own_share < 1.0 and not config.start_from:
        raise TrainingError(
            "this run began with no other weights, so there are none to average its own with; "
            "leave --own-share out"
        )
    if own_share < 1.0 and config.learn_detail:
        raise TrainingError(
            "this run learned detail and nothing else; say how much of it with --detail.arms and "
            "--detail.rest, and leave --own-share out"
        )
    if own_share < 1.0 and not _same(read_normalizer(run), _normalizer(config.start_from)):
        raise TrainingError(
            f"{run} and {config.start_from} were taught with other means and deviations of the "
            "features, so that their weights have no average; leave --own-share out"
        )


def average_with_start(model: nn.Module, config: TrainConfig, own_share: float) -> float:
    """Average a run's weights with those it started from, in place (Wortsman et al., CVPR 2022), and
    return the guidance that the average has learned: own_share of the run's, the rest of the start's.
    """
    own = _guidance_of(config)
    if own_share == 1.0:
        return own
    folder, start = Path(config.start_from), copy.deepcopy(model)
    load_start(folder, start)
    with torch.no_grad():
        for mine, before in zip(model.parameters(), start.parameters(), strict=True):
            mine.lerp_(before, 1.0 - own_share)
    return own_share * own + (1.0 - own_share) * learned_guidance(folder)


def _initializers(graph: Any) -> dict[str, np.ndarray]:
    from onnx import numpy_helper

    arrays = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    return {k.removesuffix(_HALF) if v.dtype == np.float16 else k: v for k, v in arrays.items()}


def _named(graph: Any) -> dict[str, np.ndarray]:
    """Arrays that kept their names."""
    return {
        name.removeprefix(_PREFIX): array.astype(np.float32)
        for name, array in _initializers(graph).items()
        if name.startswith(_PREFIX)
    }


def _folded(graph: Any) -> dict[str, np.ndarray]:
    """The aligner's sharpness, of which the exporter kept the exponential: the number that squared
    distances are multiplied with (models/alignment.py)."""
    arrays = {k: v for k, v in _initializers(graph).items() if v.shape == () and k.startswith("exp")}
    squares = {node.output[0] for node in graph.node if node.op_type == "Pow"}
    for node in graph.node:
        factors = [arrays[name] for name in node.input if name in arrays]
        if node.op_type == "Mul" and factors and squares.intersection(node.input):
            return {"aligner.sharpness": np.log(factors[0])}
    return {}


def _transposed(graph: Any, missing: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Weights of linear layers, which the exporter transposes and renames: known by the bias that is
    added to their product, or, without one, by their shape and place in the graph."""
    arrays = {k: v for k, v in _initializers(graph).items() if not k.startswith(_PREFIX)}
    product = {
        node.output[0]: node.input[1]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in arrays
    }
    found = {}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        biases = [name for name in node.input if name.startswith(_PREFIX)]
        factors = [product[name] for name in node.input if name in product]
        if biases and factors:
            key = biases[0].removeprefix(_PREFIX).removesuffix(".bias") + ".weight"
            found[key] = arrays[factors[0]].astype(np.float32).T
            product = {k: v for k, v in product.items() if v != factors[0]}
    rest = [arrays[name].astype(np.float32).T for name in dict.fromkeys(product.values())]
    for key, value in missing.items():
        if key not in found:
            place = next((k for k, a in enumerate(rest) if a.shape == tuple(value.shape)), None)
            if place is not None:
                found[key] = rest.pop(place)
    return found
