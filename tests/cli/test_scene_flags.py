"""Scenes from the command line."""

from __future__ import annotations

import json

import pytest

from nestmotion.cli import main
from nestmotion.cli.scene_flags import scene_of_flags
from nestmotion.core.errors import NestmotionError
from nestmotion.generate.scene import Path, Prompt, Scene, Waypoint


def _scene(text=None, scene=None, at=(), path=None, seconds=None, guidance=None, loop=False):
    return scene_of_flags(text, scene, list(at), path, None, loop, False, seconds, guidance, 20.0)


def test_flags_make_a_scene():
    assert _scene("a person walks") is None
    assert _scene("a person walks", at=["1:4 waves the right hand"], seconds=6) == Scene(
        (Prompt("a person walks", 0, 6), Prompt("waves the right hand", 1, 4)), 6
    )
    assert _scene(at=[": walks", "2.5: sits down"], guidance=3) == Scene(
        (Prompt("walks", strength=3), Prompt("sits down", 2.5, strength=3))
    )
    assert _scene("a person walks", path="0,0 0,3 -2,4.5@6") == Scene(
        (Prompt("a person walks"),), path=Path((Waypoint(0, 0), Waypoint(0, 3), Waypoint(-2, 4.5, 6)))
    )


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
def test_mistakes_are_named(asked, message):
    with pytest.raises(NestmotionError) as error:
        _scene(**asked)
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
