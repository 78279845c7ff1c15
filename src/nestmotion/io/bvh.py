"""BVH, the plain-text motion file that every animation tool reads.

A joint's transform is a translation (its position channels, or else its OFFSET) and then its rotations,
intrinsic, in the order the channels stand. BVH knows no unit and no metadata.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from nestmotion.core import Motion, NestmotionWarning, Skeleton, canonical_skeleton
from nestmotion.core.errors import FormatError, OutputError, SettingsError
from nestmotion.core.rotations import quat_apply, quat_from_euler, quat_multiply, quat_to_euler
from nestmotion.io._atomic import atomic_write
from nestmotion.io._bvh_text import BvhText, parse_bvh

__all__ = ["CENTIMETRE", "guess_scale", "load_bvh", "save_bvh"]

CENTIMETRE = 0.01
# Metres a unit, in the order they are tried: centimetres (Mixamo, Blender, Bandai-Namco, ourselves),
# metres, the CMU database's unit (1 / 0.45 inch), inches.
_SCALES = (CENTIMETRE, 1.0, 0.056444, 0.0254)
# From the toes to the far end of an arm, along the bones, people of 1.2 to 2.2 m measure this much;
# the canonical skeleton 2.3 m, with fingers it would be 2.5 m.
_SPAN_M = (1.4, 3.3)
# Y last lets the heading turn full circle; the lock is at a pitch of 90 degrees, which is rare.
_WRITE_ORDER = "ZXY"
_END_SITE_M = 0.05
_RIGID_M = 1e-4


def load_bvh(path: str | Path, scale: float | None = None) -> Motion:
    """Read a BVH file as metres.

    scale: metres in one unit of the file. When None it is guessed, see `guess_scale`.

    Joints come in the order of the file; only when names and parents are those of the canonical
    skeleton, in its order. A position channel replaces that component of OFFSET. A root above a single
    joint that has position channels of its own is folded into that joint when it stands still or that
    joint moves against it, so that the root is the joint that moves. Bones are rigid here: other
    translations that vary give a NestmotionWarning and are replaced by their mean. End Sites are left
    out. A frame rate within 0.01% of a whole number is taken for that number (".0083333" is 120).

    Raises FormatError naming the line; SettingsError when `scale` is not positive.
    """
    text = parse_bvh(path)
    names = [joint.name for joint in text.joints]
    parents = [joint.parent for joint in text.joints]
    shifts, quats = _local_transforms(text)
    shifts *= _scale_of_file(path, scale, parents, shifts)
    can_travel = [sum(c.endswith("position") for c in joint.channels) == 3 for joint in text.joints]
    while parents.count(0) == 1 and can_travel[1] and _moves_for(shifts, quats):
        shifts, quats = _fold_root(shifts, quats)
        names, can_travel, parents = names[1:], can_travel[1:], [max(p - 1, -1) for p in parents[1:]]
    offsets = shifts.mean(axis=0)
    _warn_of_stretching(path, names, (shifts - offsets)[:, 1:])
    offsets[0] = 0
    order = _canonical_order(names, parents)
    if order is not None:
        sk = canonical_skeleton()
        names, parents = list(sk.joint_names), list(sk.parents)
        offsets, quats = offsets[order], quats[:, order]
    try:
        skeleton = Skeleton(tuple(names), tuple(parents), offsets)
        return Motion(skeleton, _frame_rate(text.frame_time_s), shifts[:, 0], quats)
    except SettingsError as error:
        raise FormatError(path, str(error)) from None


def save_bvh(motion: Motion, path: str | Path, scale: float = CENTIMETRE) -> None:
    """Write a BVH file, positions to within a micrometre.

    scale: metres in one unit of the file; centimetres unless told, as Blender and Mixamo users expect.
    The root has six channels (position, then rotation Z, X, Y), every other joint three; joints are
    written depth first. Leaves get an End Site that continues the bone by 5 cm. Euler angles run on
    past 180 degrees rather than jump. Metadata is not stored: BVH has no place for it.

    Raises OutputError for a joint name that BVH cannot hold or a file that cannot be written;
    SettingsError when `scale` is not positive.
    """
    _check_scale(scale)
    sk = motion.skeleton
    for name in sk.joint_names:
        if not name or name != name.strip() or any(c in name for c in "{}\r\n"):
            raise OutputError(f"{path}: BVH cannot hold the joint name {name!r}; rename the joint")
    if guess_scale(sk.parents, sk.offsets_m / scale) != scale:
        _warn(f"{path}: not a person's size; to read this file back, give its scale, {scale:g}")
    order = _depth_first(sk)
    euler = np.unwrap(quat_to_euler(_WRITE_ORDER, motion.quat_local_xyzw), axis=0)
    angles = np.degrees(euler[:, order]).reshape(len(motion), -1)
    # Adding zero turns "-0.000000" into "0.000000".
    rows = np.concatenate([motion.root_m / scale, angles], axis=1).round(6) + 0.0
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(_hierarchy_lines(sk, order, scale)))
        file.write(f"\nMOTION\nFrames: {len(motion)}\nFrame Time: {1 / motion.fps:.10g}\n")
        np.savetxt(file, rows, fmt="%.6f")


def guess_scale(parents: Sequence[int], offsets: Float[np.ndarray, "j 3"]) -> float | None:
    """Metres in one unit of a file, from the size of its skeleton; None when no guess fits.

    Measured is the longest way along the bones from one joint to another, for a person from the toes
    to a hand, below the first joint with several children (above it, files put holders that may stand
    anywhere). Unlike the height it does not depend on the rest pose, nor on the pose of any frame. The
    first of centimetres, metres, CMU's unit (5.6444 cm) and inches that makes it 1.4 to 3.3 m wins.
    """
    reach = [[0.0, 0.0] for _ in parents]  # the two longest ways down from each joint
    for j in range(len(parents) - 1, 0, -1):
        way = reach[j][0] + float(np.linalg.norm(offsets[j]))
        onward = reach[parents[j]]
        onward[:] = sorted([*onward, way], reverse=True)[:2]
    children = Counter(parents)
    top = next((j for j in range(len(parents)) if children[j] > 1), 0)
    span = max(sum(ways) for ways in reach[top:])
    return next((s for s in _SCALES if _SPAN_M[0] <= span * s <= _SPAN_M[1]), None)


def _check_scale(scale: float) -> None:
    if not (np.isfinite(scale) and scale > 0):
        raise SettingsError(f"the scale, metres in one unit, must be positive, not {scale}")


def _warn(message: str) -> None:
    warnings.warn(NestmotionWarning(message), stacklevel=3)


def _scale_of_file(
    path: str | Path, scale: float | None, parents: Sequence[int], shifts: np.ndarray
) -> float:
    if scale is not None:
        _check_scale(scale)
        return scale
    guess = guess_scale(parents, shifts.mean(axis=0))
    if guess is None:
        _warn(f"{path}: no unit makes this skeleton a person's size; centimetres are assumed")
    return guess or CENTIMETRE


def _frame_rate(frame_time_s: float) -> float:
    fps = 1 / frame_time_s
    whole = round(fps)
    return float(whole) if abs(fps - whole) <= 1e-4 * fps else fps


def _local_transforms(text: BvhText) -> tuple[np.ndarray, np.ndarray]:
    """Translation (T, J, 3) in the file's unit and rotation (T, J, 4), each relative to the parent."""
    frames = len(text.values)
    shifts = np.empty((frames, len(text.joints), 3))
    shifts[:] = [joint.offset for joint in text.joints]
    angles_of: dict[str, list[tuple[int, list[int]]]] = {}
    column = 0
    for j, joint in enumerate(text.joints):
        columns = {channel: column + i for i, channel in enumerate(joint.channels)}
        column += len(joint.channels)
        for axis, name in enumerate(("Xposition", "Yposition", "Zposition")):
            if name in columns:
                shifts[:, j, axis] = text.values[:, columns[name]]
        turns = {name[0]: c for name, c in columns.items() if name.endswith("rotation")}
        angles_of.setdefault("".join(turns), []).append((j, list(turns.values())))
    quats = np.empty((frames, len(text.joints), 4))
    quats[:] = (0, 0, 0, 1)
    for order, group in angles_of.items():
        if order:
            angles = np.radians(text.values[:, [columns for _, columns in group]])
            quats[:, [j for j, _ in group]] = quat_from_euler(order, angles)
    return shifts, quats


def _moves_for(shifts: np.ndarray, quats: np.ndarray) -> bool:
    """Whether joint 1 does the travelling: joint 0 stands still, or joint 1 moves against it."""
    root_still = (
        np.ptp(shifts[:, 0], axis=0).max() < _RIGID_M and np.ptp(quats[:, 0], axis=0).max() < 1e-4
    )
    return bool(root_still or np.ptp(shifts[:, 1], axis=0).max() > _RIGID_M)


def _fold_root(shifts: np.ndarray, quats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joint 1 takes over the place and turn of joint 0, its parent."""
    shift = shifts[:, 0] + quat_apply(quats[:, 0], shifts[:, 1])
    quat = quat_multiply(quats[:, 0], quats[:, 1])
    return (
        np.concatenate([shift[:, None], shifts[:, 2:]], axis=1),
        np.concatenate([quat[:, None], quats[:, 2:]], axis=1),
    )


def _warn_of_stretching(
    path: str | Path, names: Sequence[str], stray_m: Float[np.ndarray, "t k 3"]
) -> None:
    stray = np.linalg.norm(stray_m, axis=-1).max(axis=0, initial=0)
    many = int((stray > _RIGID_M).sum())
    if many:
        worst = int(stray.argmax())
        others = f" (and {many - 1} other joints)" if many > 1 else ""
        _warn(
            f"{path}: joint {names[worst + 1]!r}{others} moves up to {1000 * stray[worst]:.1f} mm "
            "against its parent; bones are rigid here, so its mean offset is used"
        )


def _canonical_order(names: Sequence[str], parents: Sequence[int]) -> list[int] | None:
    """Where each joint of the canonical skeleton stands, when these are its names and parents."""
    sk = canonical_skeleton()
    if set(names) != set(sk.joint_names):
        return None
    order = [list(names).index(name) for name in sk.joint_names]
    same = all(parents[order[j]] == order[sk.parents[j]] for j in range(1, len(sk)))
    return order if same else None


def _depth_first(skeleton: Skeleton) -> list[int]:
    order, waiting = [], [0]
    while waiting:
        order.append(waiting.pop())
        waiting.extend(reversed(skeleton.children[order[-1]]))
    return order


def _hierarchy_lines(skeleton: Skeleton, order: Sequence[int], scale: float) -> list[str]:
    depth = [0] * len(skeleton)
    for j, parent in enumerate(skeleton.parents[1:], start=1):
        depth[j] = depth[parent] + 1
    rotations = " ".join(f"{letter}rotation" for letter in _WRITE_ORDER)
    lines = ["HIERARCHY"]
    for j, after in pairwise([*order, -1]):
        tab, inner = "\t" * depth[j], "\t" * (depth[j] + 1)
        # The root's place is in its channels; some readers would add an OFFSET to it.
        offset = skeleton.offsets_m[j] / scale * (j > 0)
        lines += [f"{tab}{'JOINT' if j else 'ROOT'} {skeleton.joint_names[j]}", tab + "{"]
        lines += [f"{inner}OFFSET {_numbers(offset)}"]
        lines += [f"{inner}CHANNELS " + ("3 " if j else "6 Xposition Yposition Zposition ") + rotations]
        if not skeleton.children[j]:
            end = _numbers(_continuation(skeleton.offsets_m[j]) / scale)
            lines += [f"{inner}End Site", inner + "{", f"{inner}\tOFFSET {end}", inner + "}"]
        still_open = depth[after] if after >= 0 else 0
        lines += ["\t" * level + "}" for level in range(depth[j], still_open - 1, -1)]
    return lines


def _continuation(offset_m: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(offset_m)
    return offset_m / length * _END_SITE_M if length > 0 else np.array((0, _END_SITE_M, 0))


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in values.round(6) + 0.0)
