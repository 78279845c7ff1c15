"""The verbs together, as a user strings them: captions and BVH in, a trained bundle and motion out."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from nestmotion.cli import main
from nestmotion.cli.main import VERBS
from nestmotion.core import canonical_skeleton
from nestmotion.generate import Bundle
from nestmotion.io import load_motion, save_motion


def test_help_lists_every_verb(capsys):
    assert main([]) == 0
    text = capsys.readouterr().out
    for verb in VERBS:
        assert f"\n  {verb} " in text
        with pytest.raises(SystemExit) as stop:
            main([*verb.split(), "--help"])
        assert stop.value.code == 0
        assert f"usage: nestmotion {verb}" in capsys.readouterr().out


def test_generate_writes_every_format_and_numbers_samples(tmp_path, capsys):
    suffixes = (".bvh", ".glb", ".npz", ".amass.npz", ".npy", ".html")
    outs = [word for s in suffixes for word in ("--out", str(tmp_path / f"new/walk{s}"))]
    assert main(["generate", "a person walks", "--seconds", "2", "--samples", "2", *outs]) == 0
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == sorted(f"walk-{k}{s}" for k in (0, 1) for s in suffixes)
    assert len(capsys.readouterr().out.splitlines()) == 12


def test_generate_explains_itself(tmp_path, capsys):
    motion = str(tmp_path / "a.npz")
    text = "a person walks forward, then waves the left hand"
    command = ["generate", text, "--seconds", "2", "--samples", "2", "--out", motion, "--raw"]
    assert main([*command, "--explain", str(tmp_path / "map.json")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    data = json.loads((tmp_path / "map-1.json").read_text("utf-8"))
    assert data["frames"] == 40
    texts = [node["text"] for node in data["nodes"]]
    assert text in texts
    assert "then waves the left hand" in texts
    assert len(data["nodes"][0]["weight"]) == 40
    assert load_motion(tmp_path / "a-0.npz").metadata["postprocess"] is False
    assert main([*command, "--explain", str(tmp_path / "map.svg"), "--force"]) == 0
    assert "then waves the left hand" in (tmp_path / "map-0.svg").read_text("utf-8")


def test_generate_explains_turns_and_tells_of_them(tmp_path, capsys):
    text, motion = "a person sits down, then waves", str(tmp_path / "a.npz")
    command = ["generate", text, "--seconds", "5", "--steps", "2", "--out", motion]
    assert main([*command, "--explain", str(tmp_path / "map.json")]) == 0
    turns = "a person stands; a person sits down; a person waves"
    told = f"nestmotion: one after another: {turns} (--no-by-turns: all in one go)\n"
    assert capsys.readouterr().err == told
    assert json.loads((tmp_path / "map.json").read_text("utf-8"))["frames"] == 100
    assert load_motion(motion).metadata["prompt"] == text
    assert main([*command, "--no-by-turns", "--force"]) == 0
    assert capsys.readouterr().err == ""
    assert "prompts" not in load_motion(motion).metadata
    assert main(["generate", "a person walks", "--out", motion, "--force"]) == 0
    assert capsys.readouterr().err == ""


def test_generate_resamples_and_replaces(tmp_path):
    path = str(tmp_path / "a.npz")
    command = ["generate", "a person walks", "--seconds", "2", "--out", path]
    assert main([*command, "--fps", "30"]) == 0
    assert load_motion(path).fps == 30
    assert main([*command, "--force"]) == 0
    assert load_motion(path).fps == 20


def test_inspect_tells_the_same_as_json(tmp_path, capsys, synthetic_walk):
    save_motion(synthetic_walk(frames=41), tmp_path / "a.bvh")
    assert main(["inspect", str(tmp_path / "a.bvh"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["frames"], facts["fps"], facts["seconds"]) == (41, 20.0, 2.05)
    assert facts["displacement_m"] > 0.5
    assert main(["inspect", str(tmp_path / "a.bvh")]) == 0
    assert f"displacement_m  {facts['displacement_m']}" in capsys.readouterr().out


@pytest.fixture
def bvh_folder(tmp_path, synthetic_walk):
    """Twelve walks of different speed, each its own group, as BVH files with captions."""
    folder = tmp_path / "source"
    folder.mkdir()
    rows = ["file,caption,group"]
    for k in range(12):
        save_motion(synthetic_walk(frames=40, speed_m_s=0.5 + 0.1 * k), folder / f"w{k}.bvh")
        rows.append(f"w{k}.bvh,a person walks at speed {k},g{k}")
    (folder / "captions.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_from_bvh_files_to_motion(tmp_path, bvh_folder, capsys):
    corpus, run, bundle = (str(tmp_path / name) for name in ("corpus", "run", "bundle"))
    assert main(["corpus", "prepare", "--source", str(bvh_folder), "--out", corpus]) == 0
    small = ["--network.width", "32", "--network.layers", "2", "--network.heads", "2"]
    small += ["--network.reading-layers", "1", "--network.coarse-width", "16"]
    settings = [*small, "--epochs", "2", "--batch-size", "4", "--data.validation-share", "0.3"]
    folds = ["--data.train-folds", "0", "1", "2", "3", "4"]
    assert main(["train", "--corpus", corpus, "--out", run, *settings, *folds]) == 0
    assert main(["train", "--corpus", corpus, "--out", run]) == 2  # the run is there already
    assert main(["export", run, "--corpus", corpus, "--out", bundle, "--name", "tiny"]) == 0
    assert Bundle.open(tmp_path / "bundle").manifest["training"]["config"]["epochs"] == 2
    out = tmp_path / "x.npz"
    assert main(["generate", "a person walks", "--bundle", bundle, "--out", str(out)]) == 0
    assert np.isfinite(load_motion(out).positions_m).all()
    for path in (corpus, run, bundle):
        assert main(["inspect", path]) == 0
    assert "tiny" in capsys.readouterr().out


@pytest.mark.corpus
def test_a_foreign_skeleton_is_put_on_ours_when_asked(shared, tmp_path, capsys):
    source, target = str(shared / "samples/bvh/cmu_07_01.bvh"), str(tmp_path / "x.npy")
    assert main(["convert", source, target]) == 2
    assert capsys.readouterr().err == (
        "nestmotion: HumanML3D files hold the canonical 22 joints only; convert with --retarget\n"
    )
    assert main(["convert", source, target, "--retarget", "--fps", "20"]) == 0
    assert load_motion(target).skeleton == canonical_skeleton()


def test_convert_cuts_a_part_out(tmp_path, capsys):
    clip, part = str(tmp_path / "a.npz"), str(tmp_path / "b.npz")
    assert main(["generate", "a person walks", "--seconds", "3", "--steps", "2", "--out", clip]) == 0
    whole = load_motion(clip)
    for flags, frames in (
        (["--start", "0.5", "--end", "2"], slice(10, 40)),
        (["--start", "2.5"], slice(50, 60)),
        (["--end", "0.05"], slice(0, 1)),
        (["--end", "3.02"], slice(0, 60)),
    ):
        assert main(["convert", clip, part, "--force", *flags]) == 0
        np.testing.assert_array_equal(load_motion(part).positions_m, whole.positions_m[frames])
    capsys.readouterr()
    line = (
        "nestmotion: the clip lasts 3 s; --start must be at least 0, and --end at least a frame later "
        "and at most 3\n"
    )
    for flags in (
        ["--start", "-1"],
        ["--end", "4"],
        ["--start", "2", "--end", "1"],
        ["--start", "nan"],
    ):
        assert main(["convert", clip, str(tmp_path / "c.npz"), *flags]) == 2
        assert capsys.readouterr().err == line
    assert main(["convert", clip, part, "--force", "--end", "0.01"]) == 2
    assert not (tmp_path / "c.npz").exists()
    assert main(["convert", clip, part, "--force", "--fps", "30"]) == 0
    assert capsys.readouterr().out == f"{part}: 2.97 s\n"


def test_who_has_read_enough_may_hang_up():
    """As `nestmotion parse ... | head -1` does: no traceback, and no failure."""
    code = "import sys; from nestmotion.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "parse", "a person walks, " * 40 + "sits"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        said = running.stderr.read()
        assert (running.wait(timeout=60), said) == (0, b"")
