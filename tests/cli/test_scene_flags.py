"""Scenes from the command line."""

from __future__ import annotations

import json

import pytest

from nestmotion.cli import main
from nestmotion.cli.scene_flags import scene_of_flags
from nestmotion.core.errors import NestmotionError
from nestmotion.generate import TextToMotion
from nestmotion.generate.scene import Path, Prompt, Scene, Waypoint
from nestmotion.generate.scene_check import PACE_M_S


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


def _scene(model, text=None, scene=None, at=(), path=None, seconds=None, guidance=None, by_turns=True):
    return scene_of_flags(
        text, scene, list(at), path, None, False, False, by_turns, seconds, guidance, model
    )


def test_flags_make_a_scene(model):
    assert _scene(model, "a person walks") is None
    assert _scene(model, "a person walks", at=["1:4 waves the right hand"], seconds=6) == Scene(
        (Prompt("a person walks", 0, 6), Prompt("waves the right hand", 1, 4)), 6
    )
    assert _scene(model, at=[": walks", "2.5: sits down"], guidance=3) == Scene(
        (Prompt("walks", strength=3), Prompt("sits down", 2.5, strength=3))
    )
    assert _scene(model, "a person walks", path="0,0 0,3 -2,4.5@6") == Scene(
        (Prompt("a person walks"),), path=Path((Waypoint(0, 0), Waypoint(0, 3), Waypoint(-2, 4.5, 6)))
    )


def test_guidance_holds_where_a_file_says_nothing(model, tmp_path):
    file = tmp_path / "scene.json"
    prompts = [{"text": "walks", "end": 2}, {"text": "sits", "start": 2, "strength": 1}]
    file.write_text(json.dumps({"prompts": prompts}), "utf-8")
    assert [p.strength for p in _scene(model, scene=file, guidance=3).prompts] == [3, 1]
    assert [p.strength for p in _scene(model, scene=file).prompts] == [None, 1]


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--samples", "0", "samples must be from 1 to 64, not 0"),
        ("--samples", "70", "samples must be from 1 to 64, not 70"),
        ("--guidance", "50", "guidance must be from 0 to 20, not 50"),
        ("--steps", "0", "steps must be from 1 to 1000, not 0"),
    ],
)
def test_numbers_out_of_range_are_refused_for_scenes(tmp_path, capsys, flag, value, message):
    command = ["generate", "a person walks", "--in-place", "--out", str(tmp_path / "a.npz")]
    assert main([*command, flag, value]) == 2
    assert capsys.readouterr().err == f"nestmotion: {message}\n"
    assert not list(tmp_path.iterdir())


def test_turns_go_along_a_path(model):
    text = "a person walks, then runs"
    scene = _scene(model, text, path="0,0 0,3", seconds=4, guidance=3)
    assert [p.text for p in scene.prompts] == ["a person walks", "a person runs"]
    assert {p.strength for p in scene.prompts} == {3}
    assert scene.prompts[-1].end_s == scene.seconds == 4
    assert scene.path == Path((Waypoint(0, 0), Waypoint(0, 3)))
    (one,) = _scene(model, text, path="0,0 0,3", by_turns=False).prompts
    assert one == Prompt(text)


def test_turns_last_as_long_as_their_path(model):
    text = "a person walks, then sits down"
    assert _scene(model, text, path="0,0 0,3 2,4@9").prompts[-1].end_s == 9
    slow = _scene(model, text, path="0,0 0,11").prompts[-1].end_s
    assert slow == pytest.approx(11 / PACE_M_S, abs=0.1)
    assert _scene(model, "a person sits down", path="0,0 0,3").prompts[0].text == "a person stands"


def test_turns_alone_are_a_scene_where_one_sample_is_too_short(model):
    text = "a person walks, then runs"
    assert _scene(model, text) is None
    assert _scene(model, text, seconds=10) is None
    assert _scene(model, text, seconds=12).prompts[-1].end_s == 12
    assert _scene(model, text, seconds=12, by_turns=False) is None  # `generate` refuses it


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, 'no text given; say what the person does, e.g. "a person waves"'),
        (
            {"at": ["waves"]},
            "--at 'waves': give start and end in seconds and what happens, e.g. "
            '--at "2:4.5 waves the right hand"',
        ),
        (
            {"text": "walks", "path": "0,0 3"},
            "--path '3': a waypoint is x,z or x,z@seconds; e.g. --path '0,0 0,3 2,4@6'",
        ),
        (
            {"text": "walks", "scene": "scene.json"},
            "--scene says everything; leave the text and the flags that describe a scene out",
        ),
    ],
)
def test_mistakes_are_named(model, asked, message):
    with pytest.raises(NestmotionError) as error:
        _scene(model, **asked)
    assert str(error.value) == message


def test_a_scene_file_end_to_end(tmp_path, capsys):
    scene, out = tmp_path / "scene.json", tmp_path / "scene.npz"
    scene.write_text(json.dumps({"prompts": [{"text": "a person walks"}], "path": [[0, 0], [0, 2]]}))
    assert main(["generate", "--scene", str(scene), "--out", str(out), "--steps", "4"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{out}: 2.20 s\n  path: off by ")
    assert out.exists()
    scene.write_text(json.dumps({"prompts": [{"text": "a person walks", "end": 9}], "seconds": 4}))
    assert main(["generate", "--scene", str(scene), "--out", str(tmp_path / "no.npz")]) == 2
    assert capsys.readouterr().err == (
        "nestmotion: prompt 'a person walks': 9 s is beyond the end of the scene at 4 s\n"
    )
    assert not (tmp_path / "no.npz").exists()
