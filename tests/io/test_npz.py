"""The native NPZ: lossless, and never trusting."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core import Motion, Skeleton
from nestmotion.core.errors import FormatError, OutputError
from nestmotion.io.npz import load_npz, save_npz

METADATA = {"prompt": "a person waves, hé 手", "seed": 7, "nested": {"list": [1, 2.5, None, True]}}


@given(joints=st.integers(1, 6), frames=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_every_bit_survives(tmp_path_factory, joints, frames, seed):
    rng = np.random.default_rng(seed)
    skeleton = Skeleton(
        tuple(f"joint {j} é" for j in range(joints)),
        (-1, *(int(rng.integers(j)) for j in range(1, joints))),
        rng.normal(size=(joints, 3)),
    )
    root, quat = rng.normal(size=(frames, 3)), rng.normal(size=(frames, joints, 4))
    motion = Motion(skeleton, float(rng.uniform(1, 240)), root, quat, METADATA)
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    save_npz(motion, path)
    again = load_npz(path)
    assert again.skeleton.joint_names == skeleton.joint_names
    assert again.skeleton.parents == skeleton.parents
    assert np.array_equal(again.skeleton.offsets_m, skeleton.offsets_m)
    assert again.fps == motion.fps
    assert np.array_equal(again.root_m, motion.root_m)
    assert np.array_equal(again.quat_local_xyzw, motion.quat_local_xyzw)
    assert again.metadata == METADATA


def test_the_arrays_in_the_file(tmp_path, random_motion):
    save_npz(random_motion(frames=7), tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        found = {key: (file[key].dtype.kind, file[key].shape) for key in file}
    assert found == {
        "schema_version": ("i", ()),
        "joint_names": ("U", (22,)),
        "parents": ("i", (22,)),
        "offsets_m": ("f", (22, 3)),
        "fps": ("f", ()),
        "root_m": ("f", (7, 3)),
        "quat_local_xyzw": ("f", (7, 22, 4)),
        "metadata_json": ("U", ()),
    }


def test_the_same_motion_gives_the_same_bytes(tmp_path, random_motion):
    for name in ("a.npz", "b.npz"):
        save_npz(random_motion(), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_metadata_that_json_cannot_hold_leaves_no_file(tmp_path, random_motion):
    motion = random_motion(frames=2).with_metadata(when=object)
    with pytest.raises(OutputError) as caught:
        save_npz(motion, tmp_path / "x.npz")
    assert str(caught.value) == (
        f"{tmp_path / 'x.npz'}: the metadata is not plain JSON: "
        "Object of type type is not JSON serializable"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def arrays(tmp_path, random_motion) -> dict[str, np.ndarray]:
    save_npz(random_motion(frames=3), tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz", allow_pickle=False) as file:
        return dict(file)


def error_of(path: Path) -> str:
    with pytest.raises(FormatError) as caught:
        load_npz(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


class Bomb:
    """Raises an AssertionError when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise AssertionError('a pickle was loaded')",))


@pytest.mark.parametrize("key", ["schema_version", "joint_names", "metadata_json", "root_m"])
def test_pickles_are_never_loaded(tmp_path, arrays, key):
    np.savez(tmp_path / "x.npz", **{**arrays, key: np.array([Bomb()], dtype=object)})
    with pytest.raises(AssertionError, match="a pickle was loaded"):
        np.load(tmp_path / "x.npz", allow_pickle=True)[key]
    assert error_of(tmp_path / "x.npz") == f"{key} holds pickled objects, which are never loaded"


def test_a_plain_pickle_is_not_an_npz(tmp_path):
    (tmp_path / "x.npz").write_bytes(pickle.dumps(Bomb()))
    assert error_of(tmp_path / "x.npz") == "not an NPZ file (no zip archive), or cut short"


CHANGES = {
    "newer": (
        {"schema_version": np.array(2)},
        "has schema version 2, newer than the 1 known here; update nestmotion",
    ),
    "version of text": (
        {"schema_version": np.array("one")},
        "expected schema_version to be numbers of shape (), found <U3 ()",
    ),
    "names are numbers": (
        {"joint_names": np.arange(22)},
        "expected joint_names to be text, found int64",
    ),
    "a name twice": (
        {"joint_names": np.array(["a"] * 22)},
        "joint name 'a' stands twice in the skeleton",
    ),
    "a parent too large": (
        {"parents": np.arange(22)},
        "joint 0 must be the only root and parents must precede children",
    ),
    "frame rate NaN": ({"fps": np.array(np.nan)}, "frames a second must be positive, not nan"),
    "root flat": (
        {"root_m": np.zeros((3, 2))},
        "expected root_m to be numbers of shape (any, 3), found float64 (3, 2)",
    ),
    "root NaN": ({"root_m": np.full((3, 3), np.nan)}, "the motion holds NaN or infinity"),
    "rotations of another skeleton": (
        {"quat_local_xyzw": np.ones((3, 21, 4))},
        "expected quat_local_xyzw to be numbers of shape (any, 22, 4), found float64 (3, 21, 4)",
    ),
    "complex rotations": (
        {"quat_local_xyzw": np.ones((3, 22, 4), dtype=complex)},
        "expected quat_local_xyzw to be numbers of shape (any, 22, 4), found complex128 (3, 22, 4)",
    ),
    "no JSON": (
        {"metadata_json": np.array("{")},
        "metadata_json is not JSON: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)",
    ),
    "JSON list": ({"metadata_json": np.array("[1]")}, "metadata_json is not a JSON object"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_errors_name_what_is_wrong(tmp_path, arrays, case):
    change, message = CHANGES[case]
    np.savez(tmp_path / "x.npz", **{**arrays, **change})
    assert error_of(tmp_path / "x.npz") == message


@pytest.mark.parametrize(
    "key", ["joint_names", "parents", "offsets_m", "fps", "root_m", "metadata_json"]
)
def test_a_missing_array_is_named(tmp_path, arrays, key):
    del arrays[key]
    np.savez(tmp_path / "x.npz", **arrays)
    assert error_of(tmp_path / "x.npz") == f"has no array '{key}'"


def test_an_npz_of_something_else(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(3))
    assert error_of(tmp_path / "x.npz") == (
        "not a nestmotion NPZ (no schema_version), nor AMASS (no poses and trans)"
    )


def _member(shape: str, data: bytes) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


@pytest.mark.parametrize("shape", ["(1000000000000, 3)", "(2, 3)", "(-1, -3)", "(0, 3)"])
def test_a_claimed_shape_is_checked_before_anything_is_allocated(tmp_path, arrays, shape):
    del arrays["root_m"]
    np.savez(tmp_path / "x.npz", **arrays)
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("root_m.npy", _member(shape, bytes(24)))
    assert (
        error_of(tmp_path / "x.npz") == f"root_m claims the shape {shape}, which its data does not fill"
    )


def test_a_claimed_size_is_checked_before_anything_is_allocated(tmp_path, arrays):
    del arrays["root_m"]
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    with zipfile.ZipFile(tmp_path / "x.npz", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("root_m.npy", _member("(3000, 3)", bytes(72000)))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    (tmp_path / "x.npz").write_bytes(content)
    assert error_of(tmp_path / "x.npz") == "root_m claims 4294967280 bytes, more than the file can hold"


def test_a_file_cut_anywhere_or_with_a_byte_changed_is_refused_in_one_line(tmp_path, random_motion):
    save_npz(random_motion(), tmp_path / "good.npz")
    content = (tmp_path / "good.npz").read_bytes()
    good = load_npz(tmp_path / "good.npz")
    path = tmp_path / "x.npz"
    for tenth in range(10):
        path.write_bytes(content[: len(content) * tenth // 10])
        error_of(path)
    rng = np.random.default_rng(0)
    messages = []
    for at in rng.integers(0, len(content), 300):
        changed = bytearray(content)
        changed[at] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        try:
            again = load_npz(path)
        except FormatError as error:
            messages.append(str(error))
        else:  # a byte that carries nothing, such as a date
            assert np.array_equal(again.quat_local_xyzw, good.quat_local_xyzw)
    assert len(messages) > 250
    assert not any("\n" in message for message in messages)


def test_a_directory_of_the_zip_with_no_members(tmp_path):
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    (tmp_path / "x.npz").write_bytes(buffer.getvalue())
    assert error_of(tmp_path / "x.npz").startswith("not a nestmotion NPZ")
