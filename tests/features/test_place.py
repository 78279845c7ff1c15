"""Moving features over the floor is what encoding the moved motion would give."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.features import FeatureLayout, encode
from nestmotion.features.place import Place

LAYOUT = FeatureLayout(22)
places = st.builds(Place, st.floats(-3, 3), st.floats(-5, 5), st.floats(-5, 5))


def _same(a: Place, b: Place) -> None:
    np.testing.assert_allclose((a.yaw_rad, a.x_m, a.z_m), (b.yaw_rad, b.x_m, b.z_m), atol=1e-9)


@given(a=places, b=places, c=places)
def test_places_are_a_group(a, b, c):
    _same(a @ a.inverse(), Place())
    _same((a @ b) @ c, a @ (b @ c))
    point = np.array([0.3, -0.7])
    np.testing.assert_allclose((a @ b).point(point), a.point(b.point(point)), atol=1e-9)


def test_a_turn_to_the_left_takes_ahead_to_the_left():
    np.testing.assert_allclose(Place(np.pi / 2).point(np.array([0.0, 1.0])), (1, 0), atol=1e-12)


def test_features_go_where_the_root_goes(random_motion):
    features = encode(random_motion(frames=12))
    place = Place(0.8, 1.0, -2.0)
    moved = place.features(features, LAYOUT)
    for row, there in zip(features, moved, strict=True):
        expected, found = place @ Place.of(row, LAYOUT), Place.of(there, LAYOUT)
        assert abs(np.angle(np.exp(1j * (expected.yaw_rad - found.yaw_rad)))) < 1e-5
        np.testing.assert_allclose((found.x_m, found.z_m), (expected.x_m, expected.z_m), atol=1e-5)
    others = np.ones(LAYOUT.size, dtype=bool)
    others[LAYOUT["root_path"]] = others[LAYOUT["root_heading"]] = False
    np.testing.assert_array_equal(moved[:, others], features[:, others])
    np.testing.assert_allclose(place.inverse().features(moved, LAYOUT), features, atol=1e-5)


def test_velocities_lead_to_the_next_frame(random_motion):
    features = encode(random_motion(frames=12))
    for now, following in pairwise(features):
        found, expected = Place.after(now, LAYOUT, 20.0), Place.of(following, LAYOUT)
        np.testing.assert_allclose((found.x_m, found.z_m), (expected.x_m, expected.z_m), atol=1e-4)
        assert abs(np.angle(np.exp(1j * (found.yaw_rad - expected.yaw_rad)))) < 1e-4
