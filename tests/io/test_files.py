"""Files by suffix, and writing that is all or nothing."""

from __future__ import annotations

import os
import stat

import numpy as np
import pytest

from nestmotion.core import Motion, Skeleton
from nestmotion.core.errors import FormatError, OutputError, SettingsError
from nestmotion.io import check_output, known_suffixes, load_motion, save_motion
from nestmotion.io._atomic import atomic_write
from nestmotion.io.files import FORMATS, suffix_of

ALL = (".bvh", ".glb", ".npz", ".amass.npz", ".npy", ".html")


def test_the_known_suffixes():
    assert known_suffixes() == ALL
    assert all(entry.description for entry in FORMATS.values())


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.bvh", ".bvh"),
        ("a.BVH", ".bvh"),
        ("a.amass.npz", ".amass.npz"),
        ("a.b.npz", ".npz"),
        ("aamass.npz", ".npz"),
        ("a.npz.bvh", ".bvh"),
        ("a.fbx", None),
        ("bvh", None),
    ],
)
def test_the_longest_suffix_wins_in_any_case(name, suffix):
    assert suffix_of(name) == suffix


@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".npz", ".amass.npz"])
def test_positions_survive_each_exact_format(tmp_path, random_motion, suffix):
    motion = random_motion(frames=20)
    save_motion(motion, tmp_path / f"x{suffix}")
    again = load_motion(tmp_path / f"x{suffix}")
    assert again.fps == pytest.approx(motion.fps, rel=1e-6)
    for name in motion.skeleton.joint_names:
        np.testing.assert_allclose(again.joint_m(name), motion.joint_m(name), rtol=0, atol=1e-4)


def test_humanml3d_keeps_the_root_height(tmp_path, random_motion):
    motion = random_motion(frames=20)
    save_motion(motion, tmp_path / "x.npy")
    assert np.load(tmp_path / "x.npy").shape[1] == 263
    assert len(load_motion(tmp_path / "x.npy")) > 0


def test_html_is_written_but_not_read(tmp_path, random_motion):
    path = tmp_path / "x.html"
    save_motion(random_motion(frames=5), path)
    assert path.read_text().lstrip().lower().startswith("<!doctype html>")
    with pytest.raises(FormatError) as caught:
        load_motion(path)
    assert str(caught.value) == (
        f"{path}: .html files are only written; those that can be read: "
        ".bvh, .glb, .npz, .amass.npz, .npy"
    )


def test_an_npz_of_amass_is_known_by_its_arrays(tmp_path, random_motion):
    motion = random_motion(frames=5)
    save_motion(motion, tmp_path / "x.amass.npz")
    os.rename(tmp_path / "x.amass.npz", tmp_path / "x.npz")
    np.testing.assert_allclose(
        load_motion(tmp_path / "x.npz").positions_m, motion.positions_m, atol=1e-9
    )


def test_fps_resamples(tmp_path, random_motion):
    motion = random_motion(frames=21, fps=20.0)
    save_motion(motion, tmp_path / "x.npz", fps=60)
    again = load_motion(tmp_path / "x.npz")
    assert (len(again), again.fps) == (61, 60.0)
    np.testing.assert_allclose(again.positions_m[::3], motion.positions_m, atol=1e-9)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1e9])
def test_fps_out_of_range(tmp_path, random_motion, fps):
    with pytest.raises(SettingsError) as caught:
        save_motion(random_motion(frames=3), tmp_path / "x.npz", fps=fps)
    assert str(caught.value) == f"frames a second must be above 0 and at most 1000, not {fps:g}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "problem"), [("x.fbx", "unknown suffix '.fbx'"), ("x", "the name has no suffix")]
)
def test_unknown_suffixes(tmp_path, random_motion, name, problem):
    path = tmp_path / name
    with pytest.raises(FormatError) as caught:
        load_motion(path)
    assert str(caught.value) == (
        f"{path}: {problem}; those that can be read: .bvh, .glb, .npz, .amass.npz, .npy"
    )
    with pytest.raises(OutputError) as caught:
        save_motion(random_motion(frames=3), path)
    assert str(caught.value) == (
        f"{path}: {problem}; those that can be written: .bvh, .glb, .npz, .amass.npz, .npy, .html"
    )


@pytest.mark.parametrize("suffix", [s for s in ALL if s != ".html"])
def test_a_file_that_is_missing_or_a_folder(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    with pytest.raises(FormatError) as caught:
        load_motion(path)
    assert str(caught.value) == f"{path}: cannot be read: no such file or directory"
    path.mkdir()
    with pytest.raises(FormatError) as caught:
        load_motion(path)
    assert str(caught.value) == f"{path}: cannot be read: is a directory"


@pytest.mark.parametrize("suffix", [s for s in ALL if s != ".html"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"hello world\n", bytes(range(256)) * 8])
def test_content_that_is_not_what_the_suffix_says(tmp_path, suffix, content):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        load_motion(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ALL)
def test_an_existing_file_is_replaced_only_by_force(tmp_path, random_motion, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_text("mine")
    motion = random_motion(frames=10)
    for refused in (lambda: save_motion(motion, path), lambda: check_output(path)):
        with pytest.raises(OutputError) as caught:
            refused()
        assert str(caught.value) == f"{path} exists already; use --force to replace it"
    assert path.read_text() == "mine"
    check_output(path, force=True)
    save_motion(motion, path, force=True)
    assert path.stat().st_size > 1000
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ALL)
def test_missing_folders_are_made(tmp_path, random_motion, suffix):
    path = tmp_path / "new" / "folder" / f"x{suffix}"
    save_motion(random_motion(frames=10), path)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ALL)
def test_a_place_that_cannot_be_written(tmp_path, random_motion, suffix):
    (tmp_path / "file").write_text("mine")
    path = tmp_path / "file" / f"x{suffix}"
    with pytest.raises(OutputError) as caught:
        save_motion(random_motion(frames=10), path)
    assert str(caught.value) == f"{path}: cannot be written: {tmp_path / 'file'} is not a folder"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_permission(tmp_path, random_motion):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError) as caught:
        save_motion(random_motion(frames=3), tmp_path / "x.npz")
    assert str(caught.value) == f"{tmp_path / 'x.npz'}: cannot be written: permission denied"


def test_a_motion_the_format_cannot_hold_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.amass.npz"
    path.write_text("mine")
    motion = Motion(Skeleton(("a",), (-1,), np.zeros((1, 3))), 20, np.zeros((1, 3)), np.ones((1, 1, 4)))
    with pytest.raises(SettingsError):
        save_motion(motion, path, force=True)
    assert path.read_text() == "mine"


def test_writing_is_all_or_nothing(tmp_path):
    path = tmp_path / "x.amass.npz"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        assert temporary.parent == path.parent
        assert temporary.name.endswith(".x.amass.npz")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_written_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    with atomic_write(tmp_path / "x") as temporary:
        temporary.write_text("new")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("x", "usual")]
    assert modes[0] == modes[1]


def test_a_full_disk_is_one_line(tmp_path):
    path = tmp_path / "x.bvh"
    with pytest.raises(OutputError) as caught, atomic_write(path):
        raise OSError(28, "No space left on device")
    assert str(caught.value) == f"{path}: cannot be written: no space left on device"
    assert list(tmp_path.iterdir()) == []
