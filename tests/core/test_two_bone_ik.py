"""Properties of two-bone inverse kinematics on random limbs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core.rotations import (
    quat_apply,
    quat_from_axis_angle,
    quat_from_rotation_vector,
)
from nestmotion.core.two_bone_ik import two_bone_ik

X = np.array([1.0, 0.0, 0.0])
SEEDS = st.integers(0, 100_000)


class Limb(NamedTuple):
    start: np.ndarray
    middle: np.ndarray
    end: np.ndarray
    axis: np.ndarray

    @property
    def lengths(self) -> tuple[float, float]:
        return float(np.linalg.norm(self.middle - self.start)), float(
            np.linalg.norm(self.end - self.middle)
        )


def limb(seed: int, bend: float) -> Limb:
    """A leg in a random attitude whose knee is bent by `bend` radians backwards about its axis."""
    rng = np.random.default_rng(seed)
    turn = quat_from_rotation_vector(rng.normal(size=3))
    upper = np.array([0.0, -rng.uniform(0.3, 0.5), 0.0])
    lower = quat_apply(
        quat_from_axis_angle(X, np.asarray(bend)), np.array([0, -rng.uniform(0.3, 0.5), 0])
    )
    start = rng.normal(size=3)
    middle = start + quat_apply(turn, upper)
    return Limb(start, middle, middle + quat_apply(turn, lower), quat_apply(turn, X))


def solved(leg: Limb, target: np.ndarray) -> Limb:
    upper, lower = two_bone_ik(leg.start, leg.middle, leg.end, target, leg.axis)
    middle = leg.start + quat_apply(upper, leg.middle - leg.start)
    end = middle + quat_apply(lower, leg.end - leg.middle)
    return Limb(leg.start, middle, end, quat_apply(upper, leg.axis))


def bend_of(leg: Limb) -> float:
    """Signed bend about the axis."""
    upper, lower = leg.middle - leg.start, leg.end - leg.middle
    return float(np.arctan2(np.cross(upper, lower) @ leg.axis, upper @ lower))


def target_for(leg: Limb, seed: int, share: float) -> np.ndarray:
    """A point near the limb's direction, at a share of the way from folded to straight."""
    rng = np.random.default_rng(seed + 1)
    a, b = leg.lengths
    line = (leg.end - leg.start) / np.linalg.norm(leg.end - leg.start)
    aside = np.cross(line, rng.normal(size=3))
    axis = aside / np.linalg.norm(aside)
    turned = quat_apply(quat_from_axis_angle(axis, np.asarray(rng.uniform(0, 1.0))), line)
    return leg.start + turned * (abs(a - b) + share * (a + b - abs(a - b)))


@given(seed=SEEDS, bend=st.floats(0.0, 2.5), share=st.floats(0.02, 0.999))
def test_reachable_targets_are_reached_with_bones_of_the_same_length(
    seed: int, bend: float, share: float
) -> None:
    leg = limb(seed, bend)
    target = target_for(leg, seed, share)
    new = solved(leg, target)
    np.testing.assert_allclose(new.end, target, atol=1e-6)
    np.testing.assert_allclose(new.lengths, leg.lengths, atol=1e-12)


@given(seed=SEEDS, bend=st.floats(0.0, 2.5), share=st.floats(0.02, 0.999))
def test_the_hinge_bends_in_its_own_plane_and_never_backwards(
    seed: int, bend: float, share: float
) -> None:
    leg = limb(seed, bend)
    new = solved(leg, target_for(leg, seed, share))
    for bone in (new.middle - new.start, new.end - new.middle):
        assert abs(bone @ new.axis) < 1e-6
    assert bend_of(new) > 0


@given(seed=SEEDS, bend=st.floats(0.2, 2.5))
def test_where_it_already_is_nothing_turns(seed: int, bend: float) -> None:
    leg = limb(seed, bend)
    for turn in two_bone_ik(leg.start, leg.middle, leg.end, leg.end, leg.axis):
        np.testing.assert_allclose(np.abs(turn), [0, 0, 0, 1], atol=1e-6)


@given(seed=SEEDS, bend=st.floats(0.0, 2.5), times=st.floats(1.0, 4.0))
def test_beyond_reach_the_limb_is_straight_and_points_at_the_target(
    seed: int, bend: float, times: float
) -> None:
    leg = limb(seed, bend)
    reach = sum(leg.lengths)
    far = leg.start + (target_for(leg, seed, 1.0) - leg.start) * times
    nearest = leg.start + (far - leg.start) * (reach / np.linalg.norm(far - leg.start))
    np.testing.assert_allclose(solved(leg, far).end, nearest, atol=1e-6)


@given(seed=SEEDS, bend=st.floats(0.2, 2.5))
def test_a_target_too_close_folds_the_limb(seed: int, bend: float) -> None:
    leg = limb(seed, bend)
    a, b = leg.lengths
    close = leg.start + (leg.end - leg.start) * 1e-3
    assert np.linalg.norm(solved(leg, close).end - leg.start) == pytest.approx(
        max(abs(a - b), np.linalg.norm(close - leg.start)), abs=1e-6
    )


@pytest.mark.parametrize("bend", [0.0, -0.15, -0.5])
def test_a_straight_or_overstretched_knee_comes_forward(bend: float) -> None:
    leg = limb(3, bend)
    target = leg.start + 0.9 * (leg.end - leg.start)
    new = solved(leg, target)
    np.testing.assert_allclose(new.end, target, atol=1e-6)
    assert bend_of(new) > 0.5


@given(seed=SEEDS, bend=st.floats(-0.1, 2.5), share=st.floats(0.1, 0.99))
def test_a_little_farther_turns_it_a_little_more(seed: int, bend: float, share: float) -> None:
    leg = limb(seed, bend)
    target = target_for(leg, seed, share)
    step = 1e-5 * np.random.default_rng(seed).normal(size=3)
    before, after = solved(leg, target), solved(leg, target + step)
    assert np.linalg.norm(after.middle - before.middle) < 100 * np.linalg.norm(step)


def test_many_limbs_at_once() -> None:
    legs = [limb(seed, 0.8) for seed in range(6)]
    targets = np.array([target_for(leg, 7, 0.7) for leg in legs])
    columns = [np.array(c).reshape(3, 2, 3) for c in zip(*legs, strict=True)]
    start, middle, end, axis = columns
    upper, lower = two_bone_ik(start, middle, end, targets.reshape(3, 2, 3), axis)
    reached = start + quat_apply(upper, middle - start) + quat_apply(lower, end - middle)
    np.testing.assert_allclose(reached.reshape(6, 3), targets, atol=1e-6)
