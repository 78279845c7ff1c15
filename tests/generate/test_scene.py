"""Scenes with the shipped model, and scenes that cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core import canonical_skeleton
from nestmotion.core.edit import move, resample
from nestmotion.core.errors import SceneError
from nestmotion.core.skeleton import Skeleton
from nestmotion.evaluation.motion_facts import foot_slide_mm
from nestmotion.generate import TextToMotion
from nestmotion.generate.plan import make_plan
from nestmotion.generate.remaining import seam_m
from nestmotion.generate.scene import Kept, Keyframe, Path, Prompt, Scene, Target, Waypoint
from nestmotion.generate.scene_check import complete_scene


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


@pytest.fixture(scope="module")
def walk(model):
    return model.generate("a person walks forward", seconds=4, seed=3)[0]


def _pose(motion, frame: int):
    return motion.frames(frame, frame + 1)


def _step_m(motion) -> float:
    """The longest way of a joint from one frame to the next."""
    return float(np.linalg.norm(np.diff(motion.positions_m, axis=0), axis=-1).max())


def test_a_single_prompt_is_sampled_as_generate_does(model):
    scene = Scene((Prompt("a person waves"),), seconds=3)
    expected = model.generate("a person waves", seconds=3, seed=5, postprocess=False)[0]
    found = model.scene(scene, seed=5)
    np.testing.assert_allclose(found.raw.positions_m, expected.positions_m, atol=1e-3)
    assert found.remaining == ()
    assert dict(found.motion.metadata)["bundle_digest"] == model.bundle.digest
    standing = model.generate("a person waves", seconds=3, seed=5)[0]
    np.testing.assert_allclose(found.motion.positions_m, standing.positions_m, atol=1e-3)


def test_after_a_held_target_the_body_goes_back_to_what_it_did(model):
    """Poses are solved frame by frame; a jump between the last two must not carry on."""
    low = Target("left_wrist", 3.5, (0.35, 0.7, 0.5), 4.2)
    text = Prompt("a person reaches up with the left hand")
    found = model.scene(Scene((text,), seconds=5, targets=(low,)), seed=0)
    assert found.remaining[0].met
    assert found.motion.joint_m("neck")[:, 1].min() > 0.9
    assert _step_m(found.motion.frames(84, 100)) < 0.25


@pytest.mark.parametrize(
    ("joint", "place_m"),
    [("right_wrist", (-0.4, 1.7, 0.3)), ("left_ankle", (0.2, 0.6, 0.5)), ("head", (0.3, 1.1, 0.2))],
)
def test_a_joint_is_sampled_to_its_target_and_brought_to_it(model, joint, place_m):
    """The exactness pass has little left to do, so that the body can go along."""
    scene = Scene((Prompt("a person stands still"),), seconds=3, targets=(Target(joint, 1.5, place_m),))
    found = model.scene(scene, seed=0)
    off = [np.linalg.norm(m.joint_m(joint)[30] - place_m) for m in (found.raw, found.motion)]
    assert off[0] < 0.15
    assert off[1] < 0.005


def test_led_feet_stand_too(model):
    path = Path((Waypoint(0, 0), Waypoint(1.2, 2), Waypoint(-1.2, 4)))
    found = model.scene(Scene((WALK,), seconds=6, path=path), seed=0)
    assert foot_slide_mm(found.motion) < 2.0 < 0.3 * foot_slide_mm(found.raw)


def test_prompts_follow_one_another(model):
    scene = Scene((Prompt("a person walks forward", 0, 3), Prompt("a person sits down", 3, 6)))
    found = model.scene(scene, seed=1).motion
    assert len(found) == 120
    assert found.root_m[100:, 1].mean() < found.root_m[:50, 1].mean() - 0.15
    assert _step_m(found) < 0.35


def test_an_arm_has_a_text_of_its_own(model):
    walk = Prompt("a person walks forward", 0, 4)
    arm = Prompt("a person raises the right hand above the head", 0.5, 3.5, ("right arm",))
    both, alone = (model.scene(Scene(p), seed=2).motion for p in ((walk, arm), (walk,)))
    highest = [motion.joint_m("right_wrist")[20:60, 1].mean() for motion in (both, alone)]
    assert highest[0] > highest[1] + 0.2
    assert np.linalg.norm(both.root_m[-1, [0, 2]]) > 1.0


def test_a_scene_goes_on_where_a_motion_ends(model, walk):
    found = model.scene(Scene((Prompt("a person sits down"),), seconds=3, start_from=walk), seed=0)
    assert len(found.motion) == 60
    seam = np.linalg.norm(found.motion.positions_m[0] - walk.positions_m[-1], axis=-1)
    assert seam.max() < 0.25


def test_poses_and_targets_are_met(model, walk):
    scene = Scene(
        (Prompt("a person walks forward"),),
        seconds=4,
        keyframes=(
            Keyframe(1.0, _pose(walk, 20)),
            Keyframe(3.0, _pose(walk, 60), ("head", "left_wrist")),
            Keyframe(3.9, _pose(walk, 70), placed=False),
        ),
        targets=(Target("right_wrist", 2.0, tuple(walk.joint_m("right_wrist")[40] + 0.05)),),
    )
    found = model.scene(scene, seed=9)
    assert [r.kind for r in found.remaining] == ["keyframe"] * 3 + ["target"]
    for left in found.remaining:
        assert left.met, str(left)
    np.testing.assert_allclose(found.motion.positions_m[20], walk.positions_m[20], atol=0.03)
    assert _step_m(found.motion) < 0.45


def test_there_is_no_leap_at_a_pose_on_the_way(model, walk):
    """The pose that the walk itself has after 2 s, twice as far from the origin."""
    x, _, z = walk.root_m[40]
    pose = Keyframe(2.0, move(_pose(walk, 40), 0.0, (x, 0.0, z)))
    found = model.scene(Scene((WALK,), seconds=4, keyframes=(pose,)), seed=3)
    assert all(r.met for r in found.remaining)
    assert np.linalg.norm(found.motion.root_m[0, [0, 2]]) < 0.01
    assert abs(found.motion.heading_rad[0]) < 0.01
    pace = np.linalg.norm(np.diff(found.raw.root_m[:, [0, 2]], axis=0), axis=1)
    assert np.abs(np.diff(pace)).max() < 0.05


@pytest.mark.parametrize(
    ("wishes", "place", "heading"),
    [
        ({"path": Path((Waypoint(0, 0, 0.0), Waypoint(0, -3, 4.0)))}, (0, 0), None),
        ({"path": Path((Waypoint(0, 0, 0.0), Waypoint(0, -3, 4.0)), facing="free")}, (0, 0), 0.0),
        ({"path": Path((Waypoint(2, 0, 0.0), Waypoint(0, -3, 4.0)), facing="free")}, (2, 0), 0.0),
        ({"path": Path((Waypoint(2, 0, 1.0), Waypoint(0, -3, 4.0)))}, (0, 0), 0.0),
        ({"path": Path((Waypoint(20, 0, 1.0), Waypoint(20, -3, 4.0)))}, None, None),
        ({"targets": (Target("left_wrist", 1.0, (0, 1, 1)),)}, (0, 0), 0.0),
        ({}, None, None),
    ],
)
def test_a_scene_begins_over_the_origin_unless_it_says_otherwise(wishes, place, heading):
    plan = make_plan(Scene((WALK,), seconds=4, **wishes), canonical_skeleton(), 20.0)
    if place is None:
        assert np.isnan(plan.place[0]).all()
    else:
        np.testing.assert_allclose(plan.place[0], place, atol=1e-6)
    assert np.isnan(plan.heading[0]) if heading is None else plan.heading[0] == heading


def test_a_path_with_headings_is_followed(model):
    path = Path((Waypoint(1, 0, 0, 0), Waypoint(1, 2, 3, 0), Waypoint(3, 3, 6, 90)))
    found = model.scene(Scene((Prompt("a person walks"),), path=path), seed=0)
    assert all(left.met for left in found.remaining), found.remaining
    assert {left.kind for left in found.remaining} == {"path", "heading"}
    np.testing.assert_allclose(found.motion.root_m[0, [0, 2]], (1, 0), atol=0.05)


def test_in_between_without_text(model, walk):
    sit = model.generate("a person sits down", seconds=3, seed=2)[0]
    kept = (Kept(walk.frames(0, 10)), Kept(sit.frames(50, 60), 2.0, ("left arm",)))
    found = model.scene(Scene(seconds=3, kept=kept)).motion
    np.testing.assert_array_equal(found.positions_m[:10], walk.positions_m[:10])
    arm = [found.skeleton.index(f"left_{name}") for name in ("collar", "shoulder", "elbow", "wrist")]
    np.testing.assert_array_equal(found.quat_local_xyzw[40:50, arm], sit.quat_local_xyzw[50:60, arm])
    assert _step_m(found) < 0.3


def test_a_loop_in_place_has_no_seam_and_stays(model):
    scene = Scene((Prompt("a person walks forward"),), seconds=3, loop=True, in_place=True)
    found = model.scene(scene, seed=0)
    typical = np.linalg.norm(np.diff(found.motion.positions_m, axis=0), axis=-1).mean()
    assert seam_m(found.motion).mean() < typical
    assert np.abs(found.motion.root_m[:, [0, 2]]).max() < 0.02
    assert all(left.met for left in found.remaining)
    assert found.motion.is_loop
    assert "loop" not in model.scene(Scene((WALK,)), steps=1).motion.metadata


# What nobody can do


def test_two_poses_five_metres_apart(model, walk):
    far = move(_pose(walk, 0), 0.0, (0.0, 0.0, 5.0))
    frames = (Keyframe(1.0, _pose(walk, 0)), Keyframe(1.1, far))
    found = model.scene(Scene((Prompt("a person runs"),), seconds=2, keyframes=frames))
    off = [left.error for left in found.remaining]
    # A metre can be run in a tenth of a second; both poses bear half of the rest.
    np.testing.assert_allclose(off, 2.0, atol=0.05)
    assert not any(left.met for left in found.remaining)
    assert str(found.remaining[0]) == "keyframe at 1 s: off by 200.0 cm"


def test_a_path_faster_than_anyone_runs(model):
    path = Path((Waypoint(0, 0, 0), Waypoint(0, 100, 2)))
    found = model.scene(Scene((Prompt("a person runs"),), path=path))
    (left,) = found.remaining
    assert left.kind == "path"
    assert left.error > 5
    assert np.linalg.norm(np.diff(found.motion.root_m, axis=0), axis=1).max() < 0.7


def test_a_target_out_of_reach(model):
    scene = Scene(
        (Prompt("a person stands still"),), seconds=2, targets=(Target("left_wrist", 1.0, (0, 4, 0)),)
    )
    found = model.scene(scene)
    (left,) = found.remaining
    assert not left.met
    assert left.error < 2.5
    assert found.motion.joint_m("left_wrist")[20, 1] > 1.6
    assert found.motion.root_m[:, 1].min() > 0.7
    assert np.isfinite(found.motion.positions_m).all()


# What contradicts itself

WALK, SIT = Prompt("a person walks", 0, 4), Prompt("a person sits down", 2, 6)


def _message(make) -> str:
    with pytest.raises(SceneError) as error:
        complete_scene(make(), canonical_skeleton(), 20.0, lambda text: 4.0)
    assert "\n" not in str(error.value)
    return str(error.value)


JOINTS = ", ".join(canonical_skeleton().joint_names)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Scene((WALK, SIT)),
            "prompt 'a person walks' and prompt 'a person sits down' overlap from 2 to 4 s and both "
            "move the whole body; give them different parts (legs, torso, left arm, right arm) or "
            "times",
        ),
        (
            lambda: Scene((replace(WALK, parts=("legs", "torso")), replace(SIT, parts=("legs",)))),
            "prompt 'a person walks' and prompt 'a person sits down' overlap from 2 to 4 s and both "
            "move the legs; give them different parts (legs, torso, left arm, right arm) or times",
        ),
        (
            lambda: Scene((Prompt("a person walks", 3, 2),)),
            "prompt 'a person walks': ends at 2 s, which is not after its start at 3 s",
        ),
        (
            lambda: Scene((Prompt("a person walks", -1),)),
            "prompt 'a person walks': starts before the scene, at -1 s",
        ),
        (
            lambda: Scene((WALK,), seconds=3),
            "prompt 'a person walks': 4 s is beyond the end of the scene at 3 s",
        ),
        (
            lambda: Scene((Prompt("a person walks", 5),), seconds=3),
            "prompt 'a person walks': 5 s is beyond the end of the scene at 3 s",
        ),
        (
            lambda: Scene((WALK,), seconds=4, targets=(Target("head", 9, (0, 1, 0)),)),
            "target of head at 9 s: 9 s is beyond the end of the scene at 4 s",
        ),
        (
            lambda: Scene((WALK,), targets=(Target("tail", 1, (0, 1, 0)),)),
            f"target: there is no joint 'tail'; the joints are {JOINTS}",
        ),
        (
            lambda: Scene((Prompt("a person waves", 0, 2, ("third arm",)),)),
            "prompt 'a person waves': there is no body part 'third arm'; the parts are legs, "
            "torso, left arm, right arm",
        ),
        (
            lambda: Scene((Prompt("a person waves", strength=99),)),
            "prompt 'a person waves': strength must be from 0 to 20, not 99",
        ),
        (
            lambda: Scene((WALK,), targets=(Target("head", 1, (0, float("nan"), 0)),)),
            "target of head: a number is NaN or infinite",
        ),
        (lambda: Path((Waypoint(0, 0),)), "a path needs two or more waypoints, not 1"),
        (
            lambda: Path((Waypoint(0, 0),) * 10_000),
            "a path has 10000 waypoints, more than 2000; leave some out, they are joined smoothly",
        ),
        (
            lambda: Path((Waypoint(0, 0, 2), Waypoint(0, 1, 1))),
            "the path's times are out of order: 1 s stands after 2 s",
        ),
        (
            lambda: Scene((WALK,), path=Path((Waypoint(0, 0, 5), Waypoint(0, 1))), seconds=4),
            "the path's times are out of order: 4 s stands after 5 s",
        ),
        (lambda: Waypoint(0, float("inf")), "a waypoint: a number is NaN or infinite"),
        (
            lambda: Scene((WALK,), seconds=3 * 3600),
            "a scene lasts from 1 to 600 seconds, not 10800; longer motion is streamed "
            "(TextToMotion.stream)",
        ),
        (lambda: Scene((WALK,), seconds=0.2), "a scene lasts from 1 to 600 seconds, not 0.2"),
        (lambda: Scene(), "the scene is empty: it has no prompt, path, keyframe, target or length"),
        (
            lambda: Scene(
                (WALK,), targets=(Target("head", 1, (0, 1, 0), 2), Target("head", 1.5, (0, 1, 1)))
            ),
            "target of head at 1 s and target of head at 1.5 s are 1 m apart at the same time; leave "
            "one of them out",
        ),
        (
            lambda: Scene((WALK,), 4, path=Path((Waypoint(0, 0), Waypoint(0, 1))), in_place=True),
            "a scene cannot go along a path and stay in place; leave one of them out",
        ),
    ],
)
def test_contradictions_are_named(make, message):
    assert _message(make) == message


def test_motion_that_does_not_fit(walk):
    other = Skeleton(("a", "b"), (-1, 0), np.zeros((2, 3)))
    foreign = replace(walk, skeleton=other, root_m=np.zeros((1, 3)), quat_local_xyzw=np.ones((1, 2, 4)))
    assert _message(lambda: Scene((WALK,), keyframes=(Keyframe(1, foreign),))) == (
        "keyframe at 1 s: the motion is on another skeleton; put it on ours first, with nestmotion "
        "convert --retarget"
    )
    assert _message(lambda: Scene((WALK,), start_from=resample(walk, 30))) == (
        "what the scene starts from: the motion has 30 frames a second, not 20"
    )
    assert _message(lambda: Scene((WALK,), keyframes=(Keyframe(1, walk),))) == (
        "keyframe at 1 s: the pose has 80 frames, not one"
    )
    assert _message(lambda: Scene((WALK,), keyframes=(Keyframe(1, _pose(walk, 0), ("tail",)),))) == (
        f"keyframe at 1 s: there is no joint 'tail'; the joints are {JOINTS}"
    )
    twice = (Keyframe(1, _pose(walk, 0)), Keyframe(1.01, _pose(walk, 40)))
    assert _message(lambda: Scene((WALK,), keyframes=twice)) == (
        "two keyframes stand at 1 s for the same joints; leave one of them out"
    )
    assert _message(lambda: Scene((WALK,), keyframes=twice[:1], in_place=True)) == (
        "keyframes that have a place contradict staying in place; leave one out"
    )
    assert _message(lambda: Scene((WALK,), start_from=walk, loop=True)) == (
        "a loop has no beginning that could be given; leave the loop or the start out"
    )


def test_places_that_do_not_fit(model, walk):
    path = Path((Waypoint(0, 0, 0), Waypoint(0, 4, 4)))
    away = move(_pose(walk, 0), 0.0, (0.0, 0.0, 4.0))
    with pytest.raises(SceneError, match=r"^keyframe at 2 s: the pose stands 2\.\d\d m off the path$"):
        model.scene(Scene((WALK,), path=path, keyframes=(Keyframe(2, away),)))
    with pytest.raises(SceneError, match=r"^the path begins \d\.\d\d m from where the scene starts$"):
        model.scene(Scene((WALK,), path=path, start_from=move(walk, 0.0, (3.0, 0.0, 0.0))))


def test_what_a_scene_leaves_open():
    scene = Scene((Prompt("a person sits", 3), Prompt("a person walks forward")))
    scene = complete_scene(scene, canonical_skeleton(), 20.0, lambda text: 2.5)
    assert [(p.start_s, p.end_s) for p in scene.prompts] == [(0.0, 3), (3, 5.5)]
    assert scene.seconds == 5.5
    hand = Prompt("a person waves the right hand", 1, 2)
    scene = complete_scene(Scene((WALK, hand)), canonical_skeleton(), 20.0, lambda text: 2.5)
    assert [p.parts for p in scene.prompts] == [(), ("right arm",)]
    path = Path((Waypoint(0, 0), Waypoint(0, 6)))
    scene = Scene((Prompt("a person walks"),), path=path)
    scene = complete_scene(scene, canonical_skeleton(), 20.0, lambda text: 2.5)
    assert scene.seconds == pytest.approx(6 / 0.9, abs=0.06)
    assert scene.prompts[0].end_s == scene.seconds
