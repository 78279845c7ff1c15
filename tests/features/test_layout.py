"""The blocks of a feature vector."""

from __future__ import annotations

import numpy as np

from nestmotion.core import Skeleton, canonical_skeleton
from nestmotion.features import FeatureLayout
from nestmotion.features.layout import CONTACT_JOINTS


def test_blocks_lie_side_by_side_and_fill_the_vector():
    layout = FeatureLayout.of(canonical_skeleton())
    edge = 0
    for block in layout.blocks.values():
        assert block.start == edge
        assert block.stop > block.start
        edge = block.stop
    assert edge == layout.size == 273


def test_the_sizes_of_the_blocks():
    sizes = {name: block.stop - block.start for name, block in FeatureLayout().blocks.items()}
    assert sizes == {
        "root_path": 2,
        "root_heading": 2,
        "root_height": 1,
        "root_velocity": 2,
        "heading_velocity": 1,
        "rotations": 132,
        "joint_positions": 63,
        "joint_velocities": 66,
        "contacts": 4,
    }


def test_a_layout_belongs_to_a_number_of_joints():
    two = Skeleton(("a", "b"), (-1, 0), np.array([[0, 0, 0], [0, 1.0, 0]]))
    layout = FeatureLayout.of(two)
    assert layout == FeatureLayout(2)
    assert layout["rotations"] == slice(8, 20)
    assert layout.size == 8 + 12 + 3 + 6 + 4


def test_contact_joints_are_joints():
    assert set(CONTACT_JOINTS) <= set(canonical_skeleton().joint_names)
