"""The shipped model, end to end."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

from nestmotion.core import NestmotionWarning, canonical_skeleton
from nestmotion.core.edit import mirror, resample
from nestmotion.core.errors import PromptError
from nestmotion.evaluation.motion_facts import foot_slide_mm
from nestmotion.features import decode, encode
from nestmotion.features.known import known_frames
from nestmotion.generate import Bundle, TextToMotion, default_bundle_path
from nestmotion.io import load_motion, save_motion
from nestmotion.text.mirror import mirror_text


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


@pytest.fixture(scope="module")
def walk(model):
    return model.generate("a person walks forward", seconds=4, seed=3)[0]


def test_a_motion_of_the_length_asked_for(model, walk):
    assert walk.skeleton == canonical_skeleton()
    assert walk.fps == 20
    assert len(walk) == 80
    for seconds in (1, 1.05, 9.99, 10):
        (motion,) = model.generate("a person waves", seconds=seconds)
        assert len(motion) == round(seconds * 20)


def test_starts_over_the_origin_facing_forward(walk):
    np.testing.assert_allclose(walk.root_m[0, [0, 2]], 0, atol=1e-9)
    assert abs(walk.heading_rad[0]) < 1e-9


def test_stands_on_the_floor_with_knees_that_bend_forward(walk):
    lowest = walk.positions_m[..., 1].min(axis=1)
    assert -0.1 < np.median(lowest) < 0.1
    for side in ("left", "right"):
        hip, knee, ankle = (walk.joint_m(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        yaw = walk.heading_rad
        ahead = np.stack((np.sin(yaw), np.zeros_like(yaw), np.cos(yaw)), axis=1)
        bend = ((knee - (hip + ankle) / 2) * ahead).sum(axis=1)
        assert (bend > -0.05).mean() > 0.95


def test_bones_keep_their_length(walk):
    sk = walk.skeleton
    for j in range(1, len(sk)):
        bone = walk.positions_m[:, j] - walk.positions_m[:, sk.parents[j]]
        np.testing.assert_allclose(
            np.linalg.norm(bone, axis=1), np.linalg.norm(sk.offsets_m[j]), atol=1e-9
        )


def test_same_seed_same_motion_and_other_seed_another(model, walk):
    again = TextToMotion.load().generate("a person walks forward", seconds=4, seed=3)[0]
    np.testing.assert_array_equal(again.root_m, walk.root_m)
    np.testing.assert_array_equal(again.quat_local_xyzw, walk.quat_local_xyzw)
    other = model.generate("a person walks forward", seconds=4, seed=4)[0]
    assert np.abs(other.positions_m - walk.positions_m).max() > 0.05


def test_a_sample_does_not_depend_on_how_many_are_asked_for(model, walk):
    several = model.generate("a person walks forward", seconds=4, seed=3, samples=3)
    assert [m.metadata["sample"] for m in several] == [0, 1, 2]
    np.testing.assert_allclose(several[0].positions_m, walk.positions_m, atol=1e-3)
    assert np.abs(several[1].positions_m - several[2].positions_m).max() > 0.05


def test_the_text_matters(model, walk):
    other = model.generate("a person stands still", seconds=4, seed=3)[0]
    assert np.abs(other.positions_m - walk.positions_m).max() > 0.3


def test_length_is_predicted_within_limits(model):
    for text in ("a person jumps", "a person walks in a large circle, then sits down and waves"):
        seconds = model.predict_seconds(text)
        assert 1 <= seconds <= 10
        assert len(model.generate(text)[0]) == round(seconds * 20)


def test_the_recipe_travels_with_the_motion(model, walk):
    assert dict(walk.metadata) == {
        "prompt": "a person walks forward",
        "by_turns": True,
        "seed": 3,
        "seconds": 4,
        "steps": model.bundle.manifest["sampling"]["steps"],
        "guidance": model.bundle.manifest["sampling"]["guidance"],
        "postprocess": True,
        "bundle": model.bundle.name,
        "bundle_digest": model.bundle.digest,
        "nestmotion": walk.metadata["nestmotion"],
        "sample": 0,
    }


@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".npz", ".amass.npz"])
def test_files_read_back_within_a_millimetre(walk, tmp_path, suffix):
    path = tmp_path / f"walk{suffix}"
    save_motion(walk, path)
    again = load_motion(path)
    order = [again.skeleton.index(name) for name in walk.skeleton.joint_names]
    difference = again.positions_m[:, order] - walk.positions_m
    assert np.linalg.norm(difference, axis=-1).max() < 1e-3


def test_standing_feet_stand_unless_left_as_they_are(model, walk):
    raw = model.generate("a person walks forward", seconds=4, seed=3, postprocess=False)[0]
    assert raw.metadata["postprocess"] is False
    assert foot_slide_mm(walk) < foot_slide_mm(raw)
    upper = [walk.skeleton.index(name) for name in ("pelvis", "head", "left_wrist", "right_wrist")]
    difference = np.linalg.norm((raw.positions_m - walk.positions_m)[:, upper], axis=-1)
    assert difference.max() < 0.05


def test_a_motion_is_explained(model, walk):
    text = "a person walks forward, then sits down"
    (explained,) = model.explain(text, seconds=4, seed=3)
    found = explained.alignment
    assert found.weight.shape == (len(found.tree.nodes), 80)
    assert found.weight.min() >= 0
    assert found.weight.max() <= 1 + 1e-5
    for node in found.tree.nodes[1:]:
        assert (found.weight[node.id] <= found.weight[node.parent] + 1e-5).all()
    spans = found.spans_s()
    first, second = (spans[node.id] for node in found.tree.actions)
    assert first[0] == 0
    assert first[1] == second[0]
    assert second[1] == 4
    again = model.align(explained.motion, text)
    assert again.tree == found.tree


def test_alignment_is_the_same_in_the_mirror(model, walk):
    text = "a person waves with the left hand, then turns clockwise"
    found = model.align(walk, text)
    mirrored = model.align(mirror(walk), mirror_text(text))
    assert mirrored.tree.prompt == "a person waves with the right hand, then turns counterclockwise"
    np.testing.assert_allclose(mirrored.weight, found.weight, atol=2e-3)
    assert found.weight[[node.id for node in found.tree.actions]].std(axis=1).min() > 0.01


def test_what_is_known_is_kept_to(model, walk):
    known = known_frames(walk, slice(0, 20), 80)
    made = model.generate("a person sits down", seed=1, known=known, postprocess=False)[0]
    assert len(made) == 80
    start = decode(encode(walk), walk.skeleton, 20.0)
    np.testing.assert_allclose(made.quat_local_xyzw[:20, 1:], start.quat_local_xyzw[:20, 1:], atol=1e-5)
    assert np.linalg.norm(made.positions_m[:19] - start.positions_m[:19], axis=-1).max() < 0.02
    with pytest.raises(PromptError) as error:
        model.generate("a person sits down", seconds=3, known=known)
    assert str(error.value) == (
        "what is known has 80 frames, not the 3 seconds asked for; leave the length out"
    )


def test_only_motion_that_could_be_its_own_is_aligned(model, walk):
    message = (
        "the motion must be on the bundle's own skeleton at 20 frames a second; convert it with "
        "--retarget and --fps first"
    )
    with pytest.raises(PromptError) as error:
        model.align(resample(walk, 30), "a person walks")
    assert str(error.value) == message
    with pytest.raises(PromptError, match=r"^seconds must be from 1 to 10, not 0\.5$"):
        model.align(walk.frames(0, 10), "a person walks")


def test_english_prompts_give_no_warning_and_others_do(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.generate("a person slowly walks to the left and waves", seconds=1)
    with pytest.warns(NestmotionWarning, match="unknown to the model"):
        model.generate("ein Mensch geht vorwärts", seconds=1)


def test_requests_are_refused_before_any_work(model):
    with pytest.raises(PromptError, match=r"^seconds must be from 1 to 10, not 11$"):
        model.generate("a person waves", seconds=11)
    with pytest.raises(PromptError, match=r"^the prompt is empty"):
        model.predict_seconds("")


def test_the_default_bundle_is_small_and_says_what_it_is_made_of():
    bundle = Bundle.open(default_bundle_path())
    assert sum(f.stat().st_size for f in bundle.folder.iterdir()) < 60e6
    licences = (bundle.folder / "LICENCES.md").read_text("utf-8")
    assert "mocap.cs.cmu.edu" in licences
    assert "NSF EIA-0196217" in licences
    assert "HumanML3D" in licences
    record = bundle.manifest["training"]
    assert 0 not in record["config"]["data"]["train_folds"]
    assert record["validation"]


def test_generation_never_imports_torch():
    code = (
        "import sys; from nestmotion.generate import TextToMotion; "
        "TextToMotion.load().generate('a person waves', seconds=1); "
        "bad = {'torch', 'scipy', 'matplotlib', 'transformers', 'spacy'} & set(sys.modules); "
        "sys.exit(f'imported: {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
