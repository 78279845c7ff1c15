"""What a network does less well to one side is made as its mirror image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core.errors import SettingsError
from nestmotion.features import FeatureLayout, mirror_features
from nestmotion.features.known import known_frames
from nestmotion.generate import TextToMotion
from nestmotion.generate.sides import WeakSide, into_the_mirror, says_weak_side
from nestmotion.text.mirror import mirror_text

SIZE = FeatureLayout(22).size
WEAK = WeakSide(turns="right", others="left")


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


@pytest.mark.parametrize(
    ("text", "weak"),
    [
        ("a person raises the left hand", True),
        ("a person raises the right hand", False),
        ("a person raises the left hand, then the right hand", False),
        ("a person steps to the left.", True),
        ("a person turns to the left", False),
        ("a person turns to the right", True),
        ("a person walks in a circle clockwise", True),
        ("a person walks in a circle counter-clockwise", False),
        ("a person turns and waves with the left hand", True),
        ("a person turns and waves with the right hand", False),
        ("a person walks right away", False),
        ("a person walks", False),
    ],
)
def test_texts_of_the_weak_side(text, weak):
    assert says_weak_side(text, WEAK) is weak
    assert not says_weak_side(text, WeakSide())
    other = WeakSide(turns="left", others="right")
    assert says_weak_side(mirror_text(text), other) is weak


def test_there_are_two_sides():
    with pytest.raises(SettingsError) as error:
        WeakSide(turns="up")
    assert str(error.value) == "a weak side is left or right, or left out, not 'up'"


def test_one_side_is_the_mirror_image_of_the_other(model):
    """With noise and what is known in the mirror, too."""
    assert model.bundle.weak_side == WEAK
    told = model.inputs_of("a person kicks with the left leg")
    assert told.mirrored
    assert told.tree.prompt == "a person kicks with the left leg"
    (start,) = model.generate("a person stands still", 2.0, by_turns=False)
    known = known_frames(start, slice(0, 8), 40)
    other = replace(known, features=mirror_features(known.features))
    noisy = np.random.default_rng(0).standard_normal((40, known.mask.shape[1])).astype(np.float32)
    left = model.predict_clean(noisy, 0.7, known.mask, told, 1.0)
    told = model.inputs_of("a person kicks with the right leg")
    assert not told.mirrored
    right = model.predict_clean(mirror_features(noisy), 0.7, other.mask, told, 1.0)
    np.testing.assert_allclose(left, mirror_features(right), atol=2e-5)


def test_a_mask_is_mirrored_with_its_motion():
    rng = np.random.default_rng(1)
    noisy = rng.standard_normal((2, 16, SIZE)).astype(np.float32)
    known = rng.random(noisy.shape) < 0.3
    turned = into_the_mirror({"noisy": noisy, "known": known, "mirrored": np.array([False, True])})
    np.testing.assert_array_equal(turned["noisy"][0], noisy[0])
    np.testing.assert_array_equal(turned["known"][0], known[0])
    np.testing.assert_array_equal(turned["known"][1], mirror_features(known[1] * 1.0) != 0)
    kept = np.where(known[1], noisy[1], 0)
    np.testing.assert_array_equal(
        np.where(turned["known"][1], turned["noisy"][1], 0), mirror_features(kept)
    )


def test_the_better_side_is_made_as_it_was(model):
    manifest = model.bundle.manifest
    sampling = {k: v for k, v in manifest["sampling"].items() if k != "weak_side"}
    plain = replace(model.bundle, manifest=manifest | {"sampling": sampling})
    before = TextToMotion(plain, model.encoder, model._reader, model._network)
    text = "a person raises the right hand"
    (one,), (other,) = (m.generate(text, 2.0, 3) for m in (model, before))
    np.testing.assert_array_equal(one.positions_m, other.positions_m)
    (one,), (other,) = (m.generate(mirror_text(text), 2.0, 3) for m in (model, before))
    assert np.abs(one.positions_m - other.positions_m).max() > 0.01


def test_who_turns_to_the_right_turns_as_far_as_to_the_left(model):
    turned = {
        side: [
            float(motion.heading_rad[-1])
            for seed in range(3)
            for motion in model.generate(f"a person turns to the {side}", 4.0, seed)
        ]
        for side in ("left", "right")
    }
    assert min(turned["left"]) > np.deg2rad(60)
    assert max(turned["right"]) < -np.deg2rad(60)
    assert np.mean(turned["left"]) == pytest.approx(-np.mean(turned["right"]), rel=0.25)
