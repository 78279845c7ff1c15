"""Editing with the shipped model, end to end."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core.edit import canonicalize, concatenate, mirror, move, resample
from nestmotion.core.errors import PromptError, SettingsError
from nestmotion.generate import TextToMotion
from nestmotion.generate.editing import edit_phrase, prompt_of, regenerate, stretch
from nestmotion.generate.sampler import FADE_FRAMES

PROMPT = "a person walks forward, then waves with the left hand"


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


@pytest.fixture(scope="module")
def clip(model):
    """Not at the origin: an edit must not move what it leaves alone."""
    return move(model.generate(PROMPT, seconds=6, seed=1)[0], 0.7, (1.0, 0.0, -2.0))


def _mean_change_m(a, b, frames):
    return np.linalg.norm(a.positions_m[frames] - b.positions_m[frames], axis=-1).mean()


def _largest_step_m(motion, frames):
    return np.linalg.norm(np.diff(motion.positions_m[frames], axis=0), axis=-1).max()


def test_a_phrase_changes_its_action_and_nothing_else(model, clip):
    found = edit_phrase(model, clip, PROMPT, "waves with the left hand", "sits down", seed=3)
    assert found.prompt == "a person walks forward, then sits down"
    assert found.motion.metadata["prompt"] == found.prompt
    assert 0.5 < found.start_s < found.end_s == clip.duration_s
    assert found.joints == clip.skeleton.joint_names
    first = round(found.start_s * 20)
    assert _mean_change_m(found.motion, clip, slice(0, first)) < 1e-9
    assert _mean_change_m(found.motion, clip, slice(first + 20, None)) > 0.05
    border = slice(first - 3, first + 3)
    assert _largest_step_m(found.motion, border) < 0.345  # real motion's 99th percentile
    assert found.motion.metadata["edits"] == [
        {
            "phrase": "waves with the left hand",
            "to": "sits down",
            "seed": 3,
            "start_s": found.start_s,
            "end_s": found.end_s,
        }
    ]


def test_what_follows_is_carried_along(model, clip):
    found = edit_phrase(model, clip, PROMPT, "forward", "backwards")
    assert found.start_s == 0
    past = round(found.end_s * 20)
    after, before = (canonicalize(m.frames(past, len(m))) for m in (found.motion, clip))
    assert _mean_change_m(after, before, slice(None)) < 1e-9
    way = found.motion.root_m[past] - clip.root_m[past]
    assert np.linalg.norm(way[[0, 2]]) > 1.0  # it walked the other way
    assert _largest_step_m(found.motion, slice(past - 3, past + 3)) < 0.25
    # The first frame stays where it was.
    np.testing.assert_allclose(found.motion.root_m[0, [0, 2]], clip.root_m[0, [0, 2]], atol=0.02)


def test_the_stretch_shows_its_action_alone(model, clip):
    """The walk that the text tells of, too, is done before, and not again: nobody goes anywhere."""

    def way_m(edited):
        rest = edited.motion.frames(round(start_s * 20) + 10, len(clip))
        return np.linalg.norm(np.diff(rest.root_m[:, [0, 2]], axis=0), axis=1).sum()

    found = edit_phrase(model, clip, PROMPT, "waves with the left hand", "stands still")
    start_s = found.start_s
    assert way_m(found) < 0.8
    assert way_m(regenerate(model, found.motion, found.prompt, start_s, found.end_s, seed=4)) < 0.8


def test_another_take_of_a_whole_clip_is_by_turns_as_the_clip_was(model):
    for by_turns in (True, False):
        before = model.generate(PROMPT, 4.0, steps=2, by_turns=by_turns)[0]
        found = regenerate(model, before, PROMPT, 0.0, 4.0, seed=4, steps=2)
        again = model.generate(PROMPT, 4.0, seed=4, steps=2, by_turns=by_turns)[0]
        np.testing.assert_allclose(found.motion.root_m, again.root_m, atol=1e-6)


def test_sides_are_swapped_by_reflection_of_the_arms_alone(model, clip):
    found = edit_phrase(model, clip, PROMPT, "left", "right")
    assert found.prompt == "a person walks forward, then waves with the right hand"
    sk = clip.skeleton
    assert set(found.joints) == {
        f"{s}_{n}" for s in ("left", "right") for n in ("collar", "shoulder", "elbow", "wrist")
    }
    assert _mean_change_m(found.motion, clip, slice(0, round(found.start_s * 20))) < 1e-9
    inner = slice(round(found.start_s * 20) + FADE_FRAMES, len(clip))
    arm = [sk.index(name) for name in found.joints]
    new, reflected = (m.quat_local_xyzw[inner][:, arm] for m in (found.motion, mirror(clip)))
    np.testing.assert_allclose(np.abs((new * reflected).sum(axis=-1)), 1, atol=1e-9)
    legs = [sk.index(f"{s}_{n}") for s in ("left", "right") for n in ("hip", "knee", "ankle", "foot")]
    np.testing.assert_allclose(found.motion.positions_m[:, legs], clip.positions_m[:, legs], atol=1e-9)


def test_a_whole_clip_on_the_other_side_is_its_reflection(model):
    text = "a person kicks with the left leg"
    clip = model.generate(text, seconds=3, seed=0)[0]
    found = edit_phrase(model, clip, text, "left", "right")
    assert (found.start_s, found.end_s) == (0, 3)
    np.testing.assert_allclose(found.motion.positions_m, mirror(clip).positions_m, atol=1e-9)


def test_the_same_edit_twice_is_the_same(model, clip):
    a, b = (edit_phrase(model, clip, PROMPT, "forward", "in a circle", seed=2) for _ in range(2))
    np.testing.assert_array_equal(a.motion.root_m, b.motion.root_m)
    other = edit_phrase(model, clip, PROMPT, "forward", "in a circle", seed=3)
    assert np.abs(other.motion.root_m - a.motion.root_m).max() > 0.01


def test_another_take_of_a_stretch_stays_in_its_place(model, clip):
    found = regenerate(model, clip, PROMPT, 1.0, 3.0, seed=5)
    assert (found.start_s, found.end_s, found.prompt) == (1.0, 3.0, PROMPT)
    outside = np.r_[0:20, 60 : len(clip)]
    assert _mean_change_m(found.motion, clip, outside) < 1e-9
    assert _mean_change_m(found.motion, clip, slice(25, 55)) > 0.01
    for border in (20, 60):
        assert _largest_step_m(found.motion, slice(border - 3, border + 3)) < 0.3


def test_another_take_of_some_joints(model, clip):
    arm = ("left_shoulder", "left_elbow", "left_wrist")
    found = regenerate(model, clip, PROMPT, 1.0, 4.0, joints=arm, seed=5)
    assert found.joints == ("left_shoulder", "left_elbow", "left_wrist")
    sk = clip.skeleton
    kept = [j for j in range(len(sk)) if j not in (sk.index("left_elbow"), sk.index("left_wrist"))]
    np.testing.assert_allclose(found.motion.positions_m[:, kept], clip.positions_m[:, kept], atol=1e-9)


def test_an_action_made_longer(model, clip):
    found = stretch(model, clip, PROMPT, "walks", 1.5)
    assert found.start_s == 0
    longer = len(found.motion) - len(clip)
    assert longer == round(round(found.end_s * 20) / 3)
    past = round(found.end_s * 20)
    assert (
        _mean_change_m(
            found.motion.frames(past, len(found.motion)),
            clip.frames(past - longer, len(clip)),
            slice(None),
        )
        < 1e-9
    )
    assert found.motion.metadata["seconds"] == found.motion.duration_s


def test_a_prompt_comes_with_the_file(model, clip, synthetic_walk):
    assert prompt_of(clip) == PROMPT
    with pytest.raises(PromptError) as error:
        prompt_of(synthetic_walk())
    assert str(error.value) == "the clip does not say what it shows; give the text with --prompt"


@pytest.mark.parametrize(
    ("phrase", "to", "line"),
    [
        ("forward", "", "nothing to put in the place of 'forward'; give the new words"),
        (
            "forward",
            "Forward",
            "the prompt says 'Forward' already; regenerate the stretch for another take",
        ),
        ("", "x", "no phrase to change; give some words of the prompt"),
    ],
)
def test_words_that_cannot_be_put(model, clip, phrase, to, line):
    with pytest.raises(PromptError) as error:
        edit_phrase(model, clip, PROMPT, phrase, to)
    assert str(error.value) == line


@pytest.mark.parametrize("factor", [0.0, 0.49, 2.01, -1.0, float("nan")])
def test_a_factor_out_of_range(model, clip, factor):
    with pytest.raises(PromptError) as error:
        stretch(model, clip, PROMPT, "walks", factor)
    assert str(error.value) == f"the factor must be from 0.5 to 2, not {factor:g}"


@pytest.mark.parametrize("times", [(2.0, 9.0), (3.0, 2.0), (-1.0, 2.0), (float("nan"), 2.0)])
def test_a_stretch_that_is_not_in_the_clip(model, clip, times):
    with pytest.raises(PromptError) as error:
        regenerate(model, clip, PROMPT, *times)
    assert str(error.value) == (
        "the stretch must lie within the clip's 0 to 6 s, from earlier to later, not from "
        f"{times[0]:g} to {times[1]:g} s"
    )


def test_a_stretch_that_is_too_short(model, clip):
    with pytest.raises(PromptError) as error:
        regenerate(model, clip, PROMPT, 1.0, 1.2)
    assert str(error.value) == "the stretch must be 0.4 s or longer, not 0.2 s"


def test_joints_that_are_not_there(model, clip):
    with pytest.raises(SettingsError, match=r"^no joint 'tail' in this skeleton; it has: pelvis"):
        regenerate(model, clip, PROMPT, 1.0, 2.0, joints=["tail"])
    with pytest.raises(SettingsError, match=r"^no joints to change; name some"):
        regenerate(model, clip, PROMPT, 1.0, 2.0, joints=[])


def test_a_model_that_heeds_nothing_but_text(model, clip):
    manifest = {**model.bundle.manifest, "controllable": False, "name": "plain"}
    plain = copy.copy(model)
    plain.bundle = replace(model.bundle, manifest=manifest)
    line = "the model of bundle 'plain' heeds nothing but text; use a nested one"
    with pytest.raises(PromptError) as error:
        edit_phrase(plain, clip, PROMPT, "forward", "backwards")
    assert str(error.value) == line
    with pytest.raises(PromptError) as error:
        stretch(plain, clip, PROMPT, "forward", 1.5)
    assert str(error.value) == line


def test_what_the_first_action_begins_from_stays(model):
    """By turns who sits down stands first; who lies down instead lies down from standing, too."""
    text = "a person sits down"
    (made,) = model.explain(text, 6.0)
    changed = edit_phrase(model, made.motion, text, "sits down", "lies down")
    longer = stretch(model, made.motion, text, "sits down", 1.25)
    for found in (changed, longer):
        assert found.start_s == made.motion.metadata["opening_s"] == 1.2
        assert _mean_change_m(found.motion, made.motion, slice(0, 24)) < 1e-9
    assert changed.motion.root_m[60:, 1].mean() < 0.4
    assert len(longer.motion) == 144
    other = edit_phrase(model, made.motion, text, "a person", "an old man")
    assert (other.start_s, other.end_s) == (0, 6)
    again = model.generate("an old man sits down", 6.0)[0]
    np.testing.assert_allclose(other.motion.root_m, again.root_m, atol=1e-6)
    assert other.motion.metadata["turns_s"] == again.metadata["turns_s"]
    (walk,) = model.explain("a person walks, then jumps", 4.0, steps=1)
    assert walk.motion.metadata["opening_s"] == 0


def test_an_edited_clip_knows_its_turns(model, clip):
    """What was edited can be edited again, where the turns were, longer ones where they are."""
    walks, waves = clip.metadata["turns_s"]
    found = edit_phrase(model, clip, PROMPT, "waves with the left hand", "jumps")
    assert [found.start_s, found.end_s] == waves
    again = edit_phrase(model, found.motion, found.prompt, "walks", "runs")
    assert [again.start_s, again.end_s] == walks
    odd = model.generate(PROMPT, 5.03, steps=1)[0]
    twice = edit_phrase(model, odd, PROMPT, "waves with the left hand", "jumps", steps=1)
    found = edit_phrase(model, twice.motion, twice.prompt, "jumps", "sits down", steps=1)
    assert [found.start_s, found.end_s] == [twice.start_s, twice.end_s] == [twice.start_s, 5.05]
    longer = stretch(model, clip, PROMPT, "walks", 1.5)
    end_s = longer.end_s
    assert end_s == pytest.approx(1.5 * walks[1], abs=0.05)
    assert longer.motion.metadata["turns_s"] == [[0, end_s], [end_s, longer.motion.duration_s]]


def test_clips_that_cannot_be_edited(model, clip):
    long = concatenate([clip, clip])
    with pytest.raises(PromptError) as error:
        edit_phrase(model, long, PROMPT, "forward", "backwards")
    assert str(error.value) == (
        "a clip to edit must last 1 to 10 s, not 12 s; "
        "cut a part out of it (nestmotion convert --start --end)"
    )
    with pytest.raises(PromptError, match="the bundle's own skeleton at 20 frames a second"):
        stretch(model, resample(clip, 30), PROMPT, "walks", 1.5)
