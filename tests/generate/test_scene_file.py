"""Scenes as files: what they say, and one line for what they get wrong."""

from __future__ import annotations

import json
from pathlib import Path as FilePath

import numpy as np
import pytest

from nestmotion.core.errors import FormatError
from nestmotion.generate.scene import Path, Prompt, Scene, Target, Waypoint
from nestmotion.generate.scene_file import load_on_ours, load_scene
from nestmotion.io import save_motion

SCENES = FilePath(__file__).parents[2] / "docs" / "scenes"


@pytest.fixture
def load(tmp_path):
    def write_and_load(data) -> Scene:
        path = tmp_path / "scene.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data), "utf-8")
        return load_scene(path)

    return write_and_load


def test_everything_but_motion(load):
    found = load(
        {
            "seconds": 6,
            "prompts": [
                {"text": "a person walks"},
                {
                    "text": "waves",
                    "start": 1,
                    "end": 2.5,
                    "parts": ["right arm"],
                    "strength": 3,
                },
            ],
            "path": {
                "waypoints": [[0, 0], {"x": 1, "z": 2, "time": 4, "heading": 90}],
                "smooth": False,
                "facing": "free",
            },
            "targets": [{"joint": "left_wrist", "time": 1, "position": [0, 1, 0.5], "end": 2}],
        }
    )
    assert found == Scene(
        (Prompt("a person walks"), Prompt("waves", 1, 2.5, ("right arm",), 3)),
        6,
        path=Path((Waypoint(0, 0), Waypoint(1, 2, 4, 90)), smooth=False, facing="free"),
        targets=(Target("left_wrist", 1, (0, 1, 0.5), 2),),
    )
    assert load({"path": [[0, 0], [0, 1]], "loop": True}).path == Path((Waypoint(0, 0), Waypoint(0, 1)))


def test_a_byte_order_mark_is_no_mistake(load):
    assert load('\ufeff{"prompts": [{"text": "walks"}]}') == Scene((Prompt("walks"),))


@pytest.mark.parametrize("suffix", [".npz", ".bvh", ".glb"])
def test_poses_and_stretches_of_motion_files(load, tmp_path, random_motion, suffix):
    motion = random_motion(frames=40)
    save_motion(motion, tmp_path / f"clip{suffix}")
    found = load(
        {
            "keyframes": [
                {"time": 1, "file": f"clip{suffix}", "at": 0.5, "position": [2, 3], "heading": 90},
                {"time": 2, "file": f"clip{suffix}", "joints": ["head"]},
            ],
            "keep": [{"file": f"clip{suffix}", "from": 0.5, "to": 1, "start": 3}],
            "start_from": f"clip{suffix}",
        }
    )
    first, second = found.keyframes
    assert (first.placed, second.placed, second.joints) == (True, False, ("head",))
    np.testing.assert_allclose(first.pose.root_m[0, [0, 2]], (2, 3), atol=1e-9)
    assert np.degrees(first.pose.heading_rad[0]) % 360 == pytest.approx(90)
    np.testing.assert_allclose(
        first.pose.positions_m[0, 15, 1], motion.positions_m[10, 15, 1], atol=2e-3
    )
    (kept,) = found.kept
    assert (len(kept.motion), kept.start_s) == (10, 3)
    np.testing.assert_allclose(kept.motion.positions_m, motion.positions_m[10:20], atol=2e-3)
    assert len(found.start_from) == 40


def test_a_pose_of_numbers(load):
    (keyframe,) = load(
        {"keyframes": [{"time": 0, "pose": {"root": [0, 0.9, 0], "rotations": {"head": [0, 1, 0, 0]}}}]}
    ).keyframes
    np.testing.assert_allclose(keyframe.pose.quat_local_xyzw[0, 15], (0, 1, 0, 0))
    np.testing.assert_allclose(keyframe.pose.root_m[0], (0, 0.9, 0))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", ":1: is not JSON: Expecting property name enclosed in double quotes"),
        ([], ": scene: must be an object in braces, not a list"),
        (
            {"prompt": "x"},
            ": scene: there is no field 'prompt'; the fields are in_place, keep, keyframes, loop, "
            "path, prompts, seconds, start_from, targets",
        ),
        ({"prompts": [{"start": 1}]}, ": prompts[0]: lacks 'text'"),
        ({"prompts": [{"text": 3}]}, ": prompts[0]: 'text' cannot be a number"),
        ({"seconds": True}, ": scene: 'seconds' cannot be true or false"),
        ({"seconds": 10800}, ": a scene lasts from 1 to 600 seconds, not 10800; longer motion is "
         "streamed (TextToMotion.stream)"),
        ('{"seconds": NaN}', ": scene: 'seconds' is NaN, infinite or over a million"),
        ({"seconds": 10**400}, ": scene: 'seconds' is NaN, infinite or over a million"),
        ('{"keyframes": [{"time": 1, "file": "walk.npz", "at": NaN}]}',
         ": keyframes[0]: 'at' is NaN, infinite or over a million"),
        ({"keyframes": [{"time": 1, "pose": {"root": [0, 1, 0]}, "heading": 90}]},
         ": keyframes[0]: a 'heading' holds where the pose has a place; give a 'position', or "
         '"placed": true for where it stands in the file'),
        ({"keyframes": [{"time": 1, "pose": {"root": [0, 1, 0]}, "position": [0, 1], "placed": False}]},
         ": keyframes[0]: has a 'position' and is not 'placed'; leave one of them out"),
        ({"keyframes": [{"time": 1, "file": "walk.npz", "pose": {"root": [0, 1, 0]}}]},
         ": keyframes[0]: has a 'file' and a 'pose'; leave one of them out"),
        ({"path": [[0, 0]]}, ": a path needs two or more waypoints, not 1"),
        ({"path": [[0, 0, 1], [1, 1]]}, ": path.waypoints[0] must be 2 numbers"),
        ({"path": [[0, 0]] * 10_000}, ": a path has 10000 waypoints, more than 2000; leave some out, "
         "they are joined smoothly"),
        ({"targets": [{"joint": "head", "time": 1, "position": [0, 1]}]},
         ": targets[0]: 'position' must be 3 numbers"),
        ({"keyframes": [{"time": 1, "pose": {"root": [0, 1, 0], "rotations": {"tail": [0, 0, 0, 1]}}}]},
         ": keyframes[0].pose: there is no joint 'tail'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(load, tmp_path, data, message):
    with pytest.raises(FormatError) as error:
        load(data)
    assert str(error.value) == f"{tmp_path / 'scene.json'}{message}"


def test_motion_files_that_do_not_fit(load, tmp_path, random_motion):
    with pytest.raises(FormatError, match=r"none\.npz: "):
        load({"start_from": "none.npz"})
    save_motion(random_motion(frames=10), tmp_path / "clip.npz")
    with pytest.raises(FormatError, match=r"clip\.npz has no moment 3 s; it lasts 0\.5 s$"):
        load({"keyframes": [{"time": 1, "file": "clip.npz", "at": 3}]})
    with pytest.raises(FormatError, match=r"has no stretch from 0\.2 to 9 s; it lasts 0\.5 s$"):
        load({"keep": [{"file": "clip.npz", "from": 0.2, "to": 9}]})
    with pytest.raises(FormatError, match="cannot be read: no such file"):
        load_scene(tmp_path / "absent.json")


def test_another_skeleton(tmp_path):
    text = (
        "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation "
        "Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\nMOTION\nFrames: 1\nFrame Time: 0.05\n"
        "0 0 0 0 0 0\n"
    )
    (tmp_path / "other.bvh").write_text(text)
    with pytest.raises(FormatError) as error:
        load_on_ours(tmp_path / "other.bvh")
    assert str(error.value) == (
        f"{tmp_path / 'other.bvh'}: is on another skeleton; put it on ours first, with --retarget"
    )


@pytest.mark.parametrize("path", sorted(SCENES.glob("*.json")), ids=lambda p: p.stem)
def test_the_scenes_of_the_docs_can_be_read(path):
    scene = load_scene(path)
    assert scene.seconds is not None
