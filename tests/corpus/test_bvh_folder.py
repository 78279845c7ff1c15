"""A folder of BVH files with a captions table as a source."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nestmotion.core import Motion, NestmotionError, canonical_skeleton
from nestmotion.corpus.source import Caption, Dropped, Source, Trial
from nestmotion.corpus.sources.bvh_folder import BvhFolder
from nestmotion.io.bvh import save_bvh


@pytest.fixture
def folder(tmp_path: Path, synthetic_walk: Callable[..., Motion]) -> Path:
    """Three files of 3, 2 and 2 s."""
    (tmp_path / "day1").mkdir()
    save_bvh(synthetic_walk(frames=60), tmp_path / "walk.bvh")
    save_bvh(synthetic_walk(frames=40), tmp_path / "day1" / "a.bvh")
    save_bvh(synthetic_walk(frames=40), tmp_path / "day1" / "b.bvh")
    return tmp_path


def write(folder: Path, *lines: str) -> BvhFolder:
    (folder / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return BvhFolder(folder)


def refused(folder: Path, *lines: str) -> str:
    with pytest.raises(NestmotionError) as caught:
        write(folder, *lines).trial_ids()
    prefix = f"{folder / 'captions.csv'}:"
    assert str(caught.value).startswith(prefix)
    return str(caught.value).removeprefix(prefix)


def test_files_captions_groups_and_stretches(folder: Path) -> None:
    source: Source = write(
        folder,
        "file,caption,group,start_s,end_s",
        "walk.bvh,a person walks,,,",
        '"walk.bvh","somebody strolls, slowly",,,',
        "walk.bvh,the first steps,,0,1.5",
        "walk.bvh,the last steps,,1.5,",
        "day1/a.bvh,one take,take,,",
        "day1/b.bvh,,take,,",
    )
    assert source.trial_ids() == ["walk.bvh", "day1/a.bvh", "day1/b.bvh"]
    walk, a, b = (source.read(trial) for trial in source.trial_ids())
    assert isinstance(walk, Trial)
    assert isinstance(a, Trial)
    assert isinstance(b, Trial)
    assert [(s.clip_id, s.start_s, s.end_s) for s in walk.spans] == [
        ("walk.bvh@0-1.5", 0.0, 1.5),
        ("walk.bvh", 0.0, 3.0),
        ("walk.bvh@1.5-3", 1.5, 3.0),
    ]
    assert walk.spans[1].captions == (Caption("a person walks"), Caption("somebody strolls, slowly"))
    assert (walk.group, a.group, b.group) == ("walk.bvh", "take", "take")
    assert b.spans == ()
    assert walk.motion.skeleton == canonical_skeleton()
    assert len(walk.motion) == 60


def test_a_foreign_skeleton_is_retargeted(folder: Path, synthetic_walk: Callable[..., Motion]) -> None:
    """The same walk with a prefix before the names of all joints but the root."""
    path = folder / "walk.bvh"
    text = path.read_text()
    for name in canonical_skeleton().joint_names:
        text = text.replace(f"JOINT {name}\n", f"JOINT other:{name}\n")
    path.write_text(text)
    trial = write(folder, "file,caption", "walk.bvh,a person walks").read("walk.bvh")
    assert isinstance(trial, Trial)
    assert trial.motion.skeleton == canonical_skeleton()
    expected = synthetic_walk(frames=60)
    np.testing.assert_allclose(trial.motion.positions_m, expected.positions_m, atol=1e-3)


def test_checksums_and_licence(folder: Path) -> None:
    source = write(folder, "file,caption", "walk.bvh,a person walks")
    assert source.licence == "Not stated: the folder holds no LICENSE file."
    (folder / "LICENSE").write_text("CC BY 4.0\n")
    source = BvhFolder(folder)
    assert source.licence == "CC BY 4.0"
    sums = source.input_checksums()
    assert list(sums) == ["captions.csv", "walk.bvh", "LICENSE"]
    assert sums["walk.bvh"] == hashlib.sha256((folder / "walk.bvh").read_bytes()).hexdigest()


@pytest.mark.filterwarnings("ignore:.*no unit makes this skeleton")
def test_broken_files_are_dropped_with_the_reason(folder: Path) -> None:
    nan = (folder / "walk.bvh").read_text().splitlines()
    nan[-1] = "nan " + nan[-1].split(" ", 1)[1]
    (folder / "nan.bvh").write_text("\n".join(nan))
    box = "HIERARCHY\nROOT box\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n"
    box += "JOINT lid\n{\nOFFSET 0 9 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n}\n}\n"
    box += "MOTION\nFrames: 1\nFrame Time: 0.05\n0 0 0 0 0 0\n"
    (folder / "box.bvh").write_text(box)
    source = write(folder, "file,caption", "nan.bvh,broken", "box.bvh,no person", "walk.bvh,fine")
    dropped = source.read("nan.bvh")
    assert isinstance(dropped, Dropped)
    assert dropped.item == "nan.bvh"
    assert "nan" in dropped.reason.lower()
    assert str(folder) not in dropped.reason
    dropped = source.read("box.bvh")
    assert isinstance(dropped, Dropped)
    assert dropped.reason.startswith("cannot tell which joints are pelvis")
    assert isinstance(source.read("walk.bvh"), Trial)


def test_a_folder_without_table(tmp_path: Path) -> None:
    with pytest.raises(NestmotionError) as caught:
        BvhFolder(tmp_path)
    path = tmp_path / "captions.csv"
    assert str(caught.value) == f"{path}: missing; it names the files and their captions"


def test_errors_name_the_line(folder: Path) -> None:
    head = "file,caption,group,start_s,end_s"
    fine = "walk.bvh,a person walks,,,"
    assert refused(folder, "name,text") == ("1: needs the columns file and caption; found: name, text")
    assert refused(folder, head) == " names no file"
    assert refused(folder, head, fine, "run.bvh,a person runs,,,") == (
        f"3: {folder / 'run.bvh'} is missing"
    )
    assert refused(folder, head, "../walk.bvh,x,,,") == (
        "2: '../walk.bvh' is not a file inside the folder"
    )
    assert refused(folder, head, ",x,,,") == "2: '' is not a file inside the folder"
    assert refused(folder, head, "walk.bvh,x,,2,1") == "2: end_s 1 is not after start_s 2"
    for bad in ("soon", "nan", "-1", "inf"):
        message = f"2: start_s must be seconds from 0 up, not '{bad}'"
        assert refused(folder, head, f"walk.bvh,x,,{bad},") == message
    assert refused(folder, head, fine, "walk.bvh,x,night,,") == (
        "3: walk.bvh is in group 'night' here and '' above"
    )
    (folder / "captions.csv").write_bytes(b"file,caption\nwalk.bvh,\xff\xfe\n")
    with pytest.raises(NestmotionError, match="not UTF-8 text"):
        BvhFolder(folder).trial_ids()
