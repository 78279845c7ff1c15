"""Several prompts in one run of the network: with many to make, each costs less than alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from nestmotion.core.errors import SettingsError
from nestmotion.features import FeatureLayout
from nestmotion.generate.alignment_map import AlignmentMap, Explained
from nestmotion.generate.pipeline import TextToMotion
from nestmotion.generate.prompt import check_prompt, check_request, check_seconds
from nestmotion.generate.sampler import sample
from nestmotion.generate.text_inputs import TextInputs
from nestmotion.generate.turns import prompts_by_turns
from nestmotion.text.nodes import stack_nodes

__all__ = ["Order", "alike", "explain_together", "settled"]


@dataclass(frozen=True)
class Order:
    """What is asked of the model; the meaning of each value is that of `TextToMotion.generate`."""

    text: str
    seconds: float | None = None
    seed: int = 0
    samples: int = 1
    steps: int | None = None
    guidance: float | None = None
    postprocess: bool = True
    by_turns: bool = True


def settled(model: TextToMotion, order: Order) -> Order:
    """The order with every value that was left to the model filled in, and checked.

    Raises PromptError when one is out of range.
    """
    limits = model.bundle.manifest["seconds"]
    prompt = check_prompt(order.text, model.encoder)
    steps, guidance = model.sampling(order.steps, order.guidance)
    check_seconds(order.seconds, limits["shortest"], limits["longest"])
    check_request(order.seed, order.samples, steps, guidance)
    order = replace(order, text=prompt, steps=steps, guidance=guidance)
    if order.seconds is None and not _is_several(model, order):  # turns say how long they take
        order = replace(order, seconds=model.predict_seconds(prompt))
    return order


def _is_several(model: TextToMotion, order: Order) -> bool:
    """Whether the text is made by turns and is several prompts so."""
    return order.by_turns and len(prompts_by_turns(model, order.text, order.seconds)) > 1


def alike(model: TextToMotion, order: Order) -> Hashable:
    """Settled orders with equal values cost less made together; others may cost more. None: alone."""
    if _is_several(model, order):
        return None
    frames = round((order.seconds or 0) * model.bundle.fps)
    return order.steps, order.guidance, model.padded(frames)


def explain_together(
    model: TextToMotion,
    orders: Sequence[Order],
    on_step: Callable[[float], None] = lambda done: None,
) -> list[list[Explained]]:
    """The samples of each order, as `TextToMotion.explain` makes them, up to rounding.

    Shorter clips are padded to the longest, so clips of like length gain the most. on_step is told the
    part done, 0 to 1, before each step of the sampler; what it raises ends the work. With a text of
    several turns all are made one after another, and on_step is called before each.
    Raises SettingsError when steps and guidance differ, PromptError as `settled` does.
    """
    orders = [settled(model, order) for order in orders]
    if any(_is_several(model, order) for order in orders):
        return [_alone(model, order, on_step) for order in orders]
    if len({(order.steps, order.guidance) for order in orders}) != 1:
        raise SettingsError("orders made together must have the same steps and guidance")
    clips = [_Clip(order, model.inputs_of(order.text), model) for order in orders]
    features, weight = _sample(model, clips, on_step)
    last = np.cumsum([order.samples for order in orders])
    return [
        [clip.explained(model, k, f, w) for k, (f, w) in enumerate(zip(rows, weights, strict=True))]
        for clip, rows, weights in zip(
            clips, np.split(features, last[:-1]), np.split(weight, last[:-1]), strict=True
        )
    ]


def _alone(model: TextToMotion, order: Order, on_step: Callable[[float], None]) -> list[Explained]:
    on_step(0.0)
    return model.explain(**asdict(order))


class _Clip:
    """What one order gives to the network and takes from it."""

    def __init__(self, order: Order, text: TextInputs, model: TextToMotion) -> None:
        self.order, self.text = order, text
        self.frames = max(round((order.seconds or 0) * model.bundle.fps), 1)
        self.padded = model.padded(self.frames)

    def noise(self, frames: int, columns: int, generative: bool) -> Float[np.ndarray, "s t f"]:
        """The noise that the order has alone, followed by zeros up to so many frames."""
        noise = np.zeros((self.order.samples, frames, columns))
        for k in range(self.order.samples if generative else 0):
            generator = np.random.default_rng((self.order.seed, k))
            noise[k, : self.padded] = generator.standard_normal((self.padded, columns))
        return noise

    def explained(
        self, model: TextToMotion, k: int, features: np.ndarray, weight: np.ndarray
    ) -> Explained:
        """Sample k from its rows of the result."""
        order = self.order
        motion = model.to_motion(features[: self.frames], None, order.postprocess)
        asked = {k: v for k, v in asdict(order).items() if k not in ("text", "samples")}
        motion = motion.with_metadata(**model.recipe(prompt=order.text, **asked), sample=k)
        weight = weight[: len(self.text.tree.nodes), : self.frames]
        return Explained(motion, partial(AlignmentMap, self.text.tree, weight, model.bundle.fps))


def _sample(
    model: TextToMotion, clips: Sequence[_Clip], on_step: Callable[[float], None]
) -> tuple[Float[np.ndarray, "b t f"], Float[np.ndarray, "b n t"]]:
    """Features, not normalised, and alignment of all rows, as long as the longest."""
    manifest = model.bundle.manifest
    generative = manifest["generative"]
    steps, weight = 1, 1.0
    if generative:
        order = clips[0].order
        assert order.steps is not None  # `settled` has filled both in
        assert order.guidance is not None
        steps, weight = order.steps, model.bundle.text_weight(order.guidance)
    padded, columns = max(clip.padded for clip in clips), FeatureLayout.of(model.bundle.skeleton).size
    noise = np.concatenate([clip.noise(padded, columns, generative) for clip in clips])
    nodes = stack_nodes([clip.text.nodes for clip in clips])
    owner = np.repeat(np.arange(len(clips)), [clip.order.samples for clip in clips])
    text = {
        "sentence": np.stack([clip.text.sentence for clip in clips])[owner],
        "mirrored": np.array([clip.text.mirrored for clip in clips])[owner],
        **{f"node_{f.name}": getattr(nodes, f.name)[owner] for f in fields(nodes)},
        "valid": np.arange(padded) < np.array([clip.frames for clip in clips])[owner, None],
    }
    done = 0

    def denoise(
        noisy: np.ndarray, time: np.ndarray, has_text: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        nonlocal done
        on_step(done / steps)
        done += 1
        times = len(noisy) // len(noise)  # 2 where the sampler asks with and without text at once
        inputs = {name: np.concatenate([rows] * times) for name, rows in text.items()}
        inputs |= {"noisy": noisy, "time": time, "has_text": has_text}
        inputs |= {"known": np.zeros(noisy.shape, dtype=bool)}
        return model.run(inputs)

    clean, alignment = sample(denoise, noise, steps, weight)
    return model.bundle.normalizer.denormalize(clean), model.by_frame(alignment, padded)
