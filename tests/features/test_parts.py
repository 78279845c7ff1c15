"""The parts of the body."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.core import canonical_skeleton
from nestmotion.features import FeatureLayout
from nestmotion.features.parts import PARTS, part_columns, parts_named


def test_every_joint_and_every_column_is_in_one_part():
    skeleton = canonical_skeleton()
    joints = [name for names in PARTS.values() for name in names]
    assert sorted(joints) == sorted(skeleton.joint_names)
    counts = sum(part_columns(skeleton, [part]).astype(int) for part in PARTS)
    assert (counts == 1).all()


def test_the_right_arm_has_its_rotations_positions_and_velocities():
    columns = np.flatnonzero(part_columns(canonical_skeleton(), ["right arm"]))
    assert len(columns) == 4 * (6 + 3 + 3)
    wrist = FeatureLayout(22)["joint_positions"].start + 3 * (21 - 1)
    assert {wrist, wrist + 1, wrist + 2} <= set(columns.tolist())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a person waves the right hand", ("right arm",)),
        ("raises both arms", ("left arm", "right arm")),
        ("kicks with the left leg", ("legs",)),
        ("a person nods", ("torso",)),
        ("turns to the left", ()),
        ("a person walks", ()),
    ],
)
def test_parts_are_read_from_a_sentence(text, parts):
    assert parts_named(text) == parts
