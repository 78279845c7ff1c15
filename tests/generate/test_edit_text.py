"""Which words change, and which frames and joints they are about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core import canonical_skeleton
from nestmotion.core.errors import PromptError
from nestmotion.generate.alignment_map import AlignmentMap
from nestmotion.generate.edit_text import (
    SHORTEST_S,
    actions_of,
    changed_words,
    find_phrase,
    frames_of,
    joints_named,
    swaps_sides,
)
from nestmotion.text.tree import Node, SemanticTree

PROMPT = "a person walks forward, then waves with the left hand"
TREE = SemanticTree(
    PROMPT,
    (
        Node(0, None, 1, "sentence", PROMPT, 0, 53),
        Node(1, 0, 2, "action", "a person walks forward", 0, 22, "first", 0),
        Node(2, 1, 3, "agent", "a person", 0, 8),
        Node(3, 1, 3, "motion", "walks", 9, 14),
        Node(4, 1, 3, "direction", "forward", 15, 22),
        Node(5, 0, 2, "action", "then waves with the left hand", 24, 53, "then", 1),
        Node(6, 5, 3, "time_order", "then", 24, 28),
        Node(7, 5, 3, "motion", "waves", 29, 34),
        Node(8, 5, 3, "body_part", "with the left hand", 35, 53),
    ),
)


def test_the_tree_of_these_tests_says_where_its_words_are():
    assert all(PROMPT[n.start : n.end] == n.text for n in TREE.nodes)


def test_a_phrase_is_found_in_any_case_and_as_whole_words():
    assert find_phrase(PROMPT, "With The Left hand") == (35, 53)
    with pytest.raises(PromptError, match=r"^'wave' is not in the prompt"):
        find_phrase(PROMPT, "wave")


@pytest.mark.parametrize(
    ("prompt", "phrase", "line"),
    [
        ("he jumps", "", "no phrase to change; give some words of the prompt"),
        ("he jumps", "runs", "'runs' is not in the prompt 'he jumps'"),
        ("he jumps", "jump", "'jump' is not in the prompt 'he jumps'; name whole words"),
        (
            "he jumps, then jumps",
            "jumps",
            "'jumps' stands 2 times in the prompt 'he jumps, then jumps'; give more of the words "
            "around one of them",
        ),
    ],
)
def test_a_phrase_that_cannot_be_found(prompt, phrase, line):
    with pytest.raises(PromptError) as error:
        find_phrase(prompt, phrase)
    assert str(error.value) == line


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("he waves the left hand now", "he waves the right hand now", ("left", "right")),
        ("he walks", "he walks slowly", ("", "slowly")),
        ("he walks slowly", "he walks", ("slowly", "")),
        ("he walks", "she runs", ("he walks", "she runs")),
        ("he walks", "He walks", ("", "")),
        ("go go go", "go go", ("go", "")),
    ],
)
def test_changed_words(old, new, changed):
    spans = changed_words(old, new)
    assert tuple(text[a:b] for text, (a, b) in zip((old, new), spans, strict=True)) == changed


WORDS = st.lists(st.sampled_from(["he", "walks", "left", "then"]), max_size=6).map(" ".join)


@given(WORDS, WORDS)
def test_outside_the_changed_words_texts_are_alike(old, new):
    (a, b), (c, d) = changed_words(old, new)
    assert old[:a].split() == new[:c].split()
    assert old[b:].split() == new[d:].split()


def test_sides_swapped():
    assert swaps_sides("with the left hand", "with the right hand")
    assert swaps_sides("Clockwise", "counterclockwise")
    assert not swaps_sides("left", "both")
    assert not swaps_sides("forward", "forward")
    assert not swaps_sides("left", "left")


def test_the_actions_of_words():
    assert [n.id for n in actions_of(TREE, find_phrase(PROMPT, "forward"))] == [1]
    assert [n.id for n in actions_of(TREE, find_phrase(PROMPT, "the left"))] == [5]
    assert [n.id for n in actions_of(TREE, find_phrase(PROMPT, "forward, then waves"))] == [1, 5]
    assert [n.id for n in actions_of(TREE, find_phrase(PROMPT, "a person"))] == [1, 5]
    assert [n.id for n in actions_of(TREE, (22, 23))] == [1, 5]  # the comma belongs to none


def _map(first: int, total: int) -> AlignmentMap:
    weight = np.zeros((len(TREE.nodes), total))
    weight[0] = 1
    weight[1:5, :first] = 1
    weight[5:, first:] = 1
    return AlignmentMap(TREE, weight, 20.0)


def test_the_frames_of_actions_are_their_turns():
    found = _map(48, 100)
    assert frames_of(found, [TREE.nodes[1]]) == range(48)
    assert frames_of(found, [TREE.nodes[5]]) == range(48, 100)
    assert frames_of(found, TREE.actions) == range(100)
    assert frames_of(found, []) == range(100)


@given(st.integers(1, 59), st.integers(60, 80))
def test_a_stretch_is_inside_the_clip_and_no_shorter_than_told(first, total):
    for action in TREE.actions:
        frames = frames_of(_map(first, total), [action])
        assert frames.start >= 0
        assert frames.stop <= total
        assert len(frames) >= SHORTEST_S * 20
    assert len(frames_of(_map(1, 4), [TREE.nodes[1]])) == 4


def _named(*words: str) -> set[str] | None:
    skeleton = canonical_skeleton()
    found = joints_named([(TREE, find_phrase(PROMPT, text)) for text in words], skeleton)
    return None if found is None else {skeleton.joint_names[j] for j in found}


def test_joints_that_words_name():
    arm = {"left_collar", "left_shoulder", "left_elbow", "left_wrist"}
    assert _named("left") == arm
    assert _named("with the left hand") == arm
    assert _named("waves with the left hand") is None
    assert _named("left", "forward") is None
    assert _named() is None


@pytest.mark.parametrize(
    ("text", "count"),
    [("both arms", 8), ("the right wrist", 4), ("the head", 2), ("left arm and head", 6)],
)
def test_sides_and_head(text, count):
    tree = SemanticTree(text, (Node(0, None, 3, "body_part", text, 0, len(text)),))
    found = joints_named([(tree, (0, len(text)))], canonical_skeleton())
    assert found is not None
    assert len(found) == count


@pytest.mark.parametrize("text", ["both legs", "arms and chest", "the tail"])
def test_what_does_not_move_by_itself_is_the_whole_body(text):
    tree = SemanticTree(text, (Node(0, None, 3, "body_part", text, 0, len(text)),))
    assert joints_named([(tree, (0, len(text)))], canonical_skeleton()) is None
