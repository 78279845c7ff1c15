"""GLB files of ours: there and back, the mannequin in them, and the Khronos validator."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nestmotion.core import Motion, Skeleton, canonical_skeleton
from nestmotion.core.errors import OutputError, SettingsError
from nestmotion.io.glb import Glb
from nestmotion.io.gltf import load_glb, save_glb

TENTH_MM = 1e-4


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
    metadata = {"seed": draw(st.integers()), "loop": draw(st.booleans())}
    return Motion(skeleton, fps, rng.uniform(-9, 9, (frames, 3)), quat, metadata)


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


def test_a_loop_ends_with_its_beginning(tmp_path: Path, synthetic_walk: Callable[..., Motion]) -> None:
    """A player that interpolates would else cut from the last frame to the first."""
    walk = synthetic_walk(frames=40, speed_m_s=0.0).with_metadata(loop=True)
    save_glb(walk, tmp_path / "a.glb")
    glb = Glb.read(tmp_path / "a.glb")
    (animation,) = glb.items("animations")
    times = glb.accessor(animation["samplers"][0]["input"], ("SCALAR",))
    assert (len(times), float(times[-1, 0])) == (41, 2.0)
    for sampler, kind in zip(animation["samplers"], ("VEC3", *["VEC4"] * 22), strict=True):
        values = glb.accessor(sampler["output"], (kind,))
        np.testing.assert_allclose(values[-1], values[0], atol=1e-6)
    assert len(load_glb(tmp_path / "a.glb")) == 40


def test_metadata_survives(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    metadata = {
        "prompt": "gehe vorwärts 走 </script>",
        "seed": 3,
        "bundle": "ab12",
        "more": {"a": [1, None]},
    }
    save_glb(random_motion().with_metadata(**metadata), tmp_path / "a.glb")
    assert load_glb(tmp_path / "a.glb").metadata == metadata


def test_long_clip_keeps_every_frame(tmp_path: Path, random_motion: Callable[..., Motion]) -> None:
    motion = random_motion(frames=8_000, fps=29.97)
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


def test_skin_leaves_the_rest_pose_alone(tmp_path: Path, synthetic_walk: Callable[..., Motion]) -> None:
    save_glb(synthetic_walk(frames=2), tmp_path / "a.glb")
    glb = Glb.read(tmp_path / "a.glb")
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


# ---- Saving that fails ------------------------------------------------------------------------------


def test_metadata_that_is_not_json_leaves_no_file(tmp_path: Path, random_motion: Callable) -> None:
    for value in (object(), float("nan")):
        with pytest.raises(SettingsError, match=r"^the motion's metadata is not plain JSON: "):
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
