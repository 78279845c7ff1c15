"""Joints of foreign skeletons found by name and place."""

import numpy as np
import pytest

from nestmotion.core import NestmotionError, Skeleton, canonical_skeleton
from nestmotion.core.joint_names import match_joints

CANONICAL = canonical_skeleton()
ARM = ("collar", "shoulder", "elbow", "wrist")
LEG = ("hip", "knee", "ankle", "foot")
SPINE = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")

# Names of spine, arm and leg from root to end; "{}" stands for the side.
NAMINGS = {
    "smpl": (SPINE, [f"{{}}_{x}" for x in ARM], [f"{{}}_{x}" for x in LEG], ("left", "right")),
    "smpl model file": (
        ("Pelvis", "Spine1", "Spine2", "Spine3", "Neck", "Head"),
        ["{}_Collar", "{}_Shoulder", "{}_Elbow", "{}_Wrist"],
        ["m_avg_{}_Hip", "m_avg_{}_Knee", "m_avg_{}_Ankle", "m_avg_{}_Foot"],
        ("L", "R"),
    ),
    "mixamo": (
        tuple(f"mixamorig:{x}" for x in ("Hips", "Spine", "Spine1", "Spine2", "Neck", "Head")),
        [f"mixamorig:{{}}{x}" for x in ("Shoulder", "Arm", "ForeArm", "Hand")],
        [f"mixamorig:{{}}{x}" for x in ("UpLeg", "Leg", "Foot", "ToeBase")],
        ("Left", "Right"),
    ),
    "unreal": (
        ("pelvis", "spine_01", "spine_02", "spine_03", "neck_01", "head"),
        ["clavicle_{}", "upperarm_{}", "lowerarm_{}", "hand_{}"],
        ["thigh_{}", "calf_{}", "foot_{}", "ball_{}"],
        ("l", "r"),
    ),
    "3ds max biped": (
        tuple(f"Bip01 {x}" for x in ("Pelvis", "Spine", "Spine1", "Spine2", "Neck", "Head")),
        [f"Bip01 {{}} {x}" for x in ("Clavicle", "UpperArm", "Forearm", "Hand")],
        [f"Bip01 {{}} {x}" for x in ("Thigh", "Calf", "Foot", "Toe0")],
        ("L", "R"),
    ),
    "vrm": (
        tuple(f"J_Bip_C_{x}" for x in ("Hips", "Spine", "Chest", "UpperChest", "Neck", "Head")),
        [f"J_Bip_{{}}_{x}" for x in ("Shoulder", "UpperArm", "LowerArm", "Hand")],
        [f"J_Bip_{{}}_{x}" for x in ("UpperLeg", "LowerLeg", "Foot", "ToeBase")],
        ("L", "R"),
    ),
    "bandai-namco": (
        ("Hips", "Spine", "Spine1", "Chest", "Neck", "Head"),
        ["Shoulder_{}", "UpperArm_{}", "LowerArm_{}", "Hand_{}"],
        ["UpperLeg_{}", "LowerLeg_{}", "Foot_{}", "Toes_{}"],
        ("L", "R"),
    ),
    "poser": (
        ("hip", "abdomen", "waist", "chest", "neck", "head"),
        ["{}Collar", "{}Shldr", "{}ForeArm", "{}Hand"],
        ["{}Thigh", "{}Shin", "{}Foot", "{}Toe"],
        ("l", "r"),
    ),
}


def renamed(naming: str) -> Skeleton:
    spine, arm, leg, sides = NAMINGS[naming]
    names = dict(zip(SPINE, spine, strict=True))
    for side, mark in zip(("left", "right"), sides, strict=True):
        for parts, theirs in ((ARM, arm), (LEG, leg)):
            for part, their in zip(parts, theirs, strict=True):
                names[f"{side}_{part}"] = their.format(mark)
    ordered = tuple(names[name] for name in CANONICAL.joint_names)
    return Skeleton(ordered, CANONICAL.parents, CANONICAL.offsets_m)


def tree(*bones: tuple[str, str | None, float]) -> Skeleton:
    """A skeleton from (joint, parent, length)."""
    names = [name for name, _, _ in bones]
    parents = tuple(-1 if parent is None else names.index(parent) for _, parent, _ in bones)
    offsets = np.array([[0.0, length, 0.0] for _, _, length in bones])
    return Skeleton(tuple(names), parents, offsets)


def limbs(trunk: str, hips: str) -> list[tuple[str, str | None, float]]:
    bones: list[tuple[str, str | None, float]] = []
    for side in ("Left", "Right"):
        for chain, parent in ((("Arm", "ForeArm", "Hand"), trunk), (("UpLeg", "Leg", "Foot"), hips)):
            for part in chain:
                bones.append((side + part, parent, 0.3))
                parent = side + part
    return bones


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_joint_of_a_known_naming_is_found(naming: str) -> None:
    assert match_joints(renamed(naming)) == {name: j for j, name in enumerate(CANONICAL.joint_names)}


def test_two_spine_joints_go_where_they_lie() -> None:
    """Spine and chest of the shared corpus and of Bandai-Namco: low and middle, not low and top."""
    bones = [("Hips", None, 0), ("Spine", "Hips", 0.16), ("Chest", "Spine", 0.09)]
    skeleton = tree(*bones, ("Neck", "Chest", 0.16), ("Head", "Neck", 0.1), *limbs("Chest", "Hips"))
    found = match_joints(skeleton)
    spine = {name: skeleton.joint_names[found[name]] for name in SPINE if name in found}
    assert spine == {
        "pelvis": "Hips", "spine1": "Spine", "spine2": "Chest", "neck": "Neck", "head": "Head"
    }  # fmt: skip


def test_cmu_names_a_hip_joint_above_the_thigh_and_two_necks() -> None:
    bones = [("Hips", None, 0), ("LHipJoint", "Hips", 0), ("RHipJoint", "Hips", 0)]
    bones += [("LowerBack", "Hips", 0), ("Spine", "LowerBack", 0.12), ("Spine1", "Spine", 0.12)]
    bones += [("Neck", "Spine1", 0), ("Neck1", "Neck", 0.1), ("Head", "Neck1", 0.1)]
    bones += [("LeftShoulder", "Spine1", 0), ("RightShoulder", "Spine1", 0)]
    skeleton = tree(*bones, *limbs("Spine1", "Hips"))
    found = {name: skeleton.joint_names[j] for name, j in match_joints(skeleton).items()}
    assert found["left_hip"] == "LeftUpLeg"
    assert found["left_collar"] == "LeftShoulder"
    assert found["left_shoulder"] == "LeftArm"
    assert found["left_ankle"] == "LeftFoot"
    assert "left_foot" not in found
    assert [found[f"spine{k}"] for k in (1, 2, 3)] == ["LowerBack", "Spine", "Spine1"]
    assert found["neck"] == "Neck1"


def test_a_longer_spine_is_thinned_out() -> None:
    bones: list[tuple[str, str | None, float]] = [("pelvis", None, 0)]
    bones += [("spine_01", "pelvis", 0.05)]
    bones += [(f"spine_0{k}", f"spine_0{k - 1}", 0.1) for k in range(2, 6)]
    skeleton = tree(
        *bones, ("neck", "spine_05", 0.12), ("head", "neck", 0.1), *limbs("spine_05", "pelvis")
    )
    found = match_joints(skeleton)
    chosen = [skeleton.joint_names[found[f"spine{k}"]] for k in (1, 2, 3)]
    assert chosen == sorted(chosen)
    assert len(set(chosen)) == 3


def test_joints_that_cannot_be_found_are_named() -> None:
    skeleton = tree(("Hips", None, 0), ("Head", "Hips", 0.5), ("LeftArm", "Hips", 0.3))
    with pytest.raises(NestmotionError) as caught:
        match_joints(skeleton)
    assert str(caught.value) == (
        "cannot tell which joints are left_hip, right_hip, left_knee, right_knee, left_ankle, "
        "right_ankle, right_shoulder, left_elbow, right_elbow, left_wrist, right_wrist; "
        "the skeleton has: Hips, Head, LeftArm"
    )


def test_a_body_without_neck_and_head_is_refused() -> None:
    skeleton = tree(("Hips", None, 0), ("Chest", "Hips", 0.3), *limbs("Chest", "Hips"))
    with pytest.raises(
        NestmotionError, match="cannot tell which joints are neck, head; the skeleton has"
    ):
        match_joints(skeleton)
