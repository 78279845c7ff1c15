"""A folder in HumanML3D's layout as a source."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nestmotion.core import Motion, NestmotionError, canonical_skeleton
from nestmotion.core.edit import mirror
from nestmotion.corpus.source import Caption, Dropped, Source, Trial
from nestmotion.corpus.sources.humanml3d_folder import HumanML3DFolder
from nestmotion.io.humanml3d import save_humanml3d


@pytest.fixture
def folder(tmp_path: Path, synthetic_walk: Callable[..., Motion]) -> Path:
    walk = synthetic_walk(frames=61)
    for name, motion in (("000001", walk), ("M000001", mirror(walk)), ("000002", walk)):
        save_humanml3d(motion, tmp_path / "new_joint_vecs" / f"{name}.npy")
    (tmp_path / "texts").mkdir()
    lines = "a person walks#a/DET person/NOUN walk/VERB#0.0#0.0\nthe first step#x#0.0#1.5\n"
    (tmp_path / "texts" / "000001.txt").write_text(lines)
    (tmp_path / "texts" / "M000001.txt").write_text("#1, mirrored#x#nan#nan\n\n")
    (tmp_path / "train.txt").write_text("000001\nM000001\n")
    (tmp_path / "test.txt").write_text("000002\n000990\n")
    return tmp_path


def read(source: Source, name: str) -> Trial:
    trial = source.read(name)
    assert isinstance(trial, Trial)
    return trial


def test_trials_captions_groups_and_splits(folder: Path) -> None:
    source: Source = HumanML3DFolder(folder)
    assert source.trial_ids() == ["000001", "M000001", "000002", "000990"]
    first, copy, bare = (read(source, name) for name in ("000001", "M000001", "000002"))
    assert (first.group, copy.group, bare.group) == ("000001", "000001", "000002")
    (span,) = first.spans
    assert (span.clip_id, span.start_s, span.end_s, span.official_split) == ("000001", 0, 3, "train")
    assert span.captions == (Caption("a person walks"), Caption("the first step", 0.0, 1.5))
    assert copy.spans[0].captions == (Caption("#1, mirrored"),)
    assert (bare.spans[0].captions, bare.spans[0].official_split) == ((), "test")
    assert first.motion.skeleton == canonical_skeleton()
    assert (len(first.motion), first.motion.fps) == (60, 20.0)
    np.testing.assert_allclose(copy.motion.positions_m, mirror(first.motion).positions_m, atol=1e-3)


def test_without_lists_every_motion_is_read(folder: Path) -> None:
    for name in ("train", "test"):
        (folder / f"{name}.txt").unlink()
    source = HumanML3DFolder(folder)
    assert source.trial_ids() == ["000001", "000002", "M000001"]
    assert read(source, "000001").spans[0].official_split == ""


def test_unusable_motion_is_dropped_with_the_reason(folder: Path) -> None:
    path = folder / "new_joint_vecs" / "000002.npy"
    features = np.load(path)
    features[5, 7] = np.nan
    np.save(path, features)
    source = HumanML3DFolder(folder)
    assert source.read("000002") == Dropped("000002", "the HumanML3D features hold NaN or infinity")
    assert source.read("000990") == Dropped("000990", "listed, but not in new_joint_vecs")


def test_checksums_and_licence(folder: Path) -> None:
    assert HumanML3DFolder(folder).licence.startswith("Not stated: the folder holds no LICENSE file.")
    (folder / "LICENSE").write_text("MIT\n")
    source = HumanML3DFolder(folder)
    assert source.licence == "MIT"
    sums = source.input_checksums()
    assert list(sums) == [
        "train.txt",
        "test.txt",
        "LICENSE",
        "new_joint_vecs/000001.npy",
        "texts/000001.txt",
        "new_joint_vecs/M000001.npy",
        "texts/M000001.txt",
        "new_joint_vecs/000002.npy",
    ]
    text = (folder / "texts" / "000001.txt").read_bytes()
    assert sums["texts/000001.txt"] == hashlib.sha256(text).hexdigest()


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(NestmotionError) as caught:
        call()
    return str(caught.value)


def test_errors(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty")
    assert refused(lambda: HumanML3DFolder(empty)) == (
        f"{empty / 'new_joint_vecs'}: missing; HumanML3D's layout needs this folder"
    )
    for name in ("new_joint_vecs", "texts"):
        (empty / name).mkdir()
    assert refused(HumanML3DFolder(empty).trial_ids) == (
        f"{empty}: holds no motion: new_joint_vecs is empty or the lists are"
    )

    text = folder / "texts" / "000001.txt"
    text.write_text("fine#x#0.0#0.0\nno times\n")
    message = f"{text}:2: expected caption#tokens#start#end"
    assert refused(lambda: HumanML3DFolder(folder).read("000001")) == message
    text.write_bytes(b"\xff\xfe#x#0#0")
    assert refused(lambda: HumanML3DFolder(folder).read("000001")) == f"{text}: not UTF-8 text"

    test = folder / "test.txt"
    test.write_text("000002\n../000003\n")
    message = f"{test}:2: '../000003' is not the name of a clip"
    assert refused(HumanML3DFolder(folder).trial_ids) == message
    test.write_text("000001\n")
    assert refused(HumanML3DFolder(folder).trial_ids) == f"{test}:1: 000001 is also in train.txt"


@pytest.mark.corpus
def test_the_published_sample(shared: Path, tmp_path: Path) -> None:
    sample = shared / "samples" / "humanml3d" / "new_joint_vecs"
    (tmp_path / "new_joint_vecs").symlink_to(sample)
    (tmp_path / "texts").mkdir()
    trial = read(HumanML3DFolder(tmp_path), "012314")
    assert len(trial.motion) == 170
