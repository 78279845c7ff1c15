"""Mirrored features are the features of the mirrored motion."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core import canonical_skeleton
from nestmotion.core.edit import mirror
from nestmotion.features import FeatureLayout, encode, mirror_features

LAYOUT = FeatureLayout()


@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 60))
def test_mirroring_before_or_after_encoding_is_the_same(random_motion, seed, frames):
    motion = random_motion(frames, seed=seed)
    features = encode(motion)
    difference = np.abs(mirror_features(features) - encode(mirror(motion)))
    assert difference.max() < 2e-5


@given(seed=st.integers(0, 2**32 - 1))
def test_mirroring_twice_is_the_identity(seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(3, 5, LAYOUT.size)).astype(np.float32)
    assert np.array_equal(mirror_features(mirror_features(features)), features)
    assert not np.array_equal(mirror_features(features), features)


def test_a_mirrored_walk_still_walks_ahead(synthetic_walk):
    walk = encode(synthetic_walk(speed_m_s=1.0))
    mirrored = mirror_features(walk)
    for name in ("root_path", "root_velocity"):
        assert np.array_equal(mirrored[:, LAYOUT[name]][:, 1], walk[:, LAYOUT[name]][:, 1])
    assert mirrored[-1, LAYOUT["root_path"]][1] > 2.5


def test_a_left_turn_becomes_a_right_turn(random_motion):
    features = encode(random_motion(30, seed=4))
    mirrored = mirror_features(features)
    column = LAYOUT["heading_velocity"]
    assert np.abs(features[:, column]).max() > 0.1
    assert np.array_equal(mirrored[:, column], -features[:, column])


def test_contacts_change_feet():
    features = np.zeros((1, LAYOUT.size), dtype=np.float32)
    features[0, LAYOUT["contacts"]] = (1, 0.5, 0.25, 0)  # left ankle and foot, right ankle and foot
    assert mirror_features(features)[0, LAYOUT["contacts"]].tolist() == [0.25, 0, 1, 0.5]


def test_the_left_hand_becomes_the_right_hand():
    sk = canonical_skeleton()
    features = np.zeros((1, LAYOUT.size), dtype=np.float32)
    positions = features[0, LAYOUT["joint_positions"]].reshape(21, 3)
    positions[sk.index("left_wrist") - 1] = (0.6, 1.2, 0.3)
    mirrored = mirror_features(features)[0, LAYOUT["joint_positions"]].reshape(21, 3)
    assert np.allclose(mirrored[sk.index("right_wrist") - 1], (-0.6, 1.2, 0.3))
    assert np.allclose(mirrored[sk.index("left_wrist") - 1], 0)
