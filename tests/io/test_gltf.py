"""GLB files: ours there and back, other tools' files, bad ones, and the Khronos validator."""

from __future__ import annotations

import copy
import json
import struct
import subprocess
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation, Slerp

from nestmotion.core import Motion, Skeleton, canonical_skeleton
from nestmotion.core.errors import FormatError, NestmotionWarning, OutputError, SettingsError
from nestmotion.io.glb import BinaryChunk, Glb, write_glb
from nestmotion.io.gltf import load_glb, save_glb

TENTH_MM = 1e-4


def unit(quat: np.ndarray) -> np.ndarray:
    return quat / np.linalg.norm(quat, axis=-1, keepdims=True)


@pytest.fixture
def walk_glb(tmp_path: Path, synthetic_walk: Callable[..., Motion]) -> Path:
    path = tmp_path / "walk.glb"
    save_glb(synthetic_walk(frames=12).with_metadata(prompt="walk"), path)
    return path


# ---- Ours, there and back ---------------------------------------------------------------------------


@st.composite
def motions(draw: st.DrawFn) -> Motion:
    """Any skeleton, any rotations (half turns and sign jumps included), any frame rate."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    joints, frames = draw(st.integers(1, 8)), draw(st.integers(1, 9))
    parents = (-1, *(draw(st.integers(0, j - 1)) for j in range(1, joints)))
    offsets = rng.uniform(-0.5, 0.5, (joints, 3))
    offsets[0] = 0
    skeleton = Skeleton(tuple(f"joint {j}" for j in range(joints)), parents, offsets)
    fps = draw(st.sampled_from([12.0, 20.0, 29.97, 30.0, 60.0, 120.0]))
    quat = rng.normal(size=(frames, joints, 4))
    return Motion(skeleton, fps, rng.uniform(-9, 9, (frames, 3)), quat, {"seed": draw(st.integers())})


@given(motion=motions())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(motion: Motion, tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    save_glb(motion, path)
    back = load_glb(path)
    assert back.skeleton == motion.skeleton
    assert (back.fps, len(back), back.metadata) == (motion.fps, len(motion), motion.metadata)
    assert np.abs(back.positions_m - motion.positions_m).max() < TENTH_MM / 10
    same = np.abs(np.sum(back.quat_local_xyzw * motion.quat_local_xyzw, axis=-1))
    np.testing.assert_allclose(same, 1, atol=1e-6)


def test_metadata_survives(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    metadata = {"prompt": "gehe vorwärts 走 </script>", "seed": 3, "bundle": "ab12", "more": {"a": [1, None]}}
    save_glb(random_motion().with_metadata(**metadata), tmp_path / "a.glb")
    assert load_glb(tmp_path / "a.glb").metadata == metadata


def test_long_clip_keeps_every_frame(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    motion = random_motion(frames=40_000, fps=29.97)
    save_glb(motion.frames(0, 1), tmp_path / "one.glb")
    assert len(load_glb(tmp_path / "one.glb")) == 1
    save_glb(motion, tmp_path / "a.glb")
    back = load_glb(tmp_path / "a.glb")
    assert len(back) == len(motion)
    assert np.abs(back.root_m - motion.root_m).max() < TENTH_MM


def test_same_motion_gives_the_same_bytes(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    for name in ("a.glb", "b.glb"):
        save_glb(random_motion(), tmp_path / name)
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_written_quaternions_do_not_jump_in_sign(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    turn = Rotation.from_rotvec(np.linspace(0, 20, 50)[:, None] * [[0, 1, 0]]).as_quat()
    quat = np.zeros((50, 22, 4)) + turn[:, None] * rng.choice([-1, 1], (50, 22, 1))
    save_glb(Motion(canonical_skeleton(), 20.0, np.zeros((50, 3)), quat), tmp_path / "a.glb")
    glb = Glb.read(tmp_path / "a.glb")
    animation = glb.items("animations")[0]
    for channel, sampler in zip(animation["channels"], animation["samplers"], strict=True):
        if channel["target"]["path"] == "rotation":
            written = glb.accessor(sampler["output"], ("VEC4",))
            assert (np.sum(written[1:] * written[:-1], axis=1) > 0).all()
            np.testing.assert_allclose(np.linalg.norm(written, axis=1), 1, atol=1e-6)


@pytest.mark.corpus
def test_real_motion_round_trip(shared: Path, tmp_path: Path) -> None:
    motion = corpus_trial(shared, "07_01")
    save_glb(motion, tmp_path / "a.glb")
    back = load_glb(tmp_path / "a.glb")
    assert np.abs(back.positions_m - motion.positions_m).max() < TENTH_MM
    assert back.skeleton == motion.skeleton


def corpus_trial(shared: Path, name: str) -> Motion:
    with np.load(shared / "corpus" / "cmu20.npz", allow_pickle=False) as data:
        k = data["trials"].tolist().index(name)
        rows = slice(data["start"][k], data["start"][k] + data["length"][k])
        names = tuple(data["joint_names"].tolist())
        skeleton = Skeleton(names, tuple(data["parents"].tolist()), data["offsets_m"])
        quat = np.tile([0.0, 0.0, 0.0, 1.0], (data["length"][k], len(names), 1))
        quat[:, [names.index(n) for n in data["animated"]]] = data["quat_xyzw"][rows] / 32767
        return Motion(skeleton, float(data["fps"]), data["root_m"][rows], quat)


# ---- The mesh ---------------------------------------------------------------------------------------


def test_skin_leaves_the_rest_pose_alone(walk_glb: Path) -> None:
    glb = Glb.read(walk_glb)
    inverse_bind = glb.accessor(glb.items("skins")[0]["inverseBindMatrices"], ("MAT4",))
    skeleton, nodes = canonical_skeleton(), glb.items("nodes")
    stand = np.array(nodes[0]["translation"])
    for j, matrix in enumerate(inverse_bind.reshape(-1, 4, 4)):
        np.testing.assert_allclose(matrix[3, :3], -(skeleton.rest_positions_m[j] + stand), atol=1e-6)
        np.testing.assert_array_equal(matrix[:3], np.eye(4)[:3])
    attributes = glb.items("meshes")[0]["primitives"][0]["attributes"]
    vertices = glb.accessor(attributes["POSITION"], ("VEC3",))
    assert vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    weights = glb.accessor(attributes["WEIGHTS_0"], ("VEC4",))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


def test_skeleton_of_many_joints(tmp_path: Path) -> None:
    joints = 300
    offsets = np.tile([0.0, 0.01, 0.0], (joints, 1))
    skeleton = Skeleton(tuple(map(str, range(joints))), tuple(range(-1, joints - 1)), offsets)
    quat = np.tile([0.0, 0.0, 0.0, 1.0], (2, joints, 1))
    save_glb(Motion(skeleton, 20.0, np.zeros((2, 3)), quat), tmp_path / "a.glb")
    assert load_glb(tmp_path / "a.glb").skeleton.joint_names[-1] == "299"


# ---- Other tools' files -----------------------------------------------------------------------------


def foreign_glb(
    path: Path,
    nodes: list[dict[str, Any]],
    tracks: dict[tuple[int, str], tuple[np.ndarray, np.ndarray, str]],
    joints: list[int] | None,
    **document: Any,
) -> None:
    """A GLB with these nodes and one animation of tracks: (node, path) -> times, values, interpolation."""
    chunk = BinaryChunk()
    samplers, channels = [], []
    for (node, target), (times, values, interpolation) in tracks.items():
        times_at = chunk.add(np.asarray(times, np.float32)[:, None], "SCALAR", bounds=True)
        values_at = chunk.add(np.asarray(values, np.float32), f"VEC{np.shape(values)[-1]}")
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": target}})
        samplers.append({"input": times_at, "output": values_at, "interpolation": interpolation})
    children = {c for node in nodes for c in node.get("children", [])}
    roots = [i for i in range(len(nodes)) if i not in children]
    base = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": roots}],
        "nodes": nodes,
        "animations": [{"channels": channels, "samplers": samplers}],
    }
    skins = {} if joints is None else {"skins": [{"joints": joints}]}
    write_glb(path, base | skins | document, chunk)


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
    rest = unit(np.array([0.1, 0.7, -0.3, 0.5]))
    nodes = [
        {"name": "a", "rotation": rest.tolist(), "children": [1]},
        {"name": "b", "translation": [0, 1, 0]},
    ]
    tracks = {(0, "rotation"): (np.arange(3) / 30, np.tile(rest, (3, 1)), "LINEAR")}
    foreign_glb(tmp_path / "a.glb", nodes, tracks, [0, 1])
    motion = load_glb(tmp_path / "a.glb")
    np.testing.assert_allclose(np.abs(motion.quat_local_xyzw[..., 3]), 1, atol=1e-9)


LIMB = [{"name": "a", "children": [1]}, {"name": "b", "translation": [0, 1, 0]}]
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
    half = int(round(np.sqrt(0.5) * 32767))
    path = tmp_path / "a.glb"
    tracks = {(0, "rotation"): ([0.0, 0.05], np.zeros((2, 4)) + [half, 0, 0, half], "STEP")}
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
    nodes = [{"name": "body", "children": [1, 2]}, {"name": "l", "translation": [1, 0, 0]}, {"name": "r"}]
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
    assert str(caught[0].message) == f"{path}: its bones change length by up to 0.300 m; lengths are kept"


# ---- Bad input --------------------------------------------------------------------------------------


def take_apart(path: Path) -> tuple[dict[str, Any], bytes]:
    glb = Glb.read(path)
    return copy.deepcopy(glb.document), glb.binary


def put_together(path: Path, document: object, binary: bytes) -> None:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0")
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks) + len(binary)) + chunks + binary)


def spoil(keys: list[str | int], value: object) -> Callable[[dict[str, Any]], None]:
    """An edit of a document: set (or with None delete) what the keys lead to."""

    def edit(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        if value is None:
            del place[keys[-1]]
        else:
            place[keys[-1]] = value

    return edit


# Accessors of a file of ours: 0 inverse binds, 1 to 5 mesh, 6 times, 7 root, 8 on rotations.
BAD_DOCUMENTS = [
    (spoil(["animations"], None), "holds no animation"),
    (spoil(["animations", 0, "channels"], []), "its animation moves no node"),
    (spoil(["animations", 0, "channels"], {}), "channels in its JSON must be a list of objects"),
    (spoil(["nodes"], 7), "nodes in its JSON must be a list of objects"),
    (spoil(["nodes", 0, "children", 0], 999), "refers to nodes[999], but has 23 of them"),
    (spoil(["nodes", 0, "children", 0], "1"), "refers to nodes['1'], but has 23 of them"),
    (spoil(["nodes", 21, "children"], [1]), "nodes[1] has two parents"),
    (spoil(["nodes", 15, "children"], [0]), "its node hierarchy goes in a circle or is absurdly deep"),
    (
        spoil(["nodes", 3, "translation"], [0, "x", 0]),
        "translation in its JSON must be 3 finite numbers, not [0, 'x', 0]",
    ),
    (
        spoil(["nodes", 3, "scale"], [0, float("nan"), 0]),
        "scale in its JSON must be 3 finite numbers, not [0, nan, 0]",
    ),
    (spoil(["nodes", 3, "scale"], [0, 0, 0]), "nodes[3] is scaled to nothing or to infinity"),
    (spoil(["skins", 0, "joints"], []), "a skin has no joints"),
    (spoil(["skins", 0, "joints", 0], -1), "refers to nodes[-1], but has 23 of them"),
    (spoil(["skins", 0, "joints", 0], 22), "the joints of its skin have no common root"),
    (
        spoil(["animations", 0, "channels", 0, "sampler"], 99),
        "an animation channel refers to a sampler that does not exist",
    ),
    (
        spoil(["animations", 0, "samplers", 0, "interpolation"], "BEZIER"),
        "an animation sampler has an unknown interpolation",
    ),
    (
        spoil(["animations", 0, "samplers", 0, "input"], 3),
        "accessors[3] must be SCALAR of numbers, not 'VEC4' of component type 5121",
    ),
    (spoil(["animations", 0, "samplers", 0, "output"], 99), "refers to accessors[99], but has 30 of them"),
    (spoil(["accessors", 6, "count"], 11), "an animation sampler has 11 key times but 12 values"),
    (
        spoil(["accessors", 6, "count"], 1_000_000_000),
        "accessors[6] claims 1000000000 elements of 4 bytes, but its buffer view has 48 bytes",
    ),
    (spoil(["accessors", 6, "count"], -1), "count in its JSON must be a whole number, not -1"),
    (spoil(["accessors", 6, "bufferView"], None), "accessors[6] is sparse, which is not supported"),
    (
        spoil(["bufferViews", 7, "byteOffset"], 10**9),
        "bufferViews[7] ends at byte 1000000144, but the binary chunk has {size}",
    ),
    (
        spoil(["bufferViews", 7, "extensions"], {"EXT_meshopt_compression": {}}),
        "is compressed (EXT_meshopt_compression); export it without compression",
    ),
    (
        spoil(["buffers", 0, "uri"], "walk.bin"),
        "keeps its data in another buffer; export it as one self-contained GLB",
    ),
    (
        spoil(["scenes", 0, "extras", "nestmotion", "fps"], 1e-9),
        None,  # one frame is left: no error
    ),
]


@pytest.mark.parametrize(("edit", "message"), BAD_DOCUMENTS)
def test_bad_documents(edit: Callable[[dict], None], message: str | None, walk_glb: Path) -> None:
    document, binary = take_apart(walk_glb)
    edit(document)
    put_together(walk_glb, document, binary)
    if message is None:
        assert len(load_glb(walk_glb)) == 1
        return
    with pytest.raises(FormatError) as caught:
        load_glb(walk_glb)
    assert str(caught.value) == f"{walk_glb}: {message.format(size=len(binary))}"


def test_not_a_glb(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    with pytest.raises(FormatError) as caught:
        load_glb(path)
    assert str(caught.value) == f"{path}: cannot be read: no such file or directory"
    for data, message in (
        (b"", "is not a GLB file (it does not start with 'glTF')"),
        (b"HIERARCHY\nROOT Hips", "is not a GLB file (it does not start with 'glTF')"),
        (b"glTF\2\0", "is truncated: a GLB header has 12 bytes, the file 6"),
        (struct.pack("<4sII", b"glTF", 1, 12), "is glTF version 1; only version 2 can be read"),
        (struct.pack("<4sII", b"glTF", 2, 12), "is damaged: it has no JSON chunk"),
        (
            struct.pack("<4sIII4s", b"glTF", 2, 20, 2**31, b"JSON"),
            "is damaged: a chunk of 2147483648 bytes goes beyond the file's end",
        ),
        (
            struct.pack("<4sIII4s2s", b"glTF", 2, 22, 2, b"JSON", b"[]"),
            "is damaged: its JSON chunk is not an object",
        ),
    ):
        path.write_bytes(data)
        with pytest.raises(FormatError) as caught:
            load_glb(path)
        assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("text", [b"{", b'{"a": \xff}', b"[" * 100_000, b"{" + b" " * 9, b"9" * 9999])
def test_bad_json(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    path.write_bytes(struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text), len(text), b"JSON") + text)
    with pytest.raises(FormatError, match="^[^\n]* is damaged: its JSON chunk [^\n]*$"):
        load_glb(path)


def test_truncated_at_every_tenth(walk_glb: Path) -> None:
    data = walk_glb.read_bytes()
    for tenth in range(10):
        walk_glb.write_bytes(data[: len(data) * tenth // 10])
        with pytest.raises(FormatError, match=r"^[^\n]*(is not a GLB file|is truncated)[^\n]*$"):
            load_glb(walk_glb)


def test_nan_in_the_data(walk_glb: Path) -> None:
    document, binary = take_apart(walk_glb)
    start = document["bufferViews"][7]["byteOffset"]
    put_together(walk_glb, document, binary[:start] + struct.pack("<f", np.nan) + binary[start + 4 :])
    with pytest.raises(FormatError) as caught:
        load_glb(walk_glb)
    assert str(caught.value) == f"{walk_glb}: accessors[7] holds NaN or infinity"


def test_claimed_length_is_refused_without_allocating(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    values = np.zeros((3, 3))
    foreign_glb(path, LIMB, {(0, "translation"): ([0.0, 0.01, 1e8], values, "LINEAR")}, [0, 1])
    tracemalloc.start()
    with pytest.raises(FormatError) as caught:
        load_glb(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = "claims 1e+08 s at 30 frames a second, which is too long to read"
    assert str(caught.value) == f"{path}: {message}"
    assert peak < 1_000_000


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_mutated_documents_never_crash(data: st.DataObject, walk_glb: Path) -> None:
    """Whatever stands anywhere in the JSON, the file loads or is refused in one line."""
    document, binary = mutated_base(walk_glb)
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = document
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            deeper = isinstance(place[key], dict | list) and data.draw(st.integers(0, 5)) > 0
            if not deeper:
                odd = [None, -1, 0, 1, 5, 22, 2**40, 1e308, float("nan"), "", "VEC3", [], {}, [[]], True]
                place[key] = data.draw(st.sampled_from(odd))
                break
            place = place[key]
    path = walk_glb.with_name("mutated.glb")
    put_together(path, document, binary)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NestmotionWarning)
        try:
            motion = load_glb(path)
        except FormatError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 400 + len(str(path))
        else:
            assert np.isfinite(motion.positions_m).all()


def mutated_base(walk_glb: Path) -> tuple[dict[str, Any], bytes]:
    """A small document, so that mutations hit something: the first three joints of the walk."""
    document, binary = take_apart(walk_glb)
    for key in ("meshes", "materials"):
        del document[key]
    animation = document["animations"][0]
    animation["channels"] = animation["channels"][:4]
    return document, binary


# ---- Saving that fails ------------------------------------------------------------------------------


def test_metadata_that_is_not_json_leaves_no_file(tmp_path: Path, random_motion: Callable) -> None:
    for value in (object(), float("nan")):
        with pytest.raises(SettingsError, match="^the motion's metadata is not plain JSON: "):
            save_glb(random_motion().with_metadata(thing=value), tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []


def test_unwritable_place(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_glb(random_motion(), tmp_path / "file" / "a.glb")


# ---- The Khronos validator --------------------------------------------------------------------------


def test_khronos_validator(
    tmp_path: Path, node_modules: Path, random_motion: Callable[..., Motion], synthetic_walk: Callable
) -> None:
    lone = Motion(Skeleton(("a",), (-1,), np.zeros((1, 3))), 30.0, np.zeros((1, 3)), np.ones((1, 1, 4)))
    motions = {"random": random_motion(), "walk": synthetic_walk(), "lone": lone}
    motions["one_frame"] = random_motion(frames=1).with_metadata(prompt="ü", seed=1)
    for name, motion in motions.items():
        save_glb(motion, tmp_path / f"{name}.glb")
    script = Path(__file__).parents[1] / "tools" / "validate_gltf.mjs"
    files = [str(tmp_path / f"{name}.glb") for name in motions]
    command = ["node", str(script), str(node_modules), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    reports = json.loads(done.stdout)
    assert len(reports) == len(files)
    for report in reports:
        assert report["issues"]["messages"] == []
        assert report["info"]["animationCount"] == 1
