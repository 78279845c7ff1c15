"""GLB files of other tools."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation, Slerp

from glb_files import LIMB, foreign_glb, put_together, take_apart
from nestmotion.core.errors import NestmotionWarning
from nestmotion.io.gltf import load_glb

TENTH_MM = 1e-4


def matrix_of(node: dict[str, Any], moved: dict[str, np.ndarray]) -> np.ndarray:
    fields = node | moved
    result = np.eye(4)
    turn = Rotation.from_quat(fields.get("rotation", [0, 0, 0, 1])).as_matrix()
    result[:3, :3] = turn @ np.diag(fields.get("scale", [1, 1, 1]))
    result[:3, 3] = fields.get("translation", [0, 0, 0])
    return result


def oracle_positions(
    nodes: list[dict[str, Any]],
    tracks: dict[tuple[int, str], tuple[np.ndarray, np.ndarray, str]],
    joints: list[int],
    frames: int,
) -> np.ndarray:
    """World positions (frames, joints, 3) of uniformly keyed tracks by plain products of matrices."""
    parent = {c: i for i, node in enumerate(nodes) for c in node.get("children", [])}
    result = np.zeros((frames, len(joints), 3))
    for t in range(frames):
        for k, joint in enumerate(joints):
            world, at = np.eye(4), joint
            while at is not None:
                moved = {p: values[t] for (n, p), (_, values, _) in tracks.items() if n == at}
                world = matrix_of(nodes[at], moved) @ world
                at = parent.get(at)
            result[t, k] = world[:3, 3]
    return result


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1.0, 0.01, 100.0, -0.01]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_rotated_bones_and_a_scaled_armature(seed: int, scale: float, tmp_path: Path) -> None:
    """An armature (Z up, in centimetres), bones with any rest rotation, a helper node between bones,
    joints listed children first, and the armature itself moving."""
    rng = np.random.default_rng(seed)

    def quats(*shape: int) -> np.ndarray:
        return Rotation.random(int(np.prod(shape)), rng).as_quat().reshape(*shape, 4)

    def node(name: str, *children: int, size: float = 1.0) -> dict[str, Any]:
        placed: dict[str, Any] = {"translation": (rng.uniform(-0.4, 0.4, 3) / abs(scale)).tolist()}
        turned = {"name": name, "rotation": quats(1)[0].tolist(), "scale": [size] * 3}
        return placed | turned | ({"children": list(children)} if children else {})

    upright = {"rotation": [-np.sqrt(0.5), 0, 0, np.sqrt(0.5)], "scale": [scale] * 3}
    nodes = [
        {"name": "armature", "children": [1], **upright},
        node("hips", 2, 4),
        node("helper", 3, size=1.5),
        node("spine", 6),
        node("leg", 5),
        node("foot"),
        node("head"),
    ]
    frames, joints = 7, [6, 5, 4, 3, 1]
    times = np.arange(frames) / 25
    tracks = {(j, "rotation"): (times, quats(frames), "LINEAR") for j in (1, 3, 4, 5)}
    tracks[0, "translation"] = (times, rng.uniform(-3, 3, (frames, 3)), "LINEAR")
    tracks[1, "translation"] = (times, rng.uniform(-1, 1, (frames, 3)) / abs(scale), "LINEAR")
    path = tmp_path / "a.glb"
    foreign_glb(path, nodes, tracks, joints)
    motion = load_glb(path)
    assert motion.fps == 25
    assert motion.skeleton.joint_names == ("hips", "spine", "head", "leg", "foot")
    assert motion.skeleton.parents == (-1, 0, 1, 0, 3)
    expected = oracle_positions(nodes, tracks, [1, 3, 6, 4, 5], frames)
    assert np.abs(motion.positions_m - expected).max() < TENTH_MM
    # At rest our frames are aligned with the world: the offsets are world steps between resting joints.
    resting = oracle_positions(nodes, {}, [1, 3, 6, 4, 5], 1)[0]
    np.testing.assert_allclose(motion.skeleton.rest_positions_m, resting - resting[0], atol=1e-5)


def test_resting_bones_do_not_turn(tmp_path: Path) -> None:
    """A rotation track that holds the bone's own rest rotation is no rotation of ours."""
    rest = np.array([0.1, 0.7, -0.3, 0.5]) / np.sqrt(0.84)
    nodes = [
        {"name": "a", "rotation": rest.tolist(), "children": [1]},
        {"name": "b", "translation": [0, 1, 0]},
    ]
    tracks = {(0, "rotation"): (np.arange(3) / 30, np.tile(rest, (3, 1)), "LINEAR")}
    foreign_glb(tmp_path / "a.glb", nodes, tracks, [0, 1])
    motion = load_glb(tmp_path / "a.glb")
    np.testing.assert_allclose(np.abs(motion.quat_local_xyzw[..., 3]), 1, atol=1e-9)


UNEVEN = np.array([0.0, 0.1, 0.15, 0.3, 0.35, 0.4])


def test_linear_rotations_are_interpolated_as_scipy_does(tmp_path: Path) -> None:
    turns = Rotation.random(6, np.random.default_rng(1))
    tracks = {(0, "rotation"): (UNEVEN, turns.as_quat(), "LINEAR")}
    foreign_glb(tmp_path / "a.glb", LIMB, tracks, [0, 1])
    motion = load_glb(tmp_path / "a.glb")
    assert motion.fps == 20
    expected = Slerp(UNEVEN, turns)(np.arange(9) / 20).apply([0, 1, 0])
    np.testing.assert_allclose(motion.positions_m[:, 1], expected, atol=1e-5)


def test_cubic_translations_are_interpolated_as_scipy_does(tmp_path: Path) -> None:
    keys = np.random.default_rng(2).uniform(-1, 1, (6, 3, 3))  # incoming tangent, value, outgoing
    tracks = {(0, "translation"): (UNEVEN, keys.reshape(18, 3), "CUBICSPLINE")}
    foreign_glb(tmp_path / "a.glb", LIMB, tracks, [0, 1])
    root = load_glb(tmp_path / "a.glb").root_m
    for k, time in enumerate(np.arange(9) / 20):
        i = int(np.clip(np.searchsorted(UNEVEN, time + 1e-9) - 1, 0, 4))
        ends = slice(i, i + 2)
        slopes = np.stack((keys[i, 2], keys[i + 1, 0]))
        expected = CubicHermiteSpline(UNEVEN[ends], keys[ends, 1], slopes)(time)
        np.testing.assert_allclose(root[k], expected, atol=1e-5)


def test_cubic_rotations_pass_through_their_keys(tmp_path: Path) -> None:
    keys = np.zeros((6, 3, 4))
    keys[:, 1] = Rotation.from_rotvec(np.linspace(0, 2, 6)[:, None] * [[1, 0, 0]]).as_quat()
    tracks = {(0, "rotation"): (np.arange(6) / 20, keys.reshape(18, 4), "CUBICSPLINE")}
    foreign_glb(tmp_path / "a.glb", LIMB, tracks, [0, 1])
    turned = load_glb(tmp_path / "a.glb").quat_local_xyzw[:, 0]
    np.testing.assert_allclose(np.abs(np.sum(turned * keys[:, 1], axis=1)), 1, atol=1e-6)


def test_steps_hold_until_the_next_key(tmp_path: Path) -> None:
    values = np.arange(6.0)[:, None] * [1, 0, 0]
    foreign_glb(tmp_path / "a.glb", LIMB, {(0, "translation"): (UNEVEN, values, "STEP")}, [0, 1])
    assert load_glb(tmp_path / "a.glb").root_m[:, 0].tolist() == [0, 0, 1, 2, 2, 2, 3, 4, 5]


def test_key_times_may_start_late_and_be_sparse(tmp_path: Path) -> None:
    values = np.array([[0.0, 0, 0], [3.0, 0, 0]])
    foreign_glb(tmp_path / "a.glb", LIMB, {(0, "translation"): ([2.0, 3.0], values, "LINEAR")}, [0, 1])
    motion = load_glb(tmp_path / "a.glb")
    assert (motion.fps, len(motion)) == (30, 31)
    np.testing.assert_allclose(motion.root_m[:, 0], np.arange(31) / 10, atol=1e-6)


def test_normalised_integer_rotations(tmp_path: Path) -> None:
    half = round(np.sqrt(0.5) * 32767)
    path = tmp_path / "a.glb"
    tracks = {(0, "rotation"): ([0.0, 0.05], np.zeros((2, 4)), "STEP")}
    foreign_glb(path, LIMB, tracks, [0, 1])
    document, binary = take_apart(path)
    document["accessors"][1] |= {"componentType": 5122, "normalized": True}
    short = struct.pack("<8h", *[half, 0, 0, half] * 2)
    put_together(path, document, binary[:8] + short + binary[24:])
    np.testing.assert_allclose(load_glb(path).positions_m[0, 1], [0, 0, 1], atol=1e-4)


def test_without_a_skin_the_moved_tree_is_read(tmp_path: Path) -> None:
    nodes = [
        {"name": "lamp"},
        {"name": "scene", "translation": [5, 0, 0], "children": [2, 0]},
        {"children": [3, 4]},
        {"name": "arm", "translation": [1, 0, 0]},
        {"name": "arm", "translation": [-1, 0, 0]},
    ]
    times, up = np.arange(4) / 10, np.arange(4)[:, None] * [0, 1, 0]
    still = np.tile([0.0, 0, 0, 1], (4, 1))
    tracks = {(2, "translation"): (times, up, "LINEAR"), (3, "rotation"): (times, still, "LINEAR")}
    foreign_glb(tmp_path / "a.glb", nodes, tracks, None)
    motion = load_glb(tmp_path / "a.glb")
    assert motion.skeleton.joint_names == ("joint_2", "arm", "arm_4")
    np.testing.assert_allclose(motion.positions_m[2, 1], [6, 2, 0], atol=1e-6)


def test_joints_with_several_roots_get_their_common_parent(tmp_path: Path) -> None:
    nodes = [
        {"name": "body", "children": [1, 2]},
        {"name": "l", "translation": [1, 0, 0]},
        {"name": "r"},
    ]
    tracks = {(1, "translation"): ([0.0, 0.1], np.ones((2, 3)), "LINEAR")}
    foreign_glb(tmp_path / "a.glb", nodes, tracks, [1, 2])
    assert load_glb(tmp_path / "a.glb").skeleton.joint_names == ("body", "l", "r")


def test_the_most_moved_skin_and_the_first_animation_are_read(tmp_path: Path) -> None:
    nodes = [*LIMB, {"name": "hat"}]
    path = tmp_path / "a.glb"
    foreign_glb(path, nodes, {(0, "translation"): ([0.0, 0.1], np.ones((2, 3)), "LINEAR")}, None)
    document, binary = take_apart(path)
    document["skins"] = [{"joints": [2]}, {"joints": [0, 1]}]
    document["animations"][0]["name"] = "walk"
    document["animations"].append({"channels": [], "samplers": []})
    put_together(path, document, binary)
    with pytest.warns(NestmotionWarning) as caught:
        motion = load_glb(path)
    assert motion.skeleton.joint_names == ("a", "b")
    assert str(caught[0].message) == f"{path}: holds 2 animations; the first, 'walk', is read"


def test_bones_that_change_length_keep_the_median(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    stretch = np.array([[0, 1.1, 0], [0, 1.1, 0], [0, 1.4, 0]])
    foreign_glb(path, LIMB, {(1, "translation"): (np.arange(3) / 10, stretch, "LINEAR")}, [0, 1])
    with pytest.warns(NestmotionWarning) as caught:
        motion = load_glb(path)
    np.testing.assert_allclose(motion.skeleton.offsets_m[1], [0, 1.1, 0], atol=1e-6)
    assert (
        str(caught[0].message) == f"{path}: its bones change length by up to 0.300 m; lengths are kept"
    )
