"""HumanML3D's 263 numbers."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core import Motion, NestmotionError, Skeleton, canonical_skeleton
from nestmotion.core.rotations import quat_apply, quat_conjugate, quat_from_yaw
from nestmotion.io.humanml3d import (
    LAYOUT,
    decode_positions,
    encode_positions,
    load_humanml3d,
    save_humanml3d,
)

SKELETON = canonical_skeleton()


def spinning_walk(seed: int, frames: int = 40) -> np.ndarray:
    """Joint positions of a noisy body that turns by any amount and moves over the floor."""
    rng = np.random.default_rng(seed)
    yaw = rng.uniform(-3, 3) + np.cumsum(rng.normal(scale=0.2, size=frames) + rng.uniform(-0.3, 0.3))
    path = np.cumsum(rng.normal(scale=0.05, size=(frames, 3)), axis=0) * (1, 0.1, 1)
    body = SKELETON.rest_positions_m + rng.normal(scale=0.03, size=(frames, 22, 3))
    return quat_apply(quat_from_yaw(yaw)[:, None], body) + path[:, None] + rng.normal(size=3)


@given(seed=st.integers(0, 10_000))
def test_positions_come_back(seed: int) -> None:
    positions = spinning_walk(seed)
    decoded = decode_positions(encode_positions(positions))
    expected = positions[:-1] - positions[:1, :1] * (1, 0, 1)
    np.testing.assert_allclose(decoded, expected, atol=1e-9)


def test_blocks_fill_the_row_without_overlap() -> None:
    blocks = [LAYOUT._asdict()[name] for name in LAYOUT._fields if name != "width"]
    assert [i for block in blocks for i in range(block.start, block.stop)] == list(range(LAYOUT.width))


def test_meaning_of_root_and_contacts() -> None:
    """A figure sliding forward at 1 m/s on its left foot's standstill."""
    frames = 30
    positions = np.repeat(SKELETON.rest_positions_m[None] + (0, 0.9, 0), frames, axis=0)
    positions[..., 2] += np.arange(frames)[:, None] * 0.05
    positions[:, [7, 10]] = positions[:1, [7, 10]]
    features = encode_positions(positions)
    np.testing.assert_allclose(features[1:, LAYOUT.yaw_step], 0, atol=1e-12)
    np.testing.assert_allclose(features[1:, LAYOUT.root_height], 0.9, atol=1e-12)
    assert np.linalg.norm(features[:, LAYOUT.root_step], axis=-1) == pytest.approx(0.05)
    np.testing.assert_array_equal(features[:, LAYOUT.contacts], np.tile([1, 1, 0, 0], (29, 1)))


def test_left_turn_is_a_negative_yaw_step() -> None:
    """The stored angle turns the world back to the heading: half of it, against the person's turn."""
    yaw = np.linspace(0, 1.2, 200)
    positions = quat_apply(quat_from_yaw(yaw)[:, None], SKELETON.rest_positions_m)
    steps = encode_positions(positions)[90:110, LAYOUT.yaw_step]
    np.testing.assert_allclose(steps, -(yaw[1] - yaw[0]) / 2, atol=1e-6)


@pytest.mark.corpus
class TestPublishedSample:
    @staticmethod
    def load(shared: Path) -> tuple[np.ndarray, np.ndarray]:
        folder = shared / "samples" / "humanml3d"
        joints, features = (
            np.load(folder / name / "012314.npy", allow_pickle=False).astype(float)
            for name in ("new_joints", "new_joint_vecs")
        )
        return joints, features

    def test_decoder(self, shared: Path) -> None:
        joints, features = self.load(shared)
        np.testing.assert_allclose(decode_positions(features), joints, atol=1e-6)

    @pytest.mark.parametrize("block", [name for name in LAYOUT._fields if name != "width"])
    def test_encoder(self, shared: Path, block: str) -> None:
        """All 263 numbers of all rows. The authors encoded one frame more than they published; the
        heading is smoothed over it, so it is rebuilt from the last row's steps."""
        joints, features = self.load(shared)
        half_yaw = features[:-1, LAYOUT.yaw_step].sum()
        steps = features[-1, LAYOUT.local_steps].reshape(22, 3)
        last = joints[-1] + quat_apply(quat_conjugate(quat_from_yaw(2 * half_yaw)), steps)
        encoded = encode_positions(np.concatenate((joints, last[None])))
        where = LAYOUT._asdict()[block]
        np.testing.assert_allclose(encoded[:, where], features[:, where], atol=1e-5)

    def test_features_and_joints_load_as_the_same_motion(self, shared: Path) -> None:
        folder = shared / "samples" / "humanml3d"
        by_features = load_humanml3d(folder / "new_joint_vecs" / "012314.npy")
        by_joints = load_humanml3d(folder / "new_joints" / "012314.npy")
        assert by_features.skeleton == SKELETON
        assert (len(by_features), by_features.fps) == (170, 20.0)
        np.testing.assert_allclose(by_features.positions_m, by_joints.positions_m, atol=1e-4)

    def test_fitted_body(self, shared: Path) -> None:
        """Limbs point where they did, feet touch the floor, the trunk leans as before."""
        joints, _ = self.load(shared)
        motion = load_humanml3d(shared / "samples" / "humanml3d" / "new_joints" / "012314.npy")
        for start, end in ((1, 4), (4, 7), (2, 5), (5, 8), (16, 18), (18, 20), (17, 19), (19, 21)):
            theirs = joints[:, end] - joints[:, start]
            ours = motion.positions_m[:, end] - motion.positions_m[:, start]
            lengths = np.linalg.norm(theirs, axis=-1) * np.linalg.norm(ours, axis=-1)
            assert ((theirs * ours).sum(axis=-1) / lengths).min() > 0.9999
        lowest = motion.positions_m[..., 1].min(axis=1)
        assert -0.02 < np.percentile(lowest, 5) < 0.02
        trunks = [p[:, 12] - p[:, [1, 2]].mean(axis=1) for p in (joints, motion.positions_m)]
        cosine = [(trunk / np.linalg.norm(trunk, axis=-1, keepdims=True)) for trunk in trunks]
        angle = np.degrees(np.arccos((cosine[0] * cosine[1]).sum(axis=-1)))
        assert angle.mean() < 6


@pytest.mark.parametrize("seed", [0, 1])
def test_a_saved_motion_loads_with_the_same_bones(
    random_motion: Callable[..., Motion], tmp_path: Path, seed: int
) -> None:
    motion = random_motion(frames=50, seed=seed)
    path = tmp_path / "motion.npy"
    save_humanml3d(motion, path)
    features = np.load(path, allow_pickle=False)
    assert features.shape == (49, 263)
    assert features.dtype == np.float32
    positions = decode_positions(features)
    assert positions[..., 1].min() == pytest.approx(0, abs=1e-2)
    bone = np.linalg.norm(positions[:, 1:] - positions[:, list(SKELETON.parents[1:])], axis=-1)
    expected = np.linalg.norm(SKELETON.offsets_m[1:], axis=-1)
    np.testing.assert_allclose(bone, np.broadcast_to(expected, bone.shape), atol=1e-5)
    across = positions[0, 1] - positions[0, 2] + positions[0, 16] - positions[0, 17]
    assert across[2] == pytest.approx(0, abs=1e-5)
    assert across[0] > 0


def test_a_saved_walk_loads_as_a_walk(synthetic_walk: Callable[..., Motion], tmp_path: Path) -> None:
    walk = synthetic_walk(frames=120, fps=40.0)
    save_humanml3d(walk, tmp_path / "walk.npy")
    loaded = load_humanml3d(tmp_path / "walk.npy")
    assert (len(loaded), loaded.fps) == (59, 20.0)
    travelled = loaded.root_m[-1] - loaded.root_m[0]
    expected = walk.root_m[116] - walk.root_m[0]
    np.testing.assert_allclose(travelled, expected, atol=0.02)


@pytest.mark.usefixtures("unchecked")
class TestErrors:
    def refused(self, path: Path) -> str:
        with pytest.raises(NestmotionError) as caught:
            load_humanml3d(path)
        assert str(caught.value).startswith(f"{path}: ")
        return str(caught.value).removeprefix(f"{path}: ")

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros((5, 251)), "the array must be (T, 263) or (T, 22, 3) with T > 0, not (5, 251)"),
            (np.zeros((0, 263)), "the array must be (T, 263) or (T, 22, 3) with T > 0, not (0, 263)"),
            (np.zeros(263), "the array must be (T, 263) or (T, 22, 3) with T > 0, not (263,)"),
            (np.full((5, 263), np.nan), "the HumanML3D features hold NaN or infinity"),
            (np.full((5, 22, 3), np.inf), "the joint positions hold NaN or infinity"),
            (np.zeros((5, 22, 3)), "the legs have no length: the joints all lie in one place"),
            (np.full((5, 263), "x"), "the array must hold real numbers, not <U1"),
            (np.zeros((5, 263), complex), "the array must hold real numbers, not complex128"),
        ],
    )
    def test_arrays_that_are_no_motion(self, tmp_path: Path, array: np.ndarray, message: str) -> None:
        np.save(tmp_path / "bad.npy", array)
        assert self.refused(tmp_path / "bad.npy") == message

    def test_python_objects_are_never_loaded(self, tmp_path: Path) -> None:
        np.save(tmp_path / "bad.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
        message = "not a usable .npy file: it holds Python objects"
        assert self.refused(tmp_path / "bad.npy") == message

    def test_other_files(self, tmp_path: Path) -> None:
        path = tmp_path / "bad.npy"
        assert self.refused(path) == "cannot be read: no such file or directory"
        damaged = "not a usable .npy file: it is of another kind, damaged or cut off"
        for content in (b"", b"HIERARCHY\n", b"PK\x03\x04 and no archive", b"\x93NUMPY\x01\x00v\x00{'"):
            path.write_bytes(content)
            assert self.refused(path) == damaged
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", b"")
        assert self.refused(path) == "not a usable .npy file: it is a .npz archive"

    def test_a_file_cut_off_anywhere(self, tmp_path: Path) -> None:
        np.save(tmp_path / "whole.npy", np.zeros((4, 263), np.float32))
        content = (tmp_path / "whole.npy").read_bytes()
        for tenth in range(10):
            (tmp_path / "cut.npy").write_bytes(content[: len(content) * tenth // 10])
            message = "not a usable .npy file: it is of another kind, damaged or cut off"
            assert self.refused(tmp_path / "cut.npy") == message

    @pytest.mark.parametrize("frames", [10**9, 2**62, -1])
    def test_a_header_that_claims_too_much(self, tmp_path: Path, frames: int) -> None:
        header = {"descr": "<f4", "fortran_order": False, "shape": (frames, 263)}
        with (tmp_path / "bomb.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.write(b"0" * 1000)
        message = "not a usable .npy file: it is of another kind, damaged or cut off"
        assert self.refused(tmp_path / "bomb.npy") == message

    def test_damaged_bytes_never_escape_as_another_exception(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        np.save(tmp_path / "whole.npy", np.zeros((1, 263), np.float32))
        content = bytearray((tmp_path / "whole.npy").read_bytes())
        for _ in range(300):
            damaged = content.copy()
            for place in rng.integers(0, 128, 2):
                damaged[place] = rng.integers(0, 256)
            (tmp_path / "bad.npy").write_bytes(damaged)
            self.refused(tmp_path / "bad.npy")  # all zeros are no person, so none may load

    def test_only_the_canonical_skeleton_is_saved(self, tmp_path: Path) -> None:
        skeleton = Skeleton(("a", "b"), (-1, 0), np.eye(3)[:2])
        motion = Motion(skeleton, 20.0, np.zeros((3, 3)), np.tile([0, 0, 0, 1.0], (3, 2, 1)))
        with pytest.raises(NestmotionError) as caught:
            save_humanml3d(motion, tmp_path / "a.npy")
        assert str(caught.value) == (
            "HumanML3D files hold the canonical 22 joints only; convert with --retarget"
        )
        assert list(tmp_path.iterdir()) == []

    def test_wrong_arrays(self) -> None:
        for call, array, message in (
            (encode_positions, np.zeros((1, 22, 3)), "must be (T, 22, 3) with T > 1, not (1, 22, 3)"),
            (encode_positions, np.full((3, 22, 3), np.nan), "hold NaN or infinity"),
            (decode_positions, np.zeros((4, 260)), "must be (T, 263) with T > 0, not (4, 260)"),
        ):
            with pytest.raises(NestmotionError) as caught:
                call(array)
            assert str(caught.value).endswith(message)
