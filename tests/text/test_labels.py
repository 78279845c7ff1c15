"""Trees from labels and labels from trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.text.labels import (
    RELATIONS,
    WordLabel,
    build_tree,
    labels_of,
    orders,
    share_pieces,
    words_of,
)
from nestmotion.text.lexicon import ROLES
from sound_trees import check_tree

LABELS = st.builds(WordLabel, st.sampled_from([None, *RELATIONS[1:]]), st.sampled_from([None, *ROLES]))


@given(st.lists(LABELS, max_size=15))
def test_any_labels_make_a_sound_tree(labels):
    prompt = ", ".join("word" for _ in labels)
    tree = build_tree(prompt, labels)
    check_tree(tree)
    assert labels_of(build_tree(prompt, labels_of(tree))) == labels_of(tree)


def test_labels_say_where_actions_and_phrases_begin():
    prompt = "he walks, then slowly sits down"
    labels = [
        WordLabel("first", "agent"),
        WordLabel(None, "motion"),
        WordLabel("then", "time_order"),
        WordLabel(None, "manner"),
        WordLabel(None, "motion"),
        WordLabel(),
    ]
    tree = build_tree(prompt, labels)
    assert [node.text for node in tree.actions] == ["he walks", "then slowly sits down"]
    assert [node.text for node in tree.phrases] == ["he", "walks", "then", "slowly", "sits down"]
    assert labels_of(tree) == labels


@pytest.mark.parametrize(
    ("relations", "expected"),
    [
        (["first"], [0]),
        (["first", "then", "and"], [0, 1, 2]),
        (["first", "while", "then"], [0, 0, 1]),
        (["first", "before"], [1, 0]),
        (["first", "before", "then"], [2, 0, 1]),
        (["first", "then", "before", "while"], [0, 2, 1, 1]),
    ],
)
def test_orders(relations, expected):
    assert orders(relations) == expected


def test_pieces_go_to_the_word_they_begin_in():
    words = words_of("he doesn't jump!")
    assert words == [(0, 2), (3, 10), (11, 15)]
    pieces = [(0, 2), (3, 8), (8, 9), (9, 10), (10, 11), (13, 15), (15, 16)]
    assert share_pieces(words, pieces) == [[0], [1, 2, 3], [5]]
    assert share_pieces([], pieces) == []
