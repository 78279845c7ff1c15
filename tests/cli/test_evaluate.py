"""nestmotion evaluate: from files and from a bundle, and every mistake in one line."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from nestmotion.cli import main
from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.evaluation.evaluator import Evaluator, default_evaluator_path
from nestmotion.generate import TextToMotion, default_bundle_path
from nestmotion.io import save_motion
from synthetic_corpus import MemorySource, captioned_trial

SAYINGS = ("a person walks forward", "someone turns left", "a man waves", "a person jumps")

pytestmark = pytest.mark.skipif(
    not default_evaluator_path().is_dir(), reason="the evaluator is not in the package yet"
)


def make_corpus(folder, folds=(0, 1)):
    trials = [
        captioned_trial(
            f"t{k}", f"made up {k}", folds[k % len(folds)], [f"{SAYINGS[k % 4]} {k}"], 30 + k
        )
        for k in range(12)
    ]
    prepare(MemorySource(trials), folder)
    return PreparedCorpus.open(folder)


@pytest.fixture
def corpus(tmp_path):
    return make_corpus(tmp_path / "corpus")


@pytest.fixture
def motions(tmp_path, corpus):
    """A file for each clip of fold 0: the reference itself."""
    folder = tmp_path / "motions"
    folder.mkdir()
    for clip in corpus.select([0]):
        save_motion(corpus.motion(clip), folder / f"{clip.clip_id}.npz")
    return folder


@pytest.fixture
def one_line(capsys, tmp_path):
    """Run a command that must fail; gives its one line without the folder."""

    def run(*arguments: str) -> str:
        command = ["evaluate", "--corpus", f"{tmp_path}/corpus", "--out", f"{tmp_path}/out"]
        assert main([*command, *arguments]) == 2
        printed = capsys.readouterr()
        assert not (tmp_path / "out" / "results.json").exists()
        assert printed.err.count("\n") == 1
        return printed.err.removeprefix("nestmotion: ").rstrip("\n").replace(f"{tmp_path}/", "")

    return run


def run(tmp_path, *arguments):
    command = ["evaluate", "--corpus", f"{tmp_path}/corpus", "--out", f"{tmp_path}/out"]
    assert main([*command, *arguments]) == 0
    rows = map(json.loads, (tmp_path / "out" / "clips.jsonl").read_text().splitlines())
    return json.loads((tmp_path / "out" / "results.json").read_text()), list(rows)


def test_a_folder_with_the_references_themselves(tmp_path, motions, corpus, capsys):
    results, rows = run(tmp_path, "--motions", str(motions))
    assert results["clips"] == 6
    assert results["measures"]["coverage"]["value"] == 1
    assert results["measures"]["drift"]["value"] < 0.01
    assert results["measures"]["top3"]["value"] == results["measures"]["top3"]["real"]
    assert results["source"] == {"motions": str(motions)}
    assert [row["clip"] for row in rows] == [c.clip_id for c in corpus.select([0])]
    printed = capsys.readouterr().out
    assert "R-precision, top 3" in printed
    assert printed.endswith(f"{tmp_path}/out: 6 clips, test split\n")


def test_every_kind_of_file_and_some_missing(tmp_path, motions, corpus, capsys):
    clips = corpus.select([0])
    for clip, suffix in ((clips[0], ".bvh"), (clips[1], ".npy")):
        save_motion(corpus.motion(clip), motions / f"{clip.clip_id}{suffix}")
        (motions / f"{clip.clip_id}.npz").unlink()
    (motions / f"{clips[2].clip_id}.npz").unlink()
    (motions / "notes.txt").write_text("not a motion")
    results, _ = run(tmp_path, "--motions", str(motions))
    assert results["clips"] == 5
    assert results["measures"]["drift"]["value"] < 1
    assert "motions: 1 of 6 clips have no file and are left out" in capsys.readouterr().err


def test_a_bundle_twice_gives_the_same_to_the_last_digit(tmp_path, corpus):
    first, rows = run(tmp_path, "--steps", "2", "--samples", "2")
    assert first["measures"]["multimodality"]["value"] > 0
    assert first["source"]["bundle_digest"] == TextToMotion.load().bundle.digest
    assert len(rows) == 6
    again, _ = run(tmp_path, "--steps", "2", "--samples", "2", "--force")
    assert again == first
    other, _ = run(tmp_path, "--steps", "2", "--samples", "2", "--force", "--seed", "1")
    assert other["measures"]["drift"] != first["measures"]["drift"]


def test_the_shipped_evaluator_is_small_and_saw_no_clip_of_its_fold():
    folder = default_evaluator_path()
    assert sum(f.stat().st_size for f in folder.iterdir()) < 8e6
    record = Evaluator.load().record
    assert 0 not in record["folds"]
    assert record["test"]["clips"] > 300


@pytest.mark.slow
def test_an_evaluator_is_trained_and_going_on_changes_nothing(tmp_path, capsys):
    make_corpus(tmp_path / "corpus", folds=(0, 1, 1))
    network = ["--network.width", "24", "--network.heads", "2", "--network.motion-layers", "1"]
    share = ["--validation-share", "0.6", "--epochs", "2", "--batch-size", "2", "--members", "1"]
    command = ["train-evaluator", "--corpus", f"{tmp_path}/corpus", "--out", f"{tmp_path}/run"]
    assert main([*command, *network, *share]) == 0
    printed = capsys.readouterr().out
    assert "test: 4 clips, top 1 " in printed
    record = Evaluator.load(tmp_path / "run" / "evaluator").record
    assert record["members"][0]["trained"]["epoch"] in (0, 1, 2)
    assert main([*command, "--resume"]) == 0
    assert capsys.readouterr().out.endswith("run/evaluator: is there already\n")
    assert main(command) == 2
    assert "is not empty; use --resume to continue it" in capsys.readouterr().err


def test_missing_fold(one_line, tmp_path):
    make_corpus(tmp_path / "corpus", folds=(1, 2))
    assert one_line() == (
        "corpus: no captioned clips outside folds 1, 2, 3, 4 (test split); it takes at least two"
    )


def test_empty_validation_group(one_line, tmp_path):
    make_corpus(tmp_path / "corpus", folds=(0,))
    assert one_line("--split", "validation") == (
        "corpus: no captioned clips in the held-out groups of folds 1, 2, 3, 4 (validation split); it "
        "takes at least two"
    )


def test_ids_that_match_no_clip(one_line, motions):
    (motions / "stranger.npz").write_bytes(next(motions.iterdir()).read_bytes())
    assert one_line("--motions", str(motions)) == (
        "motions/stranger.npz: stranger is no clip of the split (1 of 7 files are not); name the files "
        "by clip id"
    )


def test_two_files_for_one_clip(one_line, motions, corpus):
    clip = corpus.select([0])[0]
    save_motion(corpus.motion(clip), motions / f"{clip.clip_id}.bvh")
    assert one_line("--motions", str(motions)) == (
        f"motions/{clip.clip_id}.npz: clip {clip.clip_id} has another file, {clip.clip_id}.bvh; "
        "keep one"
    )


def test_no_motions(one_line, corpus, tmp_path):
    (tmp_path / "empty").mkdir()
    assert one_line("--motions", str(tmp_path / "empty")) == (
        "empty: holds no motion file; name them by clip id, e.g. 000123.npz"
    )
    assert one_line("--motions", str(tmp_path / "nowhere")) == (
        "nowhere: is not a folder; name one with files such as 000123.npz"
    )


def test_nan_in_a_motion(one_line, motions, corpus):
    clip = corpus.select([0])[0]
    (motions / f"{clip.clip_id}.npz").unlink()
    np.save(motions / f"{clip.clip_id}.npy", np.full((30, 22, 3), np.nan))
    line = one_line("--motions", str(motions))
    assert line.startswith(f"motions/{clip.clip_id}.npy: ")
    assert "NaN" in line


def test_another_skeleton(one_line, motions, corpus):
    from nestmotion.core.skeleton import Skeleton

    clip = corpus.select([0])[0]
    motion = corpus.motion(clip)
    sk = motion.skeleton
    fewer = Skeleton(sk.joint_names[:20], sk.parents[:20], sk.offsets_m[:20])
    odd = replace(motion, skeleton=fewer, quat_local_xyzw=motion.quat_local_xyzw[:, :20])
    save_motion(odd, motions / f"{clip.clip_id}.npz", force=True)
    assert one_line("--motions", str(motions)) == (
        f"motions/{clip.clip_id}.npz: its 20 joints are not the 22 canonical ones; convert it with "
        "nestmotion convert --retarget"
    )


def test_both_sources(one_line, corpus):
    assert one_line("--bundle", "b", "--motions", "m") == "give either --bundle or --motions, not both"


def test_results_that_are_there_already(tmp_path, motions, capsys):
    run(tmp_path, "--motions", str(motions))
    before = (tmp_path / "out" / "results.json").read_bytes()
    command = ["evaluate", "--corpus", f"{tmp_path}/corpus", "--out", f"{tmp_path}/out"]
    capsys.readouterr()
    assert main([*command, "--motions", str(motions)]) == 2
    assert capsys.readouterr().err == (
        f"nestmotion: {tmp_path}/out/results.json exists already; use --force to replace it\n"
    )
    assert (tmp_path / "out" / "results.json").read_bytes() == before


@pytest.mark.parametrize("part", ["itself", "started_from", "teacher"])
def test_a_bundle_trained_on_the_test_fold(one_line, corpus, tmp_path, part):
    bundle = shutil.copytree(default_bundle_path(), tmp_path / "bundle")
    manifest = json.loads((bundle / "bundle.json").read_text())
    record = manifest["training"]
    seen = json.loads(json.dumps(record))
    seen["config"]["data"]["train_folds"] = [0, 1, 2, 3, 4]
    manifest["training"] = seen if part == "itself" else record | {part: seen}
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    assert one_line("--bundle", str(bundle)) == (
        "bundle: was trained on fold 0, which holds clips of the test split; evaluate a bundle that "
        "was not, or another split"
    )
