"""What sampling is pulled to, on motions made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import move
from nestmotion.core.rotations import quat_from_yaw, quat_multiply
from nestmotion.features import FeatureLayout, decode, encode, root_way
from nestmotion.generate.plan import make_plan
from nestmotion.generate.pull import make_pull
from nestmotion.generate.scene import Kept, Keyframe, Prompt, Scene

FPS, FRAMES = 20.0, 80
SKELETON = canonical_skeleton()
LAYOUT = FeatureLayout.of(SKELETON)


def _walk(pace_m_s: float = 1.0, turn_rad_s: float = 0.3) -> Motion:
    """A stiff body that goes along a circle from the origin, facing its way."""
    yaw = turn_rad_s / FPS * np.arange(FRAMES)
    step = pace_m_s / FPS * np.stack((np.sin(yaw), np.zeros(FRAMES), np.cos(yaw)), axis=1)
    root = np.cumsum(step, axis=0) - step[0] + (0.0, 0.9, 0.0)
    quat = np.zeros((FRAMES, len(SKELETON), 4))
    quat[..., 3] = 1.0
    quat[:, 0] = quat_multiply(quat_from_yaw(yaw), quat[:, 0])
    return Motion(SKELETON, FPS, root, quat)


def _pulled(walk: Motion, scene: Scene) -> np.ndarray:
    return make_pull(make_plan(scene, SKELETON, FPS), SKELETON, FPS)(encode(walk))


def _scene(walk: Motion, frame: int, aside_m: float = 0.0, turn_rad: float = 0.0) -> Scene:
    """The walk's own pose at a frame, somewhere else."""
    x, _, z = walk.root_m[frame]
    pose = move(walk.frames(frame, frame + 1), 0.0, (-x, 0.0, -z))
    pose = move(pose, turn_rad, (x + aside_m, 0.0, z))
    keyframe = Keyframe(frame / FPS, pose)
    return Scene((Prompt("a person walks"),), FRAMES / FPS, keyframes=(keyframe,))


@pytest.mark.parametrize("frame", [1, 40, FRAMES - 1])
def test_a_pose_that_the_motion_goes_through_changes_nothing(frame):
    walk = _walk()
    assert np.abs(_pulled(walk, _scene(walk, frame)) - encode(walk)).max() < 1e-3


@pytest.mark.parametrize("turn_rad", [0.0, 1.0, -3.0])
@pytest.mark.parametrize("aside_m", [-0.5, 1.0])
def test_the_way_is_bent_through_a_pose_without_a_leap(turn_rad, aside_m):
    walk = _walk()
    heading, path = root_way(_pulled(walk, _scene(walk, 40, aside_m, turn_rad)), LAYOUT, FPS)
    assert np.abs(path[40] - walk.root_m[40, [0, 2]] - (aside_m, 0)).max() < 0.02
    assert abs(heading[40] - walk.heading_rad[40] - turn_rad) < 0.03
    assert np.abs(path[0]).max() < 0.02
    assert abs(heading[0]) < 0.02
    pace = np.linalg.norm(np.diff(path, axis=0), axis=1) * FPS
    assert np.abs(np.diff(pace)).max() < 0.1
    assert pace.max() < 1.0 + abs(aside_m) / 2 + 0.2


def test_places_and_velocities_of_the_root_agree_afterwards():
    walk = _walk()
    pulled = _pulled(walk, _scene(walk, 30, 0.7, 0.5))
    found = encode(decode(pulled, SKELETON, FPS))
    for block in ("root_path", "root_heading", "root_velocity", "heading_velocity"):
        assert np.abs(found[:-1, LAYOUT[block]] - pulled[:-1, LAYOUT[block]]).max() < 0.02, block


def test_behind_a_beginning_the_motion_keeps_its_own_pace():
    """Told to go on from a run, a walk is set where the run ends and does not fall short of itself."""
    run, walk = _walk(pace_m_s=3.0, turn_rad_s=0.0), _walk(turn_rad_s=0.0)
    start = run.frames(0, 20)
    scene = Scene((Prompt("a person walks"),), (FRAMES - 20) / FPS, start_from=start)
    plan = make_plan(scene, SKELETON, FPS)
    pulled = make_pull(plan, SKELETON, FPS)(encode(walk))
    _, path = root_way(pulled, LAYOUT, FPS)
    assert np.abs(path[:20] - run.root_m[:20, [0, 2]]).max() < 0.05
    pace = np.diff(path[:, 1]) * FPS
    assert (np.diff(pace[20:]) < 0.01).all()
    assert pace[50:] == pytest.approx(1.0, abs=0.05)


def test_kept_stretches_are_gone_through_as_poses_are():
    walk = _walk()
    kept = Kept(replace(walk.frames(40, 60), root_m=walk.root_m[40:60] + (0.3, 0, 0)), 2.0)
    scene = Scene((Prompt("a person walks"),), FRAMES / FPS, kept=(kept,))
    _, path = root_way(_pulled(walk, scene), LAYOUT, FPS)
    assert np.abs(path[40:60] - walk.root_m[40:60][:, [0, 2]] - (0.3, 0)).max() < 0.02
    assert np.abs(path[0]).max() < 0.02
