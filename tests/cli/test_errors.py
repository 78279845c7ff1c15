"""Every mistake a user can make: one line on standard error, exit code 2, nothing left behind."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from nestmotion.cli import main
from nestmotion.cli.main import VERBS
from nestmotion.core import Motion
from nestmotion.generate import default_bundle_path
from nestmotion.io import save_motion


@pytest.fixture
def one_line(capsys, tmp_path, monkeypatch):
    """Run a command that must fail, in an empty folder; gives its one line without the folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        before = sorted(tmp_path.rglob("*"))
        assert main(arguments) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert sorted(tmp_path.rglob("*")) == before, "something half-written was left behind"
        assert printed.err.startswith("nestmotion: ")
        assert printed.err.endswith("\n")
        assert printed.err.count("\n") == 1
        return printed.err.removeprefix("nestmotion: ").rstrip("\n").replace(f"{tmp_path}/", "")

    return run


@pytest.fixture
def bvh(tmp_path, random_motion):
    path = tmp_path / "walk.bvh"
    save_motion(random_motion(frames=10), path)
    return path


@pytest.mark.parametrize("prompt", ["", "   ", "!? 123"])
def test_empty_prompt(one_line, prompt):
    assert one_line("generate", prompt, "--out", "x.bvh") == (
        "the prompt is empty; say what the person does, e.g. 'a person waves'"
    )


def test_a_map_that_cannot_be_written(one_line, tmp_path):
    command = ("generate", "a person waves", "--out", "x.bvh", "--explain")
    line = one_line(*command, "map.png")
    assert line == "map.png: an alignment map is written as .json or .svg"
    (tmp_path / "map.json").write_text("mine")
    assert one_line(*command, "map.json") == "map.json exists already; use --force to replace it"
    assert not (tmp_path / "x.bvh").exists()


def test_prompt_of_ten_thousand_words(one_line):
    assert one_line("generate", "walk " * 10_000, "--out", "x.bvh") == (
        "the prompt has 10000 words, more than the model reads (about 96); shorten it"
    )


@pytest.mark.parametrize(
    ("seconds", "shown"), [("0", "0"), ("-3", "-3"), ("nan", "nan"), ("1e9", "1e+09"), ("inf", "inf")]
)
def test_seconds_out_of_range(one_line, seconds, shown):
    assert one_line("generate", "a person waves", f"--seconds={seconds}", "--out", "x.bvh") == (
        f"seconds must be from 1 to 600, not {shown}"
    )


def test_seconds_in_one_go(one_line):
    command = ["generate", "a person waves", "--no-by-turns", "--out", "x.bvh"]
    assert one_line(*command, "--seconds=11") == "seconds must be from 1 to 10, not 11"


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--seed=-1", "the seed must be from 0 to 2^63 - 1, not -1"),
        ("--samples=0", "samples must be from 1 to 64, not 0"),
        ("--samples=1000000000000", "samples must be from 1 to 64, not 1000000000000"),
        ("--steps=0", "steps must be from 1 to 1000, not 0"),
        ("--guidance=nan", "guidance must be from 0 to 20, not nan"),
        ("--fps=0", "frames a second must be above 0 and at most 1000, not 0"),
        ("--fps=1e9", "frames a second must be above 0 and at most 1000, not 1e+09"),
        ("--threads=0", "threads must be at least 1, not 0"),
    ],
)
def test_numbers_out_of_range(one_line, option, line):
    assert one_line("generate", "a person waves", option, "--out", "x.bvh") == line


def test_no_output(one_line):
    assert one_line("generate", "a person waves") == (
        "no --out given; name at least one file to write, e.g. --out walk.glb"
    )


def test_unknown_suffix(one_line, bvh):
    known = "those that can be written: .bvh, .glb, .npz, .amass.npz, .npy, .html"
    assert one_line("generate", "a person waves", "--out", "x.fbx") == (
        f"x.fbx: unknown suffix '.fbx'; {known}"
    )
    assert one_line("convert", "walk.bvh", "x") == f"x: the name has no suffix; {known}"
    assert one_line("convert", "walk.html", "x.bvh") == (
        "walk.html: .html files are only written; those that can be read: "
        ".bvh, .glb, .npz, .amass.npz, .npy"
    )


def test_existing_file_without_force(one_line, bvh):
    before = bvh.read_bytes()
    line = "walk.bvh exists already; use --force to replace it"
    assert one_line("generate", "a person waves", "--out", "walk.bvh") == line
    assert one_line("convert", "walk.bvh", "walk.bvh") == line
    assert bvh.read_bytes() == before


def test_unwritable_folder(one_line, bvh):
    line = "walk.bvh/x.bvh: cannot be written: walk.bvh is not a folder"
    assert one_line("generate", "a person waves", "--out", "walk.bvh/x.bvh") == line
    assert one_line("convert", "walk.bvh", "walk.bvh/x.bvh") == line


def test_missing_file(one_line):
    assert one_line("convert", "no.bvh", "x.glb") == "no.bvh: cannot be read: no such file or directory"
    assert one_line("inspect", "no.bvh") == "no.bvh: cannot be read: no such file or directory"


@pytest.mark.parametrize("tenth", range(10))
def test_truncated_bvh(one_line, bvh, tenth):
    text = bvh.read_bytes()
    bvh.write_bytes(text[: len(text) * tenth // 10])
    assert one_line("convert", "walk.bvh", "x.glb").startswith("walk.bvh")


def _edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_bvh_with_nan(one_line, bvh):
    lines = bvh.read_text().splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith("Frame Time")) + 1
    lines[first] = " ".join(["nan", *lines[first].split()[1:]])
    bvh.write_text("\n".join(lines) + "\n")
    assert one_line("convert", "walk.bvh", "x.glb") == (
        f"walk.bvh:{first + 1}: expected a finite number below 1e+12, found 'nan'"
    )


def test_bvh_with_a_missing_channel(one_line, bvh):
    _edit(bvh, "CHANNELS 3 Zrotation Xrotation Yrotation", "CHANNELS 3 Zrotation Xrotation")
    assert one_line("convert", "walk.bvh", "x.glb") == ("walk.bvh:9: expected 3 channel names, found 2")


def test_bvh_that_claims_a_billion_frames(one_line, bvh):
    _edit(bvh, "Frames: 10", "Frames: 1000000000")
    assert one_line("convert", "walk.bvh", "x.glb") == (
        "walk.bvh:133: expected 1000000000 rows of numbers, found 10"
    )


def test_glb_that_is_not_one(one_line, bvh):
    bvh.rename(bvh.with_suffix(".glb"))
    assert one_line("convert", "walk.glb", "x.bvh") == (
        "walk.glb: is not a GLB file (it does not start with 'glTF')"
    )


def test_npz_that_holds_a_pickle(one_line, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was loaded",))

    np.savez(tmp_path / "bad.npz", poses=np.array([Bomb()], dtype=object), trans=np.zeros((1, 3)))
    assert one_line("convert", "bad.npz", "x.bvh") == (
        "bad.npz: poses holds pickled objects, which are never loaded"
    )


@pytest.fixture
def bundle(tmp_path):
    if not default_bundle_path().is_dir():
        pytest.skip("needs the default bundle")
    shutil.copytree(default_bundle_path(), tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.mark.parametrize("name", ["network.onnx", "normalizer.json", "tokenizer.json", "LICENCES.md"])
def test_bundle_with_one_byte_changed(one_line, bundle, name):
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    line = one_line("generate", "a person waves", "--bundle", "bundle", "--out", "x.bvh")
    assert line.startswith(f"bundle/{name}: changed since it was made (SHA-256 ")


def test_bundle_that_lacks_a_file(one_line, bundle):
    (bundle / "network.onnx").unlink()
    line = one_line("generate", "a person waves", "--bundle", "bundle", "--out", "x.bvh")
    assert line == "bundle/network.onnx: missing; make or copy the folder again"


def test_folder_that_is_no_bundle(one_line, tmp_path):
    line = one_line("generate", "a person waves", "--bundle", ".", "--out", "x.bvh")
    assert line == "bundle.json: missing; . is not a bundle"


def test_source_and_corpus_that_are_none(one_line, tmp_path):
    (tmp_path / "empty").mkdir()
    assert one_line("corpus", "prepare", "--source", "empty", "--out", "o") == (
        "empty: not a known source; it should hold one of cmu20.npz, captions.csv, new_joint_vecs"
    )
    assert one_line("corpus", "prepare", "--source", "nowhere", "--out", "o") == (
        "nowhere: no such folder"
    )
    assert one_line("train", "--corpus", "empty", "--out", "r") == (
        "empty/corpus.json: missing; make the corpus with: nestmotion corpus prepare --source DIR "
        "--out empty"
    )


def test_wrong_words_on_the_command_line(one_line):
    assert one_line("dance") == (
        f"no verb 'dance'; it is one of: {', '.join(VERBS)} (see nestmotion --help)"
    )
    assert one_line("generate", "x", "--foo", "--out", "x.bvh") == (
        "Unrecognized options: --foo; see nestmotion generate --help"
    )


def test_debug_shows_the_traceback(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="no such file"):
        main(["inspect", "no.bvh", "--debug"])


def test_non_english_text_is_a_warning(tmp_path, capsys):
    out = tmp_path / "x.bvh"
    assert main(["generate", "una mujer camina despacio", "--seconds", "1", "--out", str(out)]) == 0
    assert out.exists()
    assert capsys.readouterr().err == (
        "nestmotion: warning: most words of the prompt are unknown to the model (una, mujer, camina); "
        "it learned from English, and the motion may not fit\n"
    )


def test_motion_is_what_was_promised(tmp_path, capsys, random_motion):
    motion: Motion = random_motion(frames=21)
    save_motion(motion, tmp_path / "a.npz")
    assert main(["convert", str(tmp_path / "a.npz"), str(tmp_path / "b.bvh"), "--fps", "40"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'b.bvh'}: 1.02 s\n"
