"""nestmotion edit: a clip's own prompt, the three kinds of edit, and mistakes by name."""

from __future__ import annotations

import pytest

from nestmotion.cli import main
from nestmotion.io import load_motion, save_motion


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with clip.npz, which holds its prompt, and plain.bvh, which does not."""
    folder = tmp_path_factory.mktemp("edit")
    clip = str(folder / "clip.npz")
    text = "a person walks forward, then waves with the left hand"
    assert main(["generate", text, "--seconds", "5", "--out", clip]) == 0
    save_motion(load_motion(clip), folder / "plain.bvh")
    return folder


def _refused(folder, capsys, *arguments: str) -> str:
    out = folder / "refused.npz"
    assert main(["edit", *arguments, "--out", str(out)]) == 2
    assert not out.exists()
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.removeprefix("nestmotion: ").rstrip("\n")


def test_edits_follow_one_another(folder, capsys):
    clip, a, b, c = (str(folder / name) for name in ("clip.npz", "a.npz", "b.npz", "c.npz"))
    html = str(folder / "a.html")
    words = ["--phrase", "walks forward", "--to", "jumps"]
    assert main(["edit", clip, *words, "--out", a, "--out", html]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{a}: 5.00 s, changed from 0.00 to ")
    assert lines[0].endswith("s; a person jumps, then waves with the left hand")
    assert main(["edit", a, "--phrase", "left", "--to", "right", "--out", b]) == 0
    assert " s in 8 joints; a person jumps, then waves with the right hand" in capsys.readouterr().out
    assert main(["edit", b, "--phrase", "jumps", "--factor", "0.5", "--out", c]) == 0
    motion = load_motion(c)
    assert len(motion) < 100
    assert motion.metadata["prompt"] == "a person jumps, then waves with the right hand"
    assert [set(edit) - {"start_s", "end_s"} for edit in motion.metadata["edits"]] == [
        {"phrase", "to", "seed"},
        {"phrase", "to", "seed"},
        {"phrase", "factor"},
    ]


def test_another_take_of_a_clip_that_names_no_prompt(folder, capsys):
    plain, out = str(folder / "plain.bvh"), str(folder / "take.npz")
    times = ["--start", "1", "--end", "3", "--joints", "left_shoulder, left_elbow"]
    assert main(["edit", plain, *times, "--prompt", "a person waves", "--out", out]) == 0
    assert "changed from 1.00 to 3.00 s in 2 joints; a person waves" in capsys.readouterr().out
    line = _refused(folder, capsys, plain, "--start", "1", "--end", "3")
    assert line == "the clip does not say what it shows; give the text with --prompt"


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--phrase", "walks"),
        ("--to", "runs"),
        ("--factor", "2"),
        ("--start", "1"),
        ("--phrase", "walks", "--to", "runs", "--factor", "2"),
        ("--phrase", "walks", "--to", "runs", "--start", "1"),
        ("--phrase", "walks", "--factor", "2", "--joints", "head"),
        ("--start", "1", "--end", "2", "--phrase", "walks"),
        ("--start", "1", "--end", "2", "--to", "walks"),
    ],
)
def test_one_thing_at_a_time(folder, capsys, options):
    line = _refused(folder, capsys, str(folder / "clip.npz"), *options)
    assert line == (
        "say one thing to change: --phrase and --to, --phrase and --factor, or --start and --end"
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("--phrase", "walks", "--to", ""),
            "nothing to put in the place of 'walks'; give the new words",
        ),
        (("--phrase", "walks", "--factor", "0"), "the factor must be from 0.5 to 2, not 0"),
        (
            ("--start", "0", "--end", "0"),
            "the stretch must lie within the clip's 0 to 5 s, from earlier to later, not from 0 to 0 s",
        ),
        (
            ("--phrase", "walks", "--to", "runs", "--seed=-1"),
            "the seed must be from 0 to 2^63 - 1, not -1",
        ),
    ],
)
def test_values_out_of_range(folder, capsys, options, line):
    assert _refused(folder, capsys, str(folder / "clip.npz"), *options) == line


def test_files(folder, capsys):
    words = ("--phrase", "walks", "--to", "runs")
    assert _refused(folder, capsys, "none.npz", *words).startswith("none.npz: ")
    clip = str(folder / "clip.npz")
    assert main(["edit", clip, *words, "--out", clip]) == 2
    assert capsys.readouterr().err == f"nestmotion: {clip} exists already; use --force to replace it\n"
    assert main(["edit", clip, *words]) == 2
    assert "--out" in capsys.readouterr().err
