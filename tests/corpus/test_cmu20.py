"""The CMU source, on a small folder of its format and, where it is there, on the real one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nestmotion.core import canonical_skeleton
from nestmotion.core.errors import CorpusError
from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.corpus.source import Caption, Dropped, Source, Span, Trial
from nestmotion.corpus.sources import open_source
from nestmotion.corpus.sources.cmu20 import COLUMNS, SOURCE_JOINT, Cmu20

SK = canonical_skeleton()
ANIMATED = tuple(SOURCE_JOINT.values())
CAPTIONS = [{"text": "a person walks"}, {"text": "he stops", "start_s": 0.5, "end_s": 1.0}]
CLIP = {
    "id": "000004",
    "trial": "80_63",
    "group": "80_63",
    "start_s": 0.25,
    "end_s": 1.25,
    "official_split": "train",
    "captions": CAPTIONS,
}


def _write_table(folder: Path, rows: list[dict[str, str]], columns=COLUMNS) -> None:
    with (folder / "trials.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _row(trial: str) -> dict[str, str]:
    return dict(zip(COLUMNS, (trial, "80_63", "3", "chicken dance", "animal moves"), strict=True))


def _arrays() -> dict[str, np.ndarray]:
    """Two trials of 30 frames at rest, 0.9 m up."""
    quat = np.zeros((60, len(ANIMATED), 4), dtype=np.int16)
    quat[..., 3] = 32767
    return {
        "trials": np.array(["80_63", "80_64"]),
        "start": np.array([0, 30]),
        "length": np.array([30, 30]),
        "animated": np.array(ANIMATED),
        "quat_xyzw": quat,
        "root_m": np.tile(np.float32([0.0, 0.9, 0.0]), (60, 1)),
    }


def _turn(arrays: dict[str, np.ndarray], joint: str, rotation: Rotation, frames=slice(None)) -> None:
    column = ANIMATED.index(SOURCE_JOINT[joint])
    arrays["quat_xyzw"][frames, column] = np.round(rotation.as_quat() * 32767)


@pytest.fixture
def folder(tmp_path) -> Path:
    np.savez(tmp_path / "cmu20.npz", **_arrays())
    _write_table(tmp_path, [_row("80_63"), _row("80_64")])
    (tmp_path / "clips.jsonl").write_text(json.dumps(CLIP) + "\n", "utf-8")
    return tmp_path


def _trial(folder: Path, arrays: dict[str, np.ndarray], trial_id: str = "80_63") -> Trial:
    np.savez(folder / "cmu20.npz", **arrays)
    trial = Cmu20(folder).read(trial_id)
    assert isinstance(trial, Trial)
    return trial


def test_the_folder_is_recognised(folder):
    source: Source = open_source(folder)
    assert isinstance(source, Cmu20)
    assert list(source.trial_ids()) == ["80_63", "80_64"]
    assert set(source.input_checksums()) == {"cmu20.npz", "trials.csv", "clips.jsonl"}


def test_a_trial(folder):
    trial = Cmu20(folder).read("80_63")
    assert isinstance(trial, Trial)
    captions = (Caption("a person walks"), Caption("he stops", 0.5, 1.0))
    assert trial.spans == (Span("000004", 0.25, 1.25, captions, "train"),)
    assert (trial.trial_id, trial.group, trial.fold) == ("80_63", "80_63", 3)
    assert trial.description == "chicken dance (animal moves)"
    assert (trial.motion.fps, len(trial.motion)) == (20.0, 30)
    assert np.allclose(trial.motion.positions_m, SK.rest_positions_m + (0, 0.9, 0))
    assert Cmu20(folder).read("80_64").spans == ()


def test_rows_belong_to_their_trial(folder):
    arrays = _arrays()
    arrays["root_m"][30:, 0] = 5.0
    assert (_trial(folder, arrays).motion.root_m[:, 0] == 0).all()
    assert (_trial(folder, arrays, "80_64").motion.root_m[:, 0] == 5).all()


@pytest.mark.parametrize("joint", SOURCE_JOINT)
def test_every_joint_takes_its_own_rotation(folder, joint):
    rotation = Rotation.from_rotvec([0.2, 0.1, -0.3])
    arrays = _arrays()
    _turn(arrays, joint, rotation)
    quat = _trial(folder, arrays).motion.quat_local_xyzw
    assert np.abs(quat[:, SK.index(joint)] - rotation.as_quat()).max() < 1e-4
    others = np.delete(quat, SK.index(joint), axis=1)
    assert np.abs(others - (0, 0, 0, 1)).max() < 1e-9


@pytest.mark.parametrize(("side", "sign"), [("left", 1.0), ("right", -1.0)])
def test_an_elbow_that_bends_backwards_is_turned_to_the_front(folder, side, sign):
    """Forearm of the T-pose turned by 80 degrees about the vertical, back first, then ahead."""
    back = Rotation.from_euler("Y", sign * 80, degrees=True)
    arrays = _arrays()
    _turn(arrays, f"{side}_elbow", back, slice(0, 15))
    _turn(arrays, f"{side}_elbow", back.inv(), slice(15, 30))
    motion = _trial(folder, arrays).motion
    forearm = motion.joint_m(f"{side}_wrist") - motion.joint_m(f"{side}_elbow")
    assert (forearm[:, 2] > 0.2).all()
    assert np.abs(forearm[:15] - forearm[15:]).max() < 1e-3
    untouched = np.delete(motion.quat_local_xyzw, SK.index(f"{side}_elbow"), axis=1)
    assert np.abs(untouched - (0, 0, 0, 1)).max() < 1e-9


def test_an_elbow_overstretched_a_little_stays_as_it_was_captured(folder):
    arrays = _arrays()
    slight = Rotation.from_euler("Y", 20, degrees=True)
    _turn(arrays, "left_elbow", slight)
    quat = _trial(folder, arrays).motion.quat_local_xyzw[:, SK.index("left_elbow")]
    assert np.abs(quat - slight.as_quat()).max() < 1e-4


@pytest.mark.parametrize("name", ["root_m", "quat_xyzw"])
def test_unusable_numbers_drop_the_trial(folder, name):
    arrays = _arrays()
    arrays[name][5] = np.nan if name == "root_m" else 0
    np.savez(folder / "cmu20.npz", **arrays)
    reason = "holds NaN or a rotation of length zero"
    assert Cmu20(folder).read("80_63") == Dropped("80_63", reason)
    assert isinstance(Cmu20(folder).read("80_64"), Trial)


def test_trials_with_wrong_legs_are_dropped(folder):
    arrays = _arrays()
    arrays["trials"] = np.array(["140_03", "80_64"])
    np.savez(folder / "cmu20.npz", **arrays)
    _write_table(folder, [_row("140_03"), _row("80_64")])
    source = Cmu20(folder)
    assert source.read("140_03") == Dropped("140_03", "body and floor do not fit together")
    assert isinstance(source.read("80_64"), Trial)


def test_a_trial_without_a_row_is_dropped(folder):
    _write_table(folder, [_row("80_63")])
    assert Cmu20(folder).read("80_64") == Dropped("80_64", "not in trials.csv")


def test_the_small_folder_can_be_prepared(folder, tmp_path):
    manifest = prepare(Cmu20(folder), tmp_path / "out")
    assert manifest["acknowledgement"].startswith("The data used in this project was obtained from")
    corpus = PreparedCorpus.open(tmp_path / "out")
    assert [(c.clip_id, len(c)) for c in corpus.select([3], captioned=True)] == [("000004", 20)]


# A broken folder


@pytest.mark.parametrize("name", ["cmu20.npz", "trials.csv", "clips.jsonl"])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(CorpusError) as error:
        Cmu20(folder)
    needed = "the source needs cmu20.npz, trials.csv, clips.jsonl"
    assert str(error.value) == f"{folder / name}: missing; {needed}"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_an_archive_cut_short(folder, share):
    path = folder / "cmu20.npz"
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CorpusError) as error:
        Cmu20(folder).trial_ids()
    assert str(error.value) == f"{path}: not an NPZ file (no zip archive), or cut short"


def test_an_archive_with_an_edited_byte(folder):
    path = folder / "cmu20.npz"
    data = bytearray(path.read_bytes())
    data[data.index(b"\xff\x7f\0\0\0\0\0\0\xff\x7f")] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorpusError) as error:
        Cmu20(folder).trial_ids()
    assert str(error.value) == f"{path}: damaged NPZ file: Bad CRC-32 for file 'quat_xyzw.npy'"


def test_an_archive_without_an_array(folder):
    arrays = _arrays()
    del arrays["start"], arrays["animated"]
    np.savez(folder / "cmu20.npz", **arrays)
    with pytest.raises(CorpusError) as error:
        Cmu20(folder).trial_ids()
    assert str(error.value) == f"{folder / 'cmu20.npz'}: lacks the arrays start, animated"


def test_an_archive_with_a_pickle(folder):
    np.savez(folder / "cmu20.npz", **{**_arrays(), "trials": np.array([{}, {}], dtype=object)})
    with pytest.raises(CorpusError) as error:
        Cmu20(folder).trial_ids()
    expected = f"{folder / 'cmu20.npz'}: trials holds pickled objects, which are never loaded"
    assert str(error.value) == expected


def test_a_table_without_a_column(folder):
    rows = [{"trial": "80_63", "fold": "1"}]
    _write_table(folder, rows, ("trial", "fold"))
    with pytest.raises(CorpusError) as error:
        Cmu20(folder).read("80_63")
    expected = f"{folder / 'trials.csv'}:1: lacks the columns group, description, subject_description"
    assert str(error.value) == expected


def test_a_fold_that_is_none(folder):
    _write_table(folder, [_row("80_63"), {**_row("80_64"), "fold": "5"}])
    with pytest.raises(CorpusError) as error:
        Cmu20(folder).read("80_63")
    assert str(error.value) == f"{folder / 'trials.csv'}:3: a fold is 0 to 4, not '5'"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 2 column 1 (char 2)"),
        ("[1]", "list indices must be integers or slices, not str"),
        ('{"trial": "80_63"}', "'captions'"),
        (json.dumps({**CLIP, "captions": ["walk"]}), "string indices must be integers, not 'str'"),
    ],
)
def test_a_line_that_is_no_clip(folder, line, reason):
    (folder / "clips.jsonl").write_text(json.dumps(CLIP) + "\n" + line + "\n", "utf-8")
    with pytest.raises(CorpusError) as error:
        Cmu20(folder).read("80_63")
    assert str(error.value) == f"{folder / 'clips.jsonl'}:2: not a clip ({reason})"


# The real corpus


@pytest.fixture(scope="module")
def cmu20(shared) -> Cmu20:
    return Cmu20(shared / "corpus")


def _positions_by_readme(arrays: dict[str, np.ndarray], start: int, stop: int) -> dict[str, np.ndarray]:
    """Joint positions by the recipe of the corpus' README on its own 23 joints, with SciPy."""
    names, animated = (list(map(str, arrays[key])) for key in ("joint_names", "animated"))
    rotations, positions = {}, {}
    for j, name in enumerate(names):
        if name in animated:
            stored = arrays["quat_xyzw"][start:stop, animated.index(name)]
            rotations[name] = Rotation.from_quat(stored / 32767)
        else:
            rotations[name] = Rotation.identity(stop - start)
        if j == 0:
            positions[name] = arrays["root_m"][start:stop]
            continue
        parent = names[arrays["parents"][j]]
        positions[name] = positions[parent] + rotations[parent].apply(arrays["offsets_m"][j])
        rotations[name] = rotations[parent] * rotations[name]
    return positions


@pytest.mark.corpus
def test_real_trials_agree_with_the_readme_s_recipe(cmu20, shared):
    """To 5 mm, by which the symmetric canonical skeleton's bones differ from the source's."""
    with np.load(shared / "corpus" / "cmu20.npz", allow_pickle=False) as data:
        arrays = {key: data[key] for key in data}
    joints = {**SOURCE_JOINT, "left_foot": "lToe", "right_foot": "rToe"}
    worst = 0.0
    for trial_id in ("05_02", "13_01", "49_06", "80_63", "02_01"):
        k = list(map(str, arrays["trials"])).index(trial_id)
        start, length = int(arrays["start"][k]), int(arrays["length"][k])
        expected = _positions_by_readme(arrays, start, start + length)
        motion = cmu20.read(trial_id).motion
        assert len(motion) == length
        for joint, name in joints.items():
            worst = max(worst, np.linalg.norm(motion.joint_m(joint) - expected[name], axis=-1).max())
    assert 1e-4 < worst < 5e-3


@pytest.mark.corpus
def test_the_real_corpus_is_whole(cmu20):
    ids = cmu20.trial_ids()
    assert len(ids) == len(set(ids)) == 2330
    table = cmu20._table
    folds: dict[str, set[str]] = {}
    for trial_id in ids:
        folds.setdefault(table[trial_id]["group"], set()).add(table[trial_id]["fold"])
    assert all(len(fold) == 1 for fold in folds.values())
    captioned = [0] * 5
    for trial_id, spans in cmu20._spans.items():
        captioned[int(table[trial_id]["fold"])] += sum(bool(span.captions) for span in spans)
    assert sum(captioned) == 2010
    assert max(captioned) - min(captioned) <= 2


@pytest.mark.corpus
@pytest.mark.slow
def test_the_whole_corpus_can_be_prepared(cmu20, tmp_path):
    manifest = prepare(cmu20, tmp_path / "out")
    size = sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    assert size < 48 * 2**20
    corpus = PreparedCorpus.open(tmp_path / "out")
    assert manifest["captioned_clips"] == len(corpus.select(range(5), captioned=True)) > 1900
    assert manifest["hours"] > 5
    assert all(20 <= len(clip) <= 200 for clip in corpus.clips)
