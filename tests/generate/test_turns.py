"""A sentence of several actions, one after another."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.core.errors import PromptError
from nestmotion.generate import TextToMotion
from nestmotion.generate.scene import Scene
from nestmotion.generate.turns import actions_told, prompts_by_turns, text_of, turn_texts


@pytest.fixture(scope="module")
def model():
    return TextToMotion.load()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a person walks forward, sits down, then stands up again",
            ["a person walks forward", "a person sits down", "a person stands up again"],
        ),
        (
            "The man walks. After that he jumps, after which the man is dancing",
            ["The man walks", "he jumps", "the man is dancing"],
        ),
        ("walks forward and then turns around", ["a person walks forward", "a person turns around"]),
        # What is done at once is one turn, and what is done first comes first.
        ("a person walks while waving", ["a person walks while waving"]),
        ("he sits after walking", ["he walking", "he sits"]),
        # Who has turned around need not be told again which way is back.
        (
            "a person turns around and walks back to the start, then walks back and forth",
            [
                "a person turns around",
                "a person walks to the start",
                "a person walks back and forth",
            ],
        ),
        ("a person walks back, then turns around", ["a person walks back", "a person turns around"]),
        # A purpose is no turn of its own.
        (
            "a person bends down to pick something up, then throws it",
            ["a person bends down to pick something up", "a person throws it"],
        ),
        ("", [""]),
    ],
)
def test_each_turn_is_a_sentence(model, text, expected):
    assert turn_texts(model.read_tree(text, model.encoder.encode([text]))) == expected


def test_the_text_of_some_actions(model):
    tree = model.inputs_of("a person walks, sits while waving, then jumps").tree
    walks, sits, waves, jumps = tree.actions
    assert text_of(tree, [walks]) == "a person walks"
    assert text_of(tree, [sits]) == text_of(tree, [waves, sits]) == "a person sits while waving"
    assert text_of(tree, [jumps, walks]) == "a person walks, then a person jumps"
    assert text_of(tree, [walks, waves, jumps]) == text_of(tree, []) == tree.prompt


def test_turns_divide_the_time(model):
    text = "a person walks forward, sits down, then stands up again"
    prompts = prompts_by_turns(model, text, 6.0, strength=2.5)
    assert [p.start_s for p in prompts[1:]] == [p.end_s for p in prompts[:-1]]
    assert (prompts[0].start_s, prompts[-1].end_s) == (0, 6)
    assert {p.strength for p in prompts} == {2.5}
    for p in prompts:
        assert p.end_s - p.start_s >= 1
        assert p.start_s * 20 == round(p.start_s * 20)
    assert prompts_by_turns(model, text)[-1].end_s >= 4.5


def test_a_text_of_one_turn_or_without_time_for_more_stays_whole(model):
    for text, seconds in (("a person walks forward", 4.0), ("a person walks, sits, stands", 2.5)):
        (prompt,) = prompts_by_turns(model, text, seconds)
        assert (prompt.text, prompt.start_s, prompt.end_s) == (text, 0, seconds)
    with pytest.raises(PromptError):
        prompts_by_turns(model, " ")


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("a person sits down on a chair", "a person stands"),
        ("The old man lies down, then sleeps", "The old man stands"),
        ("a man gets up and walks away", "a man sits on a chair"),
        # What is known or told, or what "up" is not about rising.
        ("a person walks, then sits down", None),
        ("a person stands up from the floor", None),
        ("a person stands up straight", None),
        ("a person is sitting down", None),
    ],
)
def test_what_a_first_action_begins_from_is_shown_first(model, text, opening):
    prompts = prompts_by_turns(model, text, 6.0)
    without = prompts_by_turns(model, text, 6.0, opening=False)
    assert without[0].text != opening
    if opening is None:
        assert prompts == without
        return
    assert (prompts[0].text, prompts[0].start_s, prompts[0].end_s) == (opening, 0.0, 1.2)
    assert [p.text for p in prompts[1:]] == [p.text for p in without]
    assert (prompts[1].start_s, prompts[-1].end_s) == (1.2, 6.0)
    longer = prompts_by_turns(model, text)[-1].end_s
    assert longer == pytest.approx(prompts_by_turns(model, text, opening=False)[-1].end_s + 1.2)
    assert prompts_by_turns(model, text, 2.0) == prompts_by_turns(model, text, 2.0, opening=False)


def test_who_sits_down_sits_down_from_standing(model):
    """As one prompt the shipped model has this person half seated in the first frame."""
    text = "a person sits down on a chair"
    motion = model.scene(Scene(prompts_by_turns(model, text, 5.0), 5.0), seed=0).motion
    height = motion.joint_m("pelvis")[:, 1]
    assert height[0] > 0.75
    assert np.median(height[40:80]) < 0.62


def test_who_sits_after_standing_stands_first(model):
    """As one prompt the shipped model has this person half seated in the first frame."""
    text = "a person stands still, then sits down on a chair"
    motion = model.scene(Scene(prompts_by_turns(model, text, 6.0), 6.0), seed=0).motion
    height = motion.joint_m("pelvis")[:, 1]
    assert height[0] > 0.75
    assert np.median(height[-20:]) < 0.62


def test_turns_are_explained(model):
    """The scene of the turns, under the whole text, with a map of the whole text."""
    text = "a person walks forward, then jumps"
    first, second = model.explain(text, 4.0, seed=3, samples=2, guidance=3.0)
    prompts = prompts_by_turns(model, text, 4.0, strength=3.0)
    scene = model.scene(Scene(prompts, 4.0), seed=3, sample=1).motion
    np.testing.assert_array_equal(second.motion.positions_m, scene.positions_m)
    told = second.motion.metadata
    assert (told["prompt"], told["by_turns"], told["seconds"]) == (text, True, 4.0)
    assert (told["seed"], told["sample"], told["guidance"]) == (3, 1, 3.0)
    assert [p[0] for p in told["prompts"]] == ["a person walks forward", "a person jumps"]
    assert first.alignment.tree.prompt == text
    actions = first.alignment.tree.actions
    walks, jumps = (first.alignment.weight[a.id] for a in actions)
    assert walks[:30].mean() > jumps[:30].mean()
    assert walks[-30:].mean() < jumps[-30:].mean()


def test_one_turn_is_made_in_one_go(model):
    text = "a person walks forward"
    (made,) = model.explain(text, seed=2)
    (plain,) = model.explain(text, seed=2, by_turns=False)
    assert made.motion.metadata == {**plain.motion.metadata, "by_turns": True}
    np.testing.assert_array_equal(made.motion.positions_m, plain.motion.positions_m)


def test_many_turns_take_no_longer_than_the_network_can(model):
    text = "a person walks, jumps, turns, kicks, bows, waves, claps, then sits"
    assert prompts_by_turns(model, text)[-1].end_s > 10
    (made,) = model.explain(text, steps=1)
    assert made.motion.duration_s == 10
    assert len(made.motion.metadata["prompts"]) == 8
    with pytest.raises(PromptError) as error:
        model.explain(text, 11.0)
    assert str(error.value) == "seconds must be from 1 to 10, not 11"


def test_a_clip_tells_when_each_action_is_done(model):
    text = "a person sits down, then waves"
    clip = model.generate(text, 5.0, steps=1)[0]
    (_, _, first), (_, start_s, end_s) = (p[:3] for p in clip.metadata["prompts"][1:])
    tree = model.inputs_of(text).tree
    sits, waves = tree.actions
    assert (first, end_s) == (start_s, 5)
    assert actions_told(clip, tree) == {sits.id: (1.2, start_s), waves.id: (start_s, 5)}
    spans = model.align(clip, text).spans_s()
    assert [spans[a.id] for a in (sits, waves)] == [(1.2, start_s), (start_s, 5)]
    # One prompt with an opening before it, too.
    clip = model.generate("a person sits down", 5.0, steps=1)[0]
    tree = model.inputs_of("a person sits down").tree
    assert list(actions_told(clip, tree).values()) == [(1.2, 5)]


@pytest.mark.parametrize(
    "told",
    [
        {"prompt": "a person waves"},
        {"seconds": 6},
        {"seconds": "long"},
        {"turns_s": None},
        {"turns_s": 3},
        {"turns_s": [[0, 5]]},
        {"turns_s": [[1.2, "soon"], [2, 5]]},
        {"turns_s": [[1.2], [2]]},
        {"turns_s": [[1.2, float("nan")], [2, 5]]},
        {"turns_s": [[1.2, 2], [2, 5.1]]},
        {"turns_s": [[-0.1, 2], [2, 5]]},
        {"turns_s": [[2, 2], [2, 5]]},
    ],
)
def test_a_clip_that_was_cut_or_is_not_ours_tells_nothing(model, told):
    text = "a person sits down, then waves"
    clip = model.generate(text, 5.0, steps=1)[0].with_metadata(**told)
    tree = model.inputs_of(text).tree
    assert actions_told(clip, tree) == {}
