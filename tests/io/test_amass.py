"""AMASS-style NPZ against kinematics done with SciPy in AMASS' own Z-up world."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nestmotion.core import Motion, Skeleton, canonical_skeleton
from nestmotion.core.errors import FormatError, SettingsError
from nestmotion.io.amass import is_amass, load_amass, save_amass


def z_up_positions(poses: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """Joint positions in the file's own world, with matrices."""
    sk = canonical_skeleton()
    turn = Rotation.from_rotvec(poses[:, :66].reshape(-1, 3)).as_matrix().reshape(-1, 22, 3, 3)
    world, positions = [turn[:, 0]], [trans]
    for j in range(1, 22):
        parent = sk.parents[j]
        positions.append(positions[parent] + world[parent] @ sk.offsets_m[j])
        world.append(world[parent] @ turn[:, j])
    return np.stack(positions, axis=1)


@pytest.mark.parametrize("width", [66, 72, 156, 165])
@pytest.mark.parametrize("rate_key", ["mocap_frame_rate", "mocap_framerate"])
def test_reading_agrees_with_scipy(tmp_path, width, rate_key):
    rng = np.random.default_rng(width)
    poses, trans = rng.normal(size=(9, width)), rng.normal(size=(9, 3))
    np.savez(
        tmp_path / "x.npz", poses=poses, trans=trans, **{rate_key: np.array(120.0)}, betas=np.ones(16)
    )
    motion = load_amass(tmp_path / "x.npz")
    assert motion.fps == 120
    assert motion.skeleton == canonical_skeleton()
    x, y, z = np.moveaxis(z_up_positions(poses, trans), -1, 0)
    np.testing.assert_allclose(motion.positions_m, np.stack([x, z, -y], axis=-1), atol=1e-12)


def test_who_stands_upright_in_amass_stands_upright_and_faces_forward_here(tmp_path):
    poses = np.zeros((1, 156))
    poses[0, 0] = np.pi / 2  # from SMPL's Y-up body to the Z-up world; the person faces -Y there
    trans = np.array([[0.0, 0.0, 0.9]])
    np.savez(tmp_path / "x.npz", poses=poses, trans=trans, mocap_frame_rate=60, gender="female")
    motion = load_amass(tmp_path / "x.npz")
    np.testing.assert_allclose(motion.root_m, [[0, 0.9, 0]], atol=1e-15)
    rest = canonical_skeleton().rest_positions_m
    np.testing.assert_allclose(motion.positions_m[0] - (0, 0.9, 0), rest, atol=1e-15)
    assert motion.metadata == {"gender": "female"}


def test_writing_and_reading(tmp_path, random_motion):
    motion = random_motion(frames=25, fps=29.97).with_metadata(prompt="a person waves", seed=3)
    save_amass(motion, tmp_path / "x.npz")
    assert is_amass(tmp_path / "x.npz")
    again = load_amass(tmp_path / "x.npz")
    assert again.fps == motion.fps
    assert again.skeleton == motion.skeleton
    np.testing.assert_allclose(again.positions_m, motion.positions_m, atol=1e-12)
    same = np.abs(np.sum(again.quat_local_xyzw * motion.quat_local_xyzw, axis=-1))
    np.testing.assert_allclose(same, 1, atol=1e-12)
    assert again.metadata == {"prompt": "a person waves", "seed": 3, "gender": "neutral"}


def test_the_arrays_in_the_file(tmp_path, random_motion):
    motion = random_motion(frames=5)
    save_amass(motion, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        arrays = dict(file)
    assert arrays["poses"].shape == (5, 156)
    assert not arrays["poses"][:, 66:].any()
    assert (arrays["trans"].shape, arrays["betas"].shape) == ((5, 3), (16,))
    assert (float(arrays["mocap_frame_rate"]), str(arrays["gender"])) == (20.0, "neutral")
    x, y, z = np.moveaxis(z_up_positions(arrays["poses"], arrays["trans"]), -1, 0)
    np.testing.assert_allclose(motion.positions_m, np.stack([x, z, -y], axis=-1), atol=1e-12)


def test_only_the_canonical_skeleton_can_be_written(tmp_path):
    skeleton = Skeleton(("root", "tip"), (-1, 0), np.eye(3)[:2])
    motion = Motion(skeleton, 20, np.zeros((1, 3)), np.ones((1, 2, 4)))
    with pytest.raises(SettingsError) as caught:
        save_amass(motion, tmp_path / "x.amass.npz")
    assert str(caught.value) == (
        f"{tmp_path / 'x.amass.npz'}: an AMASS file holds motion of the canonical 22-joint skeleton "
        "only; this motion has another skeleton, convert with --retarget"
    )
    assert list(tmp_path.iterdir()) == []


GOOD = {"poses": np.zeros((4, 156)), "trans": np.zeros((4, 3)), "mocap_frame_rate": np.array(60.0)}
ERRORS = {
    "no poses": ({"poses": None}, "has no array 'poses'"),
    "no path": ({"trans": None}, "has no array 'trans'"),
    "no frame rate": ({"mocap_frame_rate": None}, "has no array 'mocap_frame_rate'"),
    "hands only": (
        {"poses": np.zeros((4, 63))},
        "expected poses of 66 numbers a frame or more, found 63",
    ),
    "one frame without its axis": (
        {"poses": np.zeros(156)},
        "expected poses to be numbers of shape (any, any), found float64 (156,)",
    ),
    "path of another length": (
        {"trans": np.zeros((3, 3))},
        "expected trans to be numbers of shape (4, 3), found float64 (3, 3)",
    ),
    "no frames": (
        {"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))},
        "holds no frames",
    ),
    "NaN": ({"trans": np.full((4, 3), np.nan)}, "the motion holds NaN or infinity"),
    "frame rate 0": ({"mocap_frame_rate": np.array(0)}, "frames a second must be positive, not 0.0"),
    "pickled poses": (
        {"poses": np.array([None], dtype=object)},
        "poses holds pickled objects, which are never loaded",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_what_is_wrong(tmp_path, case):
    change, message = ERRORS[case]
    arrays = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(FormatError) as caught:
        load_amass(tmp_path / "x.npz")
    assert str(caught.value) == f"{tmp_path / 'x.npz'}: {message}"


def test_pickled_extras_are_left_alone(tmp_path):
    extra = np.array([{"vertex": 1}], dtype=object)  # as SMPL-X files of AMASS have
    np.savez(tmp_path / "x.npz", **GOOD, markers_latent_vids=extra)
    assert len(load_amass(tmp_path / "x.npz")) == 4
