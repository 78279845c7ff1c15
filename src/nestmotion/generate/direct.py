"""From a scene to its motion: plan, sample, meet what was asked for, say what is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from nestmotion import __version__
from nestmotion.core import Motion
from nestmotion.core.edit import canonicalize
from nestmotion.core.errors import PromptError
from nestmotion.core.smoothing import share_beside
from nestmotion.features import FeatureLayout, decode
from nestmotion.features.parts import PARTS, part_columns
from nestmotion.generate.amplitude import Amplitude, amplified
from nestmotion.generate.beginning import first_heading
from nestmotion.generate.exactness import held_feet, meet, with_kept
from nestmotion.generate.loop import close, in_place, with_neighbours
from nestmotion.generate.plan import Plan, make_plan
from nestmotion.generate.postprocess import postprocess as make_feet_stand
from nestmotion.generate.prompt import check_request
from nestmotion.generate.pull import make_pull
from nestmotion.generate.remaining import remaining
from nestmotion.generate.sampler import FADE_FRAMES
from nestmotion.generate.scene import Prompt, Scene, SceneResult
from nestmotion.generate.scene_check import complete_scene
from nestmotion.generate.timeline import NOBODY, Timeline, Window, sample_timeline, windows_of

if TYPE_CHECKING:
    from nestmotion.generate.pipeline import TextToMotion

__all__ = ["direct", "sample_plan"]

# A text reaches so far into what is before and after it, and no further than the network was taught.
OVERLAP_S = 0.5
LONGEST_S = 8.0

# Between poses the root keeps to its path at times so far apart; between these it may sway.
SWAY_S = 0.4

# What stands in for the text where there is none; the network is told not to heed it.
_NO_TEXT = "a person"


def sample_plan(
    model: TextToMotion,
    plan: Plan,
    prompts: Sequence[Prompt],
    noise_seed: tuple[int, int],
    steps: int,
    loop: bool = False,
) -> Float[np.ndarray, "t f"]:
    """Features of a plan by the model, in the plan's world, not normalised."""
    bundle = model.bundle
    skeleton, fps, sampling = bundle.skeleton, bundle.fps, bundle.manifest["sampling"]
    layout = FeatureLayout.of(skeleton)
    limits, overlap = bundle.manifest["seconds"], round(OVERLAP_S * fps)
    most, longest = round(limits["longest"] * fps), round(LONGEST_S * fps)
    if not loop and plan.frames <= most and (plan.owners == plan.owners[0, 0]).all():
        longest = most + 2 * overlap  # one text alone is made as `generate` makes it
    windows = windows_of(plan.owners, overlap, round(limits["shortest"] * fps), longest, loop)
    shape = (model.padded(plan.frames), layout.size)
    noise = np.random.default_rng(noise_seed).standard_normal(shape)[: plan.frames]
    if not bundle.manifest["generative"]:
        noise, steps = np.zeros_like(noise), 1
    guidances = [sampling["guidance"] if p.strength is None else p.strength for p in prompts]
    weights = [bundle.text_weight(guidance) for guidance in guidances]
    texts = [model.read(p.text) for p in prompts]
    nothing = model.read(_NO_TEXT)

    def denoise(window: Window, noisy: np.ndarray, now: float, known: np.ndarray) -> np.ndarray:
        text = nothing if window.owner == NOBODY else texts[window.owner]
        weight = 0.0 if window.owner == NOBODY else weights[window.owner]
        return model.predict_clean(noisy, now, known, text, weight)

    columns = np.stack([part_columns(skeleton, [part]) for part in PARTS])
    pull = make_pull(plan, skeleton, fps)
    timeline = Timeline(windows, columns, plan.known, plan.guess, loop, pull)
    return sample_timeline(timeline, denoise, noise, steps, bundle.normalizer, layout, fps)


def direct(
    model: TextToMotion,
    scene: Scene,
    seed: int,
    sample: int,
    steps: int | None,
    exact: bool,
    postprocess: bool,
) -> SceneResult:
    """As `TextToMotion.scene`, whose method this is."""
    bundle = model.bundle
    steps, guidance = model.sampling(steps, None)
    check_request(seed, 1, steps, guidance)
    if sample < 0:
        raise PromptError(f"the sample must be 0 or more, not {sample}")
    scene = complete_scene(scene, bundle.skeleton, bundle.fps, model.predict_seconds)
    plan = make_plan(scene, bundle.skeleton, bundle.fps)
    if plan.leads:
        bundle.check_controllable()
    features = sample_plan(model, plan, scene.prompts, (seed, sample), steps, scene.loop)
    layout = FeatureLayout.of(bundle.skeleton)
    given = _given(plan, scene.loop, layout, bundle.fps)
    raw = decode(features, bundle.skeleton, bundle.fps, given)
    raw = _amplified(raw, plan, bundle.amplitude, scene.loop)
    if not plan.leads:
        raw = canonicalize(raw)
    contact = np.clip(features[:, layout["contacts"]], 0.0, 1.0)
    motion = _finished(raw, plan, scene, contact, exact, postprocess)
    recipe = {
        "prompts": [[p.text, p.start_s, p.end_s, list(p.parts)] for p in scene.prompts],
        **({"prompt": scene.prompts[0].text} if len(scene.prompts) == 1 else {}),
        **{name: True for name in ("loop", "in_place") if getattr(scene, name)},
        "seed": seed,
        "sample": sample,
        "steps": steps,
        "exact": exact,
        "postprocess": postprocess,
        "bundle": bundle.name,
        "bundle_digest": bundle.digest,
        "nestmotion": __version__,
    }
    raw, motion = (m.frames(plan.lead, plan.frames).with_metadata(**recipe) for m in (raw, motion))
    return SceneResult(motion, remaining(motion, scene), raw)


def _finished(
    motion: Motion,
    plan: Plan,
    scene: Scene,
    contact: Float[np.ndarray, "t 4"],
    exact: bool,
    stand: bool,
) -> Motion:
    """The sampled motion brought to its wishes, standing on its feet, in place or a loop."""
    if not (plan.leads or scene.in_place or scene.loop):
        return make_feet_stand(motion, contact) if stand else motion
    if exact:
        motion = meet(motion, plan)
    if stand:
        held = held_feet(plan, motion) if exact else None
        if scene.loop:
            held = None if held is None else np.tile(held, (3, 1))
            around = make_feet_stand(with_neighbours(motion), np.tile(contact, (3, 1)), held=held)
            motion = around.frames(plan.frames, 2 * plan.frames)
        else:
            motion = make_feet_stand(motion, contact, held=held)
    if scene.in_place:
        motion = in_place(motion, max(plan.lead - 1, 0))
        motion = meet(motion, plan) if exact else motion
    motion = close(motion) if scene.loop else motion
    return with_kept(motion, plan) if exact else motion


def _amplified(motion: Motion, plan: Plan, amplitude: Amplitude, loop: bool) -> Motion:
    """The motion with the bundle's amplitude but where poses or joints were asked for."""
    held = np.zeros(plan.frames, dtype=bool)
    held[[*plan.poses, *plan.points.frame]] = True
    for first, kept in plan.kept:
        held[first : first + len(kept.motion)] = True
    share = share_beside(np.tile(held, 3 if loop else 1), FADE_FRAMES)
    if not loop:
        return amplified(motion, amplitude, share)
    return amplified(with_neighbours(motion), amplitude, share).frames(plan.frames, 2 * plan.frames)


def _given(plan: Plan, loop: bool, layout: FeatureLayout, fps: float) -> Bool[np.ndarray, "t f"]:
    """What no velocity may overrule, of what is known and of what targets need; a loop has no first
    frame."""
    firm = np.zeros(plan.frames, dtype=bool)
    firm[:: round(SWAY_S * fps)] = True
    firm[[*plan.poses, -1]] = True
    for first, kept in plan.kept:
        firm[first : first + len(kept.motion)] = True
    given = plan.known.mask & firm[:, None]
    # The root was put where joints reach their targets (generate/pull.py).
    given[plan.points.world_frames, layout["root_path"]] = True
    return given if loop else given | first_heading(layout, plan.frames)
