"""Movements made larger."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from nestmotion.core import Motion, canonical_skeleton
from nestmotion.core.edit import mirror, move
from nestmotion.core.rotations import quat_from_rotation_vector, quat_to_rotation_vector
from nestmotion.core.smoothing import share_beside
from nestmotion.generate import TextToMotion
from nestmotion.generate.amplitude import Amplitude, amplified
from nestmotion.generate.bundle import default_bundle_path
from nestmotion.generate.sampler import FADE_FRAMES
from nestmotion.generate.scene import Keyframe, Prompt, Scene

SKELETON = canonical_skeleton()
ELBOW, KNEE = SKELETON.index("left_elbow"), SKELETON.index("right_knee")
TWICE = Amplitude(legs=2.0, upper=2.0)


def _swinging(joint: int, turn: np.ndarray) -> Motion:
    """A body at rest of which one joint turns about x by so much."""
    vector = np.zeros((len(turn), len(SKELETON), 3))
    vector[:, joint, 0] = turn
    root = np.tile((0.0, 0.9, 0.0), (len(turn), 1))
    return Motion(SKELETON, 20.0, root, quat_from_rotation_vector(vector))


def _turn(motion: Motion, joint: int) -> np.ndarray:
    return quat_to_rotation_vector(motion.quat_local_xyzw)[:, joint, 0]


@pytest.mark.parametrize("joint", [ELBOW, KNEE])
def test_a_swing_is_made_larger_about_its_mean(joint):
    swing = 0.3 * np.sin(2 * np.pi * 1.0 * np.arange(100) / 20.0)
    found = amplified(_swinging(joint, 0.5 + swing), Amplitude(legs=1.5, upper=1.5))
    inside = slice(20, 80)  # at the ends the mean is that of one side
    np.testing.assert_allclose(_turn(found, joint)[inside], 0.5 + 1.5 * swing[inside], atol=0.02)


@pytest.mark.parametrize(("legs", "upper"), [(1.0, 2.0), (2.0, 1.0)])
def test_legs_and_the_rest_have_their_own(random_motion, legs, upper):
    motion = random_motion(frames=30)
    found = amplified(motion, Amplitude(legs, upper))
    same = np.abs((found.quat_local_xyzw * motion.quat_local_xyzw).sum(axis=-1)) > 1 - 1e-9
    for row, name in enumerate(SKELETON.joint_names):
        leg = name.split("_")[-1] in ("hip", "knee", "ankle", "foot")
        stays = name == "pelvis" or (legs if leg else upper) == 1.0
        assert same[:, row].all() == stays, name
    np.testing.assert_array_equal(found.root_m, motion.root_m)


def test_what_is_slow_or_held_stays(random_motion):
    still = _swinging(ELBOW, np.full(60, 0.7))
    np.testing.assert_allclose(amplified(still, TWICE).positions_m, still.positions_m, atol=1e-9)
    motion = random_motion(frames=60)
    held = np.arange(60) == 30
    found = amplified(motion, TWICE, share_beside(held, FADE_FRAMES))
    np.testing.assert_allclose(found.positions_m[30], motion.positions_m[30], atol=1e-9)
    whole = amplified(motion, TWICE)
    away = np.abs(np.arange(60) - 30) >= FADE_FRAMES
    np.testing.assert_allclose(found.positions_m[away], whole.positions_m[away], atol=1e-9)
    assert amplified(motion, Amplitude()) is motion


def test_it_does_not_matter_where_one_stands_or_on_which_side(random_motion):
    motion = random_motion(frames=40)
    found = amplified(motion, TWICE)
    np.testing.assert_allclose(
        amplified(mirror(motion), TWICE).positions_m, mirror(found).positions_m, atol=1e-9
    )
    np.testing.assert_allclose(
        amplified(move(motion, 1.0, (2, 0, 1)), TWICE).positions_m,
        move(found, 1.0, (2, 0, 1)).positions_m,
        atol=1e-9,
    )


@pytest.mark.parametrize("frames", [[], [0], [7, 20], [39]])
def test_the_share_grows_with_the_distance_from_what_is_held(frames):
    held = np.zeros(40, dtype=bool)
    held[frames] = True
    share = share_beside(held, FADE_FRAMES)
    away = np.array([min((abs(t - f) for f in frames), default=99) for t in range(40)])
    assert (share[away == 0] == 0).all()
    assert (share[away >= FADE_FRAMES] == 1).all()
    order = np.argsort(away, kind="stable")
    assert (np.diff(share[order]) >= 0).all()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The default bundle with no amplitude of its own, and with a large one."""
    found = []
    for name, amplitude in (("plain", {}), ("large", {"legs": 1.2, "upper": 1.6})):
        folder = tmp_path_factory.mktemp("bundles") / name
        shutil.copytree(default_bundle_path(), folder)
        manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
        manifest["sampling"]["amplitude"] = amplitude
        (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
        found.append(TextToMotion.load(folder))
    return found


def test_a_bundle_says_how_large(models):
    plain, large = models
    assert plain.bundle.amplitude == Amplitude()
    assert large.bundle.amplitude == Amplitude(1.2, 1.6)
    text = "a person waves with the right hand"
    before, after = (m.generate(text, 3, seed=1, postprocess=False)[0] for m in models)
    expected = amplified(before, large.bundle.amplitude)
    np.testing.assert_allclose(after.positions_m, expected.positions_m, atol=1e-6)
    scene = Scene((Prompt(text),), 3.0)
    made = large.scene(scene, seed=1).raw
    np.testing.assert_allclose(made.positions_m, after.positions_m, atol=1e-3)


def test_poses_are_met_all_the_same(models):
    _, large = models
    walk = large.generate("a person walks", 3, seed=1)[0]
    poses = tuple(Keyframe(t, walk.frames(round(20 * t), round(20 * t) + 1)) for t in (1.0, 2.0))
    found = large.scene(Scene((Prompt("a person runs"),), 3.0, keyframes=poses), seed=2)
    assert all(left.met for left in found.remaining)
    loop = large.scene(Scene((Prompt("a person walks"),), 2.0, loop=True, in_place=True), seed=2)
    assert all(left.met for left in loop.remaining)
