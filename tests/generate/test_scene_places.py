"""Where scenes begin, how far and fast people get, and what they are carried along by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core import canonical_skeleton
from nestmotion.core.edit import move
from nestmotion.core.errors import SceneError
from nestmotion.features.layout import CONTACT_JOINTS
from nestmotion.generate import TextToMotion
from nestmotion.generate.scene import Kept, Keyframe, Path, Prompt, Scene, Target, Waypoint
from nestmotion.generate.scene_check import complete_scene

WALK = Prompt("a person walks forward")
JUMP = Prompt("a person jumps")


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


@pytest.fixture(scope="module")
def walk(model):
    return model.generate(WALK.text, seconds=4, seed=3)[0]


def _speed_m_s(motion, *joints: str) -> float:
    """The fastest step of some joints."""
    place = motion.positions_m[:, [motion.skeleton.index(name) for name in joints]]
    return float(np.linalg.norm(np.diff(place, axis=0), axis=-1).max() * motion.fps)


def test_a_long_single_prompt_is_sampled_as_generate_does(model):
    found = model.scene(Scene((WALK,), seconds=9), seed=5, steps=4)
    expected = model.generate(WALK.text, seconds=9, seed=5, steps=4)[0]
    np.testing.assert_allclose(found.motion.positions_m, expected.positions_m, atol=1e-3)


def test_a_loop_with_a_target_stays_where_it_begins(model):
    hand = Target("right_wrist", 1.5, (-0.3, 1.3, 0.4))
    found = model.scene(Scene((Prompt("a person waves"),), 3, targets=(hand,), loop=True))
    assert all(left.met for left in found.remaining), found.remaining
    np.testing.assert_allclose(found.motion.root_m[0, [0, 2]], 0, atol=0.01)
    assert _speed_m_s(found.motion, "pelvis") < 3


@pytest.mark.parametrize("yaw", [1.0, 2.9, -3.1])
def test_a_scene_turns_with_what_it_goes_on_from(model, walk, yaw):
    found, turned = (
        model.scene(Scene((WALK,), 3, start_from=start), seed=1, steps=4).motion
        for start in (walk, move(walk, yaw, (0.0, 0.0, 0.0)))
    )
    back = move(turned, -yaw, (0.0, 0.0, 0.0))
    np.testing.assert_allclose(back.positions_m, found.positions_m, atol=2e-3)


def test_on_a_treadmill_one_stays_where_the_motion_before_ended(model, walk):
    found = model.scene(Scene((WALK,), 3, start_from=walk, in_place=True))
    away = found.motion.root_m[:, [0, 2]] - walk.root_m[-1, [0, 2]]
    assert np.abs(away).max() < 0.01


def test_who_jumps_to_a_target_jumps_no_higher(model):
    free = model.scene(Scene((JUMP,), 4)).motion.root_m[:, 1].max()
    hand = Target("right_wrist", 2.0, (-0.2, 2.2, 0.2))
    found = model.scene(Scene((JUMP,), 4, targets=(hand,)))
    assert found.remaining[0].met
    assert found.motion.root_m[:, 1].max() < free + 0.2


def test_feet_on_a_path_are_not_snapped(model):
    path = Path((Waypoint(0, 0), Waypoint(0, 10)))
    found = model.scene(Scene((Prompt("a person walks"),), path=path), seed=2)
    raw, made = (_speed_m_s(m, *CONTACT_JOINTS) for m in (found.raw, found.motion))
    assert made < 1.3 * raw


def test_a_runner_meets_a_target_that_he_would_run_past(model):
    """His velocity, which is believed over seconds (docs/adr/0031), would carry him on."""
    target = Target("right_wrist", 1.5, (0.2, 1.3, 1.0))
    found = model.scene(Scene((Prompt("a person runs forward"),), 4, targets=(target,)))
    assert found.remaining[0].error < 0.01


@pytest.mark.parametrize(
    "wish",
    [
        {"targets": (Target("right_wrist", 1.0, (0, 1, 50)),)},
        {"targets": (Target("left_elbow", 0.05, (0, 1, 56)),)},
        {"path": Path((Waypoint(0, 0), Waypoint(0, 3000, 4)))},
    ],
)
def test_nobody_goes_faster_than_people_run(model, wish):
    found = model.scene(Scene((WALK,), 4, **wish))
    assert not found.remaining[0].met
    assert _speed_m_s(found.motion, "pelvis") < 12
    assert np.linalg.norm(found.motion.root_m[0, [0, 2]]) < 0.5


def test_what_is_kept_too_far_away(model, walk):
    far = move(walk.frames(40, 60), 0.0, (0.0, 0.0, 30.0))
    with pytest.raises(SceneError) as error:
        model.scene(Scene((WALK,), 4, kept=(Kept(walk.frames(0, 20)), Kept(far, 2.0))))
    assert str(error.value).startswith("what is kept at 2 s is ")
    assert str(error.value).endswith(" at 10 m/s; give it another start or place")


def _completed(scene: Scene) -> Scene:
    return complete_scene(scene, canonical_skeleton(), 20.0, lambda text: 8.0)


def test_wishes_that_fall_on_one_frame(walk):
    pose, other = walk.frames(0, 1), walk.frames(40, 41)
    for scene, message in (
        (
            Scene((WALK,), 4, kept=(Kept(walk.frames(0, 40)), Kept(walk.frames(0, 20), 1.0))),
            "two kept stretches overlap from 1 to 2 s and both keep the legs and the torso and the "
            "left arm and the right arm; cut one of them",
        ),
        (
            Scene((WALK,), 4, kept=(Kept(walk.frames(0, 40)),), keyframes=(Keyframe(1, pose),)),
            "keyframe at 1 s: stands in a stretch that is kept; leave one of them out",
        ),
        (
            Scene((WALK,), 4, keyframes=(Keyframe(3.95, pose), Keyframe(4, other))),
            "two keyframes stand at 3.95 s for the same joints; leave one of them out",
        ),
    ):
        with pytest.raises(SceneError) as error:
            _completed(scene)
        assert str(error.value) == message


def test_what_is_kept_on_a_treadmill(walk):
    with pytest.raises(SceneError) as error:
        _completed(Scene((WALK,), 4, kept=(Kept(walk.frames(0, 20)),), in_place=True))
    assert str(error.value) == (
        "what is kept with its path contradicts staying in place; leave one out"
    )


def test_the_length_of_a_scene_with_a_path():
    timed = Path((Waypoint(0, 0), Waypoint(0, 3), Waypoint(2, 4, 6)))
    assert _completed(Scene((WALK,), path=timed)).seconds == 6
    untimed = Path((Waypoint(0, 0), Waypoint(0, 3)))
    assert _completed(Scene((WALK,), path=untimed)).seconds == 3.3
    assert _completed(Scene((replace(WALK, end_s=6),), path=untimed)).seconds == 6
    later = Target("head", 5, (0, 1.6, 3))
    assert _completed(Scene((WALK,), path=untimed, targets=(later,))).seconds == pytest.approx(5.05)
