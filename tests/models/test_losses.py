"""The loss through kinematics, against the NumPy decoder, which shares only rotations with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import concatenate
from nestmotion.features import FeatureLayout, decode, encode
from nestmotion.features.layout import CONTACT_JOINTS
from nestmotion.models import LossWeights, MotionLoss
from synthetic_corpus import STANDING_M, moving, still

SK = canonical_skeleton()
LAYOUT = FeatureLayout()
FPS = 20.0
TERMS = {"features", "position", "velocity", "acceleration", "contact", "ground", "total"}
# Weights of what is learned of texts, which a motion's loss has no use for.
OF_TEXTS = {"sentence", "phrase", "turns", "order"}


def _loss(weights: LossWeights | None = None, mean: float = 0.0, std: float = 1.0) -> MotionLoss:
    size = LAYOUT.size
    statistics = torch.full((size,), mean), torch.full((size,), std)
    return MotionLoss(weights or LossWeights(), SK, *statistics, FPS)


def _batch(*motions: Motion) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of the motions, zero-padded to the longest, and which frames are valid."""
    longest = max(len(m) for m in motions)
    features = torch.zeros(len(motions), longest, LAYOUT.size)
    valid = torch.zeros(len(motions), longest, dtype=torch.bool)
    for row, motion in enumerate(motions):
        features[row, : len(motion)] = torch.from_numpy(encode(motion))
        valid[row, : len(motion)] = True
    return features, valid


def _clean(valid: torch.Tensor) -> torch.Tensor:
    """Noise times of rows without noise."""
    return torch.zeros(len(valid))


def _changed(features: torch.Tensor, block: str, by: float = 0.1, frames=slice(None)) -> torch.Tensor:
    result = features.clone()
    result[:, frames, LAYOUT[block]] += by
    return result


@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(2, 40))
def test_joints_are_where_the_decoder_puts_them(random_motion, seed, frames):
    """Positions and velocities of a decoded motion, brought to each frame's heading with SciPy."""
    features = encode(random_motion(frames, seed=seed))
    motion = decode(features, SK, FPS)
    to_heading = Rotation.from_euler("Y", -motion.heading_rad[:, None]).as_matrix()
    relative = motion.positions_m - motion.root_m[:, None]
    positions = np.einsum("tab,tjb->tja", to_heading, relative)
    velocities = np.einsum("tab,tjb->tja", to_heading[:-1], np.diff(motion.positions_m, axis=0) * FPS)
    # What the decoder does not read, the loss must not read either.
    features[:, LAYOUT["joint_positions"]] = 7.0
    features[:, LAYOUT["joint_velocities"]] = 7.0
    found, found_velocities = _loss()._joints(torch.from_numpy(features)[None])
    assert np.abs(found[0].numpy() - positions).max() < 1e-5
    assert np.abs(found_velocities[0].numpy() - velocities).max() < 5e-4


@given(seed=st.integers(0, 2**32 - 1))
def test_joints_of_rotations_that_no_motion_has(seed):
    """6D numbers as a network may give them: neither unit nor orthogonal."""
    features = np.random.default_rng(seed).normal(size=(3, LAYOUT.size)).astype(np.float32)
    motion = decode(features, SK, FPS)
    to_heading = Rotation.from_euler("Y", -motion.heading_rad[:, None]).as_matrix()
    found, _ = _loss()._joints(torch.from_numpy(features)[None])
    # A random root has a yaw of its own besides the heading: compare what no yaw can change.
    expected = np.einsum("tab,tjb->tja", to_heading, motion.positions_m - motion.root_m[:, None])
    for axis in (slice(1, 2), [0, 2]):
        ours = np.linalg.norm(found[0].numpy()[..., axis], axis=-1)
        assert np.abs(ours - np.linalg.norm(expected[..., axis], axis=-1)).max() < 1e-4


def test_the_truth_costs_nothing():
    target, valid = _batch(moving(30), moving(20, seed=1), still(10))
    terms = _loss()(target, target, valid, _clean(valid))
    assert set(terms) == TERMS
    assert terms["features"] == 0
    assert terms["position"] < 1e-10
    assert terms["velocity"] < 1e-7
    assert terms["acceleration"] < 1e-4
    assert terms["contact"] < 1e-7
    assert terms["ground"] < 1e-12


@pytest.mark.parametrize(
    ("block", "frames", "raised"),
    [
        ("root_path", slice(None), {"features"}),
        ("root_heading", slice(None), {"features"}),
        ("root_height", slice(None), {"features"}),  # raised: -0.1 would go under the floor
        ("root_height", slice(5, 6), {"features", "velocity", "acceleration", "contact"}),
        ("root_velocity", slice(None), {"features", "velocity", "contact"}),
        ("heading_velocity", slice(None), {"features", "velocity", "contact"}),
        ("rotations", slice(None), {"features", "position", "velocity", "acceleration", "ground"}),
        (
            "rotations",
            slice(5, 6),
            {"features", "position", "velocity", "acceleration", "contact", "ground"},
        ),
        ("joint_positions", slice(None), {"features"}),
        ("joint_velocities", slice(None), {"features"}),
        ("contacts", slice(None), {"features"}),
    ],
)
def test_what_each_mistake_costs(block, frames, raised):
    """A body standing still turns with 0.1 rad/s more, and so on: which terms notice?"""
    motion = still(20) if "contact" in raised else concatenate([moving(30), still(20)])
    target, valid = _batch(motion)
    before = _loss()(target, target, valid, _clean(valid))
    after = _loss()(_changed(target, block, frames=frames), target, valid, _clean(valid))
    risen = {name for name in TERMS - {"total"} if after[name] > before[name] + 1e-6}
    assert risen - {"contact"} == raised - {"contact"}
    assert "contact" not in raised or "contact" in risen
    assert after["total"] > before["total"]


def test_every_term_by_its_formula():
    """From joints that the tests above compare with the decoder's, summed here in NumPy."""
    target, valid = _batch(concatenate([moving(20), still(20)]))
    predicted = target.clone()
    rng = np.random.default_rng(0)
    noise = torch.from_numpy(rng.normal(scale=0.05, size=predicted.shape).astype(np.float32))
    predicted[..., LAYOUT["rotations"]] += noise[..., LAYOUT["rotations"]]
    terms = _loss()(predicted, target, valid, _clean(valid))
    joints, velocities = (x[0].numpy() for x in _loss()._joints(predicted))
    wanted, wanted_velocities = (x[0].numpy() for x in _loss()._joints(target))
    position = np.mean(np.sum((joints - wanted)[:, 1:] ** 2, axis=-1))
    velocity = np.mean(np.sum((velocities - wanted_velocities) ** 2, axis=-1))
    jolt = np.diff(velocities - wanted_velocities, axis=0) * FPS
    acceleration = np.mean(np.sum(jolt**2, axis=-1))
    stands = target[0, :-1, LAYOUT["contacts"]].numpy().astype(bool)
    feet = [SK.index(name) for name in CONTACT_JOINTS]
    speed, true_speed = (np.linalg.norm(v[:, feet], axis=-1) for v in (velocities, wanted_velocities))
    contact = (np.maximum(speed - true_speed, 0)[stands] ** 2).mean()
    column = np.ones(LAYOUT.size)
    column[: LAYOUT["rotations"].start] = 3.0
    square = (predicted - target)[0].numpy() ** 2 * column / column.mean()
    assert float(terms["position"]) == pytest.approx(position, rel=1e-4)
    assert float(terms["velocity"]) == pytest.approx(velocity, rel=1e-4)
    assert float(terms["acceleration"]) == pytest.approx(acceleration, rel=1e-4)
    assert float(terms["contact"]) == pytest.approx(contact, rel=1e-4)
    assert float(terms["features"]) == pytest.approx(square.mean(), rel=1e-4)
    lowest = wanted[:, feet, 1] + target[0, :, LAYOUT["root_height"]].numpy()
    depth = np.minimum(lowest, 0) - joints[:, feet, 1] - predicted[0, :, LAYOUT["root_height"]].numpy()
    ground = np.mean(np.maximum(depth, 0) ** 2)
    assert float(terms["ground"]) == pytest.approx(ground, rel=1e-3)
    weights = {name: w for name, w in vars(LossWeights()).items() if name not in OF_TEXTS | {"root"}}
    total = sum(weight * terms[name] for name, weight in weights.items())
    assert float(terms["total"]) == pytest.approx(float(total), rel=1e-6)
    assert min(position, velocity, contact) > 1e-4
    assert ground > 1e-7


def test_half_the_power_is_half_of_what_goes_through_kinematics():
    target, valid = _batch(moving(20), still(20))
    predicted = _changed(_changed(target, "rotations", 0.05), "root_velocity", 0.5)
    predicted[..., LAYOUT["root_height"]] -= 0.1
    clean, noisy = (_loss()(predicted, target, valid, t + _clean(valid)) for t in (0.0, 0.5))
    share = {name: float(noisy[name] / clean[name]) for name in TERMS - {"total"}}
    halves = dict.fromkeys(TERMS - {"total"}, 0.5)
    assert share == pytest.approx(halves | {"features": 1.0}, rel=1e-5)


def test_contact_is_the_speed_of_feet_that_stand():
    """Standing feet dragged along at 0.5 m/s: (0.5 m/s)^2, half of it where half of the power is noise
    and nothing where all of it is, and nothing for a body in the air."""
    target, valid = _batch(still(20))
    predicted = target.clone()
    predicted[..., LAYOUT["root_velocity"].start] += 0.5
    assert float(_loss()(predicted, target, valid, _clean(valid))["contact"]) == pytest.approx(
        0.25, rel=1e-4
    )
    for time, contact in ((0.5, 0.125), (1.0, 0.0)):
        found = _loss()(predicted, target, valid, torch.tensor([time]))["contact"]
        assert float(found) == pytest.approx(contact, abs=1e-6)
    flying = target.clone()
    flying[..., LAYOUT["contacts"]] = 0
    assert float(_loss()(predicted, flying, valid, _clean(valid))["contact"]) == 0


def test_feet_that_slide_in_truth_may_slide_as_fast():
    """Dragged at 0.3 m/s in truth: nothing for 0.3 and for 0, (0.2 m/s)^2 for 0.5."""
    still_feet, valid = _batch(still(20))
    column = LAYOUT["root_velocity"].start
    made = {speed: still_feet.clone() for speed in (0.0, 0.3, 0.5)}
    for speed, features in made.items():
        features[..., column] += speed
    target = made[0.3].clone()
    target[..., LAYOUT["joint_velocities"]].unflatten(-1, (-1, 3))[..., 0] += 0.3
    costs = {
        speed: float(_loss()(f, target, valid, _clean(valid))["contact"]) for speed, f in made.items()
    }
    assert costs == pytest.approx({0.0: 0.0, 0.3: 0.0, 0.5: 0.04}, abs=1e-5)


def test_ground_is_the_depth_of_feet_under_the_floor():
    """A body 0.2 m too low: (0.2 m)^2 for the toes, which touch the floor, less for the ankles."""
    target, valid = _batch(still(20))
    ankle = float(SK.rest_positions_m[SK.index("left_ankle"), 1] + STANDING_M)
    assert 0.01 < ankle < 0.2
    expected = (0.2**2 + (0.2 - ankle) ** 2) / 2
    found = _loss()(_changed(target, "root_height", -0.2), target, valid, _clean(valid))["ground"]
    assert float(found) == pytest.approx(expected, rel=1e-3)
    assert (
        float(_loss()(_changed(target, "root_height", 0.2), target, valid, _clean(valid))["ground"])
        == 0
    )


def test_a_foot_may_be_under_the_floor_where_the_true_one_is():
    target, valid = _batch(still(20))
    sunk = _changed(target, "root_height", -0.2)
    assert float(_loss()(sunk, sunk, valid, _clean(valid))["ground"]) < 1e-12
    deeper = _changed(target, "root_height", -0.3)
    assert float(_loss()(deeper, sunk, valid, _clean(valid))["ground"]) == pytest.approx(
        0.1**2, rel=1e-3
    )


@pytest.mark.parametrize("name", ["position", "velocity", "acceleration", "contact", "ground"])
def test_each_weight_weighs_its_own_term(name):
    target, valid = _batch(concatenate([moving(20), still(20)]))
    predicted = _changed(target, "rotations", 0.05)
    predicted[..., LAYOUT["root_height"]] -= 0.1
    predicted[..., LAYOUT["root_velocity"]] += 0.3
    base = _loss()(predicted, target, valid, _clean(valid))
    weights = replace(LossWeights(), **{name: getattr(LossWeights(), name) + 2.0})
    terms = _loss(weights)(predicted, target, valid, _clean(valid))
    assert float(terms["total"] - base["total"]) == pytest.approx(2 * float(base[name]), rel=1e-3)
    assert float(base[name]) > 1e-3


def test_the_shipped_weights():
    assert vars(LossWeights()) == {
        "features": 1.0,
        "root": 3.0,
        "position": 3.0,
        "velocity": 0.3,
        "acceleration": 0.001,
        "contact": 1.0,
        "ground": 10.0,
        "sentence": 0.02,
        "phrase": 0.02,
        "turns": 0.1,
        "order": 0.1,
    }


def test_padding_costs_nothing():
    target, valid = _batch(moving(30), moving(20, seed=1))
    predicted = _changed(target, "rotations", 0.05)
    clean = _loss()(predicted, target, valid, _clean(valid))
    for spoiled in (predicted, target):
        spoiled[1, 20:] = 50.0
    again = _loss()(predicted, target, valid, _clean(valid))
    for name in TERMS:
        assert float(again[name]) == pytest.approx(float(clean[name]), rel=1e-6), name


def test_every_frame_counts_the_same_whatever_clip_it_is_in():
    long, short = moving(40), moving(10, seed=1)
    values = []
    for motions in ((long, short), (long,), (short,)):
        target, valid = _batch(*motions)
        wrong = target + torch.where(torch.arange(len(target[0]))[:, None] < 5, 0.1, 0.0)
        values.append(float(_loss()(wrong, target, valid, _clean(valid))["position"]))
    assert values[0] == pytest.approx((40 * values[1] + 10 * values[2]) / 50, rel=1e-4)


def test_normalisation_is_undone_before_kinematics():
    target, valid = _batch(moving(20))
    predicted = _changed(target, "rotations", 0.05)
    plain = _loss()(predicted, target, valid, _clean(valid))
    normalized = _loss(mean=0.5, std=2.0)(
        (predicted - 0.5) / 2, (target - 0.5) / 2, valid, _clean(valid)
    )
    for name in ("position", "velocity", "acceleration", "contact", "ground"):
        assert float(normalized[name]) == pytest.approx(float(plain[name]), rel=1e-3), name
    assert float(normalized["features"]) == pytest.approx(float(plain["features"]) / 4, rel=1e-4)


def test_one_everywhere_is_an_error_of_one_and_the_root_counts_more():
    target, valid = _batch(still(8))
    only = LossWeights(root=3.0, position=0, velocity=0, acceleration=0, contact=0, ground=0)
    terms = _loss(only)(target + 1, target, valid, _clean(valid))
    assert set(terms) == {"features", "total"}
    assert float(terms["features"]) == pytest.approx(1.0, rel=1e-5)
    root = float(_loss(only)(_changed(target, "root_height"), target, valid, _clean(valid))["features"])
    other = target.clone()
    other[..., LAYOUT["rotations"].start] += 0.1
    assert root == pytest.approx(
        3 * float(_loss(only)(other, target, valid, _clean(valid))["features"]), rel=1e-4
    )


@pytest.mark.parametrize("kind", ["truth", "random", "zero", "large"])
def test_gradients_are_finite(kind):
    target, valid = _batch(moving(20), still(12))
    generator = torch.Generator().manual_seed(0)
    predicted = {
        "truth": target.clone(),
        "random": torch.randn(target.shape, generator=generator),
        "zero": torch.zeros_like(target),  # 6D rotations of length zero
        "large": 100 * torch.randn(target.shape, generator=generator),
    }[kind].requires_grad_()
    terms = _loss()(predicted, target, valid, _clean(valid))
    terms["total"].backward()
    assert torch.isfinite(terms["total"])
    assert torch.isfinite(predicted.grad).all()
    if kind == "random":
        assert (predicted.grad[0, 5, LAYOUT["rotations"]] != 0).all()
    assert not predicted.grad[1, 12:].any()
