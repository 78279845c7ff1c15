"""Skinned, animated GLB (glTF 2.0): Y up, metres, +Z forward, as a Motion is.

Files are written with a mannequin, one skin and one animation of one key a frame. `extras.nestmotion`
of the scene carries the frame rate and the motion's metadata.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import nestmotion
from nestmotion.core.edit import closed
from nestmotion.core.errors import NestmotionWarning, SettingsError
from nestmotion.core.kinematics import local_from_world
from nestmotion.core.motion import Motion
from nestmotion.core.rotations import (
    quat_apply,
    quat_conjugate,
    quat_from_matrix,
    rotation_6d_from_matrix,
    rotation_6d_to_matrix,
    unroll_signs,
)
from nestmotion.core.skeleton import Skeleton
from nestmotion.io.glb import BinaryChunk, Glb, write_glb
from nestmotion.io.gltf_scene import NodeTree, Track, read_tracks
from nestmotion.io.mannequin import build_mannequin

__all__ = ["load_glb", "save_glb"]

ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
WOOD_RGBA = [0.60, 0.35, 0.16, 1.0]  # linear, as glTF has it
# Keys rarer than this were set by hand, not recorded: the motion between them needs more frames.
SPARSE_FPS, SPARSE_KEYS_FPS = 10.0, 30.0
# Frames times joints beyond which a file must hold that many keys itself.
MAX_CLAIMED_POSES = 2_000_000


def save_glb(motion: Motion, path: str | Path) -> None:
    """Write a motion as a GLB file with a mannequin. A loop has its beginning as its last key, too.

    Raises OutputError when the file cannot be written, SettingsError for metadata that is not JSON.
    """
    skeleton, chunk = motion.skeleton, BinaryChunk()
    joints = len(skeleton)
    # At rest the mannequin stands on the floor.
    stand = np.array((0.0, -float(skeleton.rest_positions_m[:, 1].min()), 0.0))
    nodes: list[dict[str, Any]] = [
        {"name": name, "translation": (offset if j else stand).tolist()}
        for j, (name, offset) in enumerate(zip(skeleton.joint_names, skeleton.offsets_m, strict=True))
    ]
    for node, children in zip(nodes, skeleton.children, strict=True):
        if children:
            node["children"] = list(children)
    nodes.append({"name": "mannequin", "mesh": 0, "skin": 0})
    inverse_bind = np.tile(np.eye(4, dtype=np.float32), (joints, 1, 1))
    inverse_bind[:, 3, :3] = -(skeleton.rest_positions_m + stand)  # column-major
    document = {
        "asset": {"version": "2.0", "generator": f"nestmotion {nestmotion.__version__}"},
        "scene": 0,
        "scenes": [
            {
                "nodes": [0, joints],
                "extras": {"nestmotion": {"fps": motion.fps, "metadata": dict(motion.metadata)}},
            }
        ],
        "nodes": nodes,
        "skins": [
            {
                "inverseBindMatrices": chunk.add(inverse_bind.reshape(joints, 16), "MAT4"),
                "joints": list(range(joints)),
                "skeleton": 0,
            }
        ],
        "meshes": [{"name": "mannequin", "primitives": [_primitive(motion, stand, chunk)]}],
        "materials": [
            {
                "name": "wood",
                "pbrMetallicRoughness": {
                    "baseColorFactor": WOOD_RGBA,
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.65,
                },
            }
        ],
        "animations": [_animation(closed(motion) if motion.is_loop else motion, chunk)],
    }
    write_glb(path, document, chunk)


def _primitive(motion: Motion, stand: np.ndarray, chunk: BinaryChunk) -> dict[str, Any]:
    mesh = build_mannequin(motion)
    joints = np.zeros((len(mesh.joints), 4), np.uint8 if len(motion.skeleton) < 256 else np.uint16)
    weights = np.zeros((len(mesh.joints), 4), np.float32)
    # glTF wants joint 0 wherever the weight is 0.
    joints[:, :2], weights[:, :2] = np.where(mesh.weights > 0, mesh.joints, 0), mesh.weights
    index_type = np.uint16 if len(mesh.joints) < 65535 else np.uint32
    indices = mesh.triangles.reshape(-1, 1).astype(index_type)
    position = (mesh.vertices_m + stand).astype(np.float32)
    return {
        "attributes": {
            "POSITION": chunk.add(position, "VEC3", ARRAY_BUFFER, bounds=True),
            "NORMAL": chunk.add(mesh.normals.astype(np.float32), "VEC3", ARRAY_BUFFER),
            "JOINTS_0": chunk.add(joints, "VEC4", ARRAY_BUFFER),
            "WEIGHTS_0": chunk.add(weights, "VEC4", ARRAY_BUFFER),
        },
        "indices": chunk.add(indices, "SCALAR", ELEMENT_ARRAY_BUFFER),
        "material": 0,
    }


def _animation(motion: Motion, chunk: BinaryChunk) -> dict[str, Any]:
    times = (np.arange(len(motion)) / motion.fps).astype(np.float32)[:, None]
    key_times = chunk.add(times, "SCALAR", bounds=True)
    # Without jumps between q and -q, also readers that interpolate component by component do well.
    rotations = unroll_signs(motion.quat_local_xyzw).astype(np.float32)
    channels = [("translation", 0, chunk.add(motion.root_m.astype(np.float32), "VEC3"))]
    for j in range(len(motion.skeleton)):
        channels.append(("rotation", j, chunk.add(np.ascontiguousarray(rotations[:, j]), "VEC4")))
    return {
        "name": "motion",
        "samplers": [
            {"input": key_times, "interpolation": "LINEAR", "output": output}
            for _, _, output in channels
        ],
        "channels": [
            {"sampler": k, "target": {"node": node, "path": path}}
            for k, (path, node, _) in enumerate(channels)
        ],
    }


def load_glb(path: str | Path) -> Motion:
    """Read the first animation of a GLB file as a motion of its first moved skin's joints.

    Files of ours come back as they were, to single precision. Other tools' files: without a skin, the
    tree of moved nodes is taken; any key times and interpolation are sampled at the frame rate of the
    keys; bones with rotated rest poses, and nodes above and between the joints, are baked into frames
    aligned with the world. Bones that change length keep their median length, with a warning.
    Raises FormatError.
    """
    glb = Glb.read(path)
    tree = NodeTree(glb)
    animations = glb.items("animations")
    if not animations:
        raise glb.fail("holds no animation")
    if len(animations) > 1:
        name = animations[0].get("name", "without a name")
        message = f"{path}: holds {len(animations)} animations; the first, {name!r}, is read"
        warnings.warn(message, NestmotionWarning, stacklevel=2)
    tracks = read_tracks(glb, animations[0])
    joints, parents = _find_joints(tree, {node for node, _ in tracks})
    ours = _extras(glb)
    fps, at_s = _frame_times(glb, tracks, ours.get("fps"), len(joints))
    with np.errstate(all="ignore"):  # absurd numbers become NaN, which Motion refuses
        root, offsets, quat_world = _bake(tree, tracks, at_s, joints, parents)
    metadata = ours.get("metadata")
    try:
        skeleton = Skeleton(_names(tree, joints), tuple(parents), offsets)
        quat_local = local_from_world(parents, quat_world)
        found = Motion(skeleton, fps, root, quat_local, metadata if isinstance(metadata, dict) else {})
    except SettingsError as error:
        raise glb.fail(str(error)) from None
    if found.is_loop and len(found) > 1:
        return found.frames(0, len(found) - 1).with_metadata(loop=True)
    return found


def _extras(glb: Glb) -> dict[str, Any]:
    """What `save_glb` left in the scene's extras; empty for other tools' files."""
    if not glb.items("scenes"):
        return {}
    extras = glb.item("scenes", glb.document.get("scene", 0)).get("extras")
    ours = extras.get("nestmotion") if isinstance(extras, dict) else None
    return ours if isinstance(ours, dict) else {}


def _find_joints(tree: NodeTree, moved: set[int]) -> tuple[list[int], list[int]]:
    """Nodes to become joints, parents first, and for each the index of its parent in that list."""
    skins: list[list[int]] = []
    for skin in tree.glb.items("skins"):
        listed = skin.get("joints")
        if not isinstance(listed, list) or not listed:
            raise tree.glb.fail("a skin has no joints")
        for joint in listed:
            tree.glb.item("nodes", joint)
        skins.append(listed)
    if skins:
        chosen = max(skins, key=lambda joints: len(moved.intersection(joints)))
        shared = set.intersection(*(set(tree.ancestors(joint)) for joint in chosen))
        if not shared:
            raise tree.glb.fail("the joints of its skin have no common root")
        if not shared & set(chosen):  # several roots: their nearest common ancestor holds them together
            chosen = [next(n for n in tree.ancestors(chosen[0]) if n in shared), *chosen]
    else:
        tops = [n for n in moved if not moved.intersection(tree.ancestors(n)[1:])]
        chosen = max(
            (tree.descendants(n) for n in sorted(tops)), key=lambda d: len(moved.intersection(d))
        )
    known = set(chosen)
    order: dict[int, int] = {}
    for joint in chosen:
        for node in reversed(tree.ancestors(joint)):
            if node in known and node not in order:
                order[node] = len(order)
    parents = [next((order[a] for a in tree.ancestors(j)[1:] if a in known), -1) for j in order]
    return list(order), parents


def _frame_times(
    glb: Glb, tracks: Mapping[tuple[int, str], Track], known_fps: object, joints: int
) -> tuple[float, np.ndarray]:
    """Frame rate, and the time of every frame in seconds on the clock of the tracks."""
    start = min(track.times_s[0] for track in tracks.values())
    end = max(track.times_s[-1] for track in tracks.values())
    densest = max((track.times_s for track in tracks.values()), key=len)
    steps = np.diff(densest)
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    if isinstance(known_fps, int | float) and 0 < known_fps <= 1e4:
        fps = float(known_fps)
    elif step > 0 and 1 / step > SPARSE_FPS - 1e-3:
        fps = 1 / step
        fps = round(fps) if abs(fps - round(fps)) < 2e-4 * fps else fps
    else:
        fps = SPARSE_KEYS_FPS
    frames = int((end - start) * fps + 0.01) + 1
    if frames > len(densest) and frames * joints > MAX_CLAIMED_POSES:
        raise glb.fail(
            f"claims {end - start:g} s at {fps:g} frames a second, which is too long to read"
        )
    return float(fps), start + np.arange(frames) / fps


def _bake(
    tree: NodeTree,
    tracks: Mapping[tuple[int, str], Track],
    at_s: np.ndarray,
    joints: list[int],
    parents: list[int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root path (T, 3) in metres, offsets (J, 3) and world rotations (T, J, 4) of joints whose frames
    are aligned with the world in the rest pose.

    With A(t) the linear part of a node's world transform and A0 the same at rest, a point that rests at
    x from the joint (world axes) is at A(t) A0^-1 x from it at time t: A(t) A0^-1 is the joint's
    rotation in world-aligned frames, whatever rotation, scale or mirroring A0 holds.
    """
    rest, moving = tree.world(joints, {}, at_s[:1]), tree.world(joints, tracks, at_s)
    frames = len(at_s)
    positions = np.stack([np.broadcast_to(moving[j][1], (frames, 3)) for j in joints], axis=1)
    quats = []
    for joint in joints:
        linear0 = rest[joint][0][0]
        if not np.abs(linear0).max() < 1e9 or abs(np.linalg.det(linear0)) < 1e-24:
            raise tree.glb.fail(f"nodes[{joint}] is scaled to nothing or to infinity")
        turn = moving[joint][0] @ np.linalg.inv(linear0)
        quat = quat_from_matrix(rotation_6d_to_matrix(rotation_6d_from_matrix(turn)))
        quats.append(np.broadcast_to(quat, (frames, 4)))
    quat_world = np.stack(quats, axis=1)
    offsets, stretch_m = np.zeros((len(joints), 3)), 0.0
    for j, parent in enumerate(parents):
        if parent >= 0:
            bone = quat_apply(
                quat_conjugate(quat_world[:, parent]), positions[:, j] - positions[:, parent]
            )
            resting = (rest[joints[j]][1] - rest[joints[parent]][1])[0]
            is_rigid = np.abs(bone - resting).max() < 1e-5
            offsets[j] = resting if is_rigid else np.median(bone, axis=0)
            stretch_m = max(stretch_m, float(np.abs(bone - offsets[j]).max()))
    if stretch_m > 1e-3:
        message = (
            f"{tree.glb.path}: its bones change length by up to {stretch_m:.3f} m; lengths are kept"
        )
        warnings.warn(message, NestmotionWarning, stacklevel=4)
    return positions[:, 0], offsets, quat_world


def _names(tree: NodeTree, joints: list[int]) -> tuple[str, ...]:
    """Node names, made unique; joint_N for a node without one."""
    names: dict[str, None] = {}
    for joint in joints:
        name = tree.nodes[joint].get("name")
        if not isinstance(name, str) or not name:
            name = f"joint_{joint}"
        while name in names:
            name = f"{name}_{joint}"
        names[name] = None
    return tuple(names)
