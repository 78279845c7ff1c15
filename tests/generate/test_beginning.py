"""Every clip begins with heading 0, whatever the network says."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.core import canonical_skeleton
from nestmotion.features import FeatureLayout, Normalizer
from nestmotion.generate import TextToMotion
from nestmotion.generate.beginning import facing_ahead, first_heading
from nestmotion.generate.sampler import FADE_FRAMES

LAYOUT = FeatureLayout.of(canonical_skeleton())
HEADING = LAYOUT["root_heading"]


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


def test_a_prediction_faces_ahead_in_its_first_frame_and_keeps_what_is_later():
    rng = np.random.default_rng(0)
    clean = rng.standard_normal((3, 40, LAYOUT.size)).astype(np.float32)
    mean, std = rng.standard_normal(LAYOUT.size), rng.uniform(0.5, 2, LAYOUT.size)
    normalizer = Normalizer(mean.astype(np.float32), std.astype(np.float32))
    given = clean.copy()
    found = facing_ahead(clean, normalizer, LAYOUT)
    np.testing.assert_array_equal(clean, given)
    first = normalizer.denormalize(found)[:, 0, HEADING]
    np.testing.assert_allclose(first, np.tile((1.0, 0.0), (3, 1)), atol=1e-5)
    np.testing.assert_array_equal(found[:, FADE_FRAMES:], clean[:, FADE_FRAMES:])
    others = np.delete(np.arange(LAYOUT.size), np.r_[HEADING])
    np.testing.assert_array_equal(found[..., others], clean[..., others])
    np.testing.assert_allclose(facing_ahead(found, normalizer, LAYOUT), found, atol=1e-5)


def test_the_change_fades_without_a_step():
    clean = np.zeros((1, 40, LAYOUT.size), dtype=np.float32)
    clean[..., HEADING] = (0.0, 1.0)
    one = Normalizer(np.zeros(LAYOUT.size, np.float32), np.ones(LAYOUT.size, np.float32))
    sine = facing_ahead(clean, one, LAYOUT)[0, :, HEADING][:, 1]
    assert sine[0] == pytest.approx(0)
    assert (np.diff(sine) >= 0).all()
    assert np.diff(sine).max() < 2 / FADE_FRAMES


def test_only_the_first_heading_is_firm():
    firm = first_heading(LAYOUT, 30)
    assert np.argwhere(firm).tolist() == [[0, HEADING.start], [0, HEADING.start + 1]]


@pytest.mark.parametrize("by_turns", [False, True])
def test_who_turns_around_faces_the_other_way(model, by_turns):
    """Before, what the guided prediction said of the first frame was taken for where one begins: who
    was to turn by a half turned by a quarter."""
    text = "a person walks forward, then turns around" if by_turns else "a person turns around"
    motions = [model.generate(text, 5.0, seed, by_turns=by_turns)[0] for seed in range(3)]
    for motion in motions:
        assert motion.heading_rad[0] == pytest.approx(0, abs=1e-3)
    turned = [abs(float(motion.heading_rad[-1])) for motion in motions]
    assert np.median(turned) > np.deg2rad(135)
