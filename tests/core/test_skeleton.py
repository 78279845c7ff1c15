"""The skeleton: what is refused, what is derived, and the facts of the canonical one."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from nestmotion.core import Skeleton, canonical_skeleton
from nestmotion.core.errors import SettingsError

# SMPL's first 22 joints, in its order.
SMPL = (
    ("pelvis", None),
    ("left_hip", "pelvis"),
    ("right_hip", "pelvis"),
    ("spine1", "pelvis"),
    ("left_knee", "left_hip"),
    ("right_knee", "right_hip"),
    ("spine2", "spine1"),
    ("left_ankle", "left_knee"),
    ("right_ankle", "right_knee"),
    ("spine3", "spine2"),
    ("left_foot", "left_ankle"),
    ("right_foot", "right_ankle"),
    ("neck", "spine3"),
    ("left_collar", "spine3"),
    ("right_collar", "spine3"),
    ("head", "neck"),
    ("left_shoulder", "left_collar"),
    ("right_shoulder", "right_collar"),
    ("left_elbow", "left_shoulder"),
    ("right_elbow", "right_shoulder"),
    ("left_wrist", "left_elbow"),
    ("right_wrist", "right_elbow"),
)


def small(names=("hips", "left_leg", "right_leg"), parents=(-1, 0, 0), offsets=None):
    if offsets is None:
        offsets = np.array([[0, 0, 0], [0.1, -0.5, 0], [-0.1, -0.5, 0]], dtype=float)
    return Skeleton(names, parents, offsets)


def message(function, *args, **kwargs):
    with pytest.raises(SettingsError) as error:
        function(*args, **kwargs)
    return str(error.value)


# The canonical skeleton


def test_canonical_joints_are_those_of_smpl():
    skeleton = canonical_skeleton()
    names = skeleton.joint_names
    parents = [None if p < 0 else names[p] for p in skeleton.parents]
    assert tuple(zip(names, parents, strict=True)) == SMPL


def test_canonical_rest_pose_is_a_t_pose_facing_z():
    skeleton = canonical_skeleton()
    at = dict(zip(skeleton.joint_names, skeleton.rest_positions_m, strict=True))
    for side, sign in (("left", 1), ("right", -1)):
        shoulder, wrist = at[f"{side}_shoulder"], at[f"{side}_wrist"]
        assert (wrist - shoulder)[0] * sign > 0.98 * np.linalg.norm(wrist - shoulder)
        hip, ankle = at[f"{side}_hip"], at[f"{side}_ankle"]
        assert (hip - ankle)[1] > 0.99 * np.linalg.norm(hip - ankle)
        assert (at[f"{side}_foot"] - ankle)[2] > 0.1
    assert 1.2 < at["head"][1] - at["left_foot"][1] < 1.6


def test_canonical_skeleton_is_symmetric():
    skeleton = canonical_skeleton()
    swapped = skeleton.offsets_m[list(skeleton.mirror_indices)] * (-1, 1, 1)
    np.testing.assert_array_equal(swapped, skeleton.offsets_m)
    middle = {"pelvis", "spine1", "spine2", "spine3", "neck", "head"}
    for j, other in enumerate(skeleton.mirror_indices):
        assert skeleton.mirror_indices[other] == j
        assert (other == j) == (skeleton.joint_names[j] in middle)


# Derived values


def test_children_and_rest_positions():
    skeleton = Skeleton(("a", "b", "c", "d"), (-1, 0, 1, 0), np.arange(12.0).reshape(4, 3))
    assert skeleton.children == ((1, 3), (2,), (), ())
    np.testing.assert_array_equal(
        skeleton.rest_positions_m, [[0, 0, 0], [3, 4, 5], [9, 11, 13], [9, 10, 11]]
    )
    assert len(skeleton) == 4
    assert skeleton.index("c") == 2


def test_mirror_indices_swap_left_and_right_in_either_case():
    assert small().mirror_indices == (0, 2, 1)
    assert small(("Hips", "LeftLeg", "RightLeg")).mirror_indices == (0, 2, 1)


def test_equality_is_of_names_parents_and_offsets():
    assert small() == small()
    assert small() != small(("hips", "left_leg", "right_arm"))
    assert small() != small(parents=(-1, 0, 1))
    assert small() != small(offsets=small().offsets_m + 1e-4)
    assert small() == small(offsets=small().offsets_m + 1e-8)
    assert small() != "skeleton"
    with pytest.raises(TypeError, match="unhashable"):
        hash(small())


def test_a_skeleton_cannot_be_changed():
    offsets = np.zeros((3, 3))
    skeleton = small(offsets=offsets)
    offsets[1] = 9
    assert skeleton.offsets_m.max() == 0
    with pytest.raises(ValueError, match="read-only"):
        skeleton.offsets_m[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        skeleton.parents = (-1, 0, 1)


def test_json_round_trip():
    for skeleton in (canonical_skeleton(), small()):
        assert Skeleton.from_dict(json.loads(json.dumps(skeleton.to_dict()))) == skeleton


# Errors, by their text


def test_errors_of_construction():
    assert message(small, parents=(-1, 0)) == (
        "a skeleton needs as many parents and offsets as names, "
        "not 3 names, 2 parents and offsets of shape (3, 3)"
    )
    assert message(Skeleton, (), (), np.zeros((0, 3))) == (
        "a skeleton needs as many parents and offsets as names, "
        "not 0 names, 0 parents and offsets of shape (0, 3)"
    )
    assert message(small, ("hips", "leg", "leg")) == "joint name 'leg' stands twice in the skeleton"
    tree = "joint 0 must be the only root and parents must precede children"
    for parents in ((0, 0, 0), (-1, -1, 0), (-1, 2, 0), (-1, 1, 0)):
        assert message(small, parents=parents) == tree
    assert message(small, offsets=np.full((3, 3), np.nan)) == "skeleton offsets hold NaN or infinity"


def test_error_of_offsets_in_a_wrong_shape(unchecked):
    assert message(small, offsets=np.zeros((3, 2))) == (
        "a skeleton needs as many parents and offsets as names, "
        "not 3 names, 3 parents and offsets of shape (3, 2)"
    )


def test_errors_of_unknown_joints():
    assert message(small().index, "tail") == (
        "no joint 'tail' in this skeleton; it has: hips, left_leg, right_leg"
    )
    lonely = small(("hips", "left_leg", "tail"))
    assert message(lambda: lonely.mirror_indices) == (
        "no joint 'right_leg' in this skeleton; it has: hips, left_leg, tail"
    )


def test_errors_of_unusable_data(unchecked):
    good = small().to_dict()
    for field in good:
        lacking = {key: value for key, value in good.items() if key != field}
        assert message(Skeleton.from_dict, lacking) == f"skeleton data lacks the field {field!r}"
    assert message(Skeleton.from_dict, good | {"offsets_m": [["x"]]}) == (
        "skeleton data is not usable: could not convert string to float: 'x'"
    )
    for bad in ({"parents": None}, {"parents": [None]}, {"offsets_m": [[0], [0, 0]]}):
        assert message(Skeleton.from_dict, good | bad).startswith("skeleton data is not usable: ")
    assert message(Skeleton.from_dict, ["not", "a", "dict"]).startswith("skeleton data is not usable")
