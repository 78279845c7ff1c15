"""Which joint of a foreign skeleton is which of the canonical ones, by name and place in the tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations

import numpy as np

from nestmotion.core.errors import SettingsError
from nestmotion.core.skeleton import Skeleton, canonical_skeleton

__all__ = ["match_joints"]

# Names of one joint, in order of preference, without side, case, separators and prefix. A name can
# stand for two joints: in SMPL's naming "shoulder" is where the arm begins, in CMU's it is the collar.
# Joints are looked up in this order, and a joint once taken is not taken again.
MIDDLE_NAMES = {
    "pelvis": ("hips", "pelvis", "hip", "root"),
    "head": ("head",),
}
SIDED_NAMES = {
    "hip": ("upleg", "upperleg", "upleg01", "thigh", "hip"),
    "knee": ("lowleg", "lowerleg", "lowerleg01", "shin", "calf", "knee", "leg"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toes", "toe", "toe0", "ball", "foot"),
    "shoulder": ("upperarm", "upperarm01", "arm", "shldr", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowerarm01", "elbow"),
    "wrist": ("wrist", "hand"),
    "collar": ("collar", "clavicle", "shoulder"),
}
OPTIONAL = ("spine1", "spine2", "spine3", "neck", "head", "collar", "foot")
SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
NOISE = ("mixamorig", "bip", "bip01", "j", "c", "m", "f", "avg", "joint", "jnt", "character1", "def")


def match_joints(skeleton: Skeleton) -> Mapping[str, int]:
    """Index in `skeleton` of every canonical joint that has a counterpart there.

    Understood are the namings of SMPL, CMU's BVH files, Bandai-Namco, Mixamo, Unreal, VRM, 3ds Max
    Biped and MakeHuman; the spine, whatever its joints are called, is matched by its place between
    pelvis and neck. Spine, neck, head, collars and toes may be missing, but not neck and head both.
    Raises SettingsError naming the joints that cannot be found.
    """
    found = _match_by_name(skeleton)
    expected = {"pelvis"} | {
        f"{side}_{part}" for side in ("left", "right") for part in SIDED_NAMES if part not in OPTIONAL
    }
    missing = [name for name in canonical_skeleton().joint_names if name in expected - found.keys()]
    if not missing:
        _match_neck_and_spine(skeleton, found)
        if "neck" not in found and "head" not in found:
            missing = ["neck", "head"]
    if missing:
        raise SettingsError(
            f"cannot tell which joints are {', '.join(missing)}; "
            f"the skeleton has: {', '.join(skeleton.joint_names)}"
        )
    return found


def _side_and_part(name: str) -> tuple[str | None, str]:
    """ "mixamorig:LeftUpLeg" -> ("left", "upleg"); "Hand_R" -> ("right", "hand"); "lShin" likewise."""
    words = re.findall(r"[A-Z]?[a-z]+\d*|[A-Z]+(?![a-z])\d*|\d+", name.rsplit(":", 1)[-1])
    lower = [word.lower() for word in words]
    sides = [SIDES[word] for word in lower if word in SIDES]
    rest = [word for word in lower if word not in SIDES and word not in NOISE]
    return (sides[0] if sides else None), "".join(rest)


def _match_by_name(skeleton: Skeleton) -> dict[str, int]:
    by_name: dict[tuple[str | None, str], int] = {}
    for j, name in enumerate(skeleton.joint_names):
        by_name.setdefault(_side_and_part(name), j)
    wanted: list[tuple[str, str | None, tuple[str, ...]]] = [
        (joint, None, names) for joint, names in MIDDLE_NAMES.items()
    ]
    for side in ("left", "right"):
        wanted += [(f"{side}_{part}", side, names) for part, names in SIDED_NAMES.items()]
    found: dict[str, int] = {}
    for joint, of_side, names in wanted:
        candidates = (by_name.get((of_side, name)) for name in names)
        index = next((j for j in candidates if j is not None and j not in found.values()), None)
        if index is not None:
            found[joint] = index
    return found


def _path(skeleton: Skeleton, joint: int, root: int) -> list[int]:
    """Joints from below `root` down to `joint`; empty when it does not descend from there."""
    path = []
    while joint not in (root, -1):
        path.append(joint)
        joint = skeleton.parents[joint]
    return path[::-1] if joint == root else []


def _match_neck_and_spine(skeleton: Skeleton, found: dict[str, int]) -> None:
    """Neck: the last joint called so before the head. Spine: the joints from pelvis on that carry neck
    and arms alike, laid on spine1 to spine3 in order by their share of the way from pelvis to neck."""
    necks = [j for j, n in enumerate(skeleton.joint_names) if _side_and_part(n)[1].startswith("neck")]
    if "head" in found:
        necks = [j for j in necks if j in _path(skeleton, found["head"], found["pelvis"])]
    if necks:
        found["neck"] = necks[-1]
    top = "neck" if "neck" in found else "head"
    if top not in found:
        return
    carried = [top, "left_shoulder", "right_shoulder"]
    paths = [_path(skeleton, found[name], found["pelvis"]) for name in carried]
    spine = [j for j in paths[0] if all(j in path for path in paths) and j not in found.values()]
    heights = _heights(skeleton, [*paths[0]])
    canonical = canonical_skeleton()
    slots = ("spine1", "spine2", "spine3")
    chain = [canonical.index(name) for name in (*slots, "neck", "head")]
    own = _heights(canonical, chain[: chain.index(canonical.index(top)) + 1])
    slot_heights = [own[canonical.index(name)] for name in slots]
    count = min(len(spine), len(slots))
    matches = (
        (joints, places)
        for joints in combinations(spine, count)
        for places in combinations(range(len(slots)), count)
    )

    def misfit(match: tuple[tuple[int, ...], tuple[int, ...]]) -> float:
        return sum(abs(heights[j] - slot_heights[place]) for j, place in zip(*match, strict=True))

    joints, places = min(matches, key=misfit)
    found.update({slots[place]: j for j, place in zip(joints, places, strict=True)})


def _heights(skeleton: Skeleton, path: list[int]) -> dict[int, float]:
    """How far along a path of bones each joint lies, as a share of the whole."""
    along = np.cumsum([float(np.linalg.norm(skeleton.offsets_m[j])) for j in path])
    whole = along[-1] if len(along) and along[-1] > 0 else 1.0
    return {j: float(a / whole) for j, a in zip(path, along, strict=True)}
