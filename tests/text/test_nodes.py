"""Trees as arrays: what each node holds, and padding."""

from __future__ import annotations

import numpy as np
import pytest

from nestmotion.text import EncodedText, lexicon
from nestmotion.text.nodes import CUES, KINDS, MOST_TURNS, TextNodes, stack_nodes, tree_nodes
from nestmotion.text.tree import Node, SemanticTree

PROMPT = "walks left, sits"
TREE = SemanticTree(
    PROMPT,
    (
        Node(0, None, 1, "sentence", PROMPT, 0, 16),
        Node(1, 0, 2, "action", "walks left", 0, 10, "first", 0),
        Node(2, 1, 3, "motion", "walks", 0, 5),
        Node(3, 2, 4, "word", "walks", 0, 5),
        Node(4, 1, 3, "direction", "left", 6, 10),
        Node(5, 4, 4, "word", "left", 6, 10),
        Node(6, 0, 2, "action", "sits", 12, 16, "then", 1),
        Node(7, 6, 3, "motion", "sits", 12, 16),
        Node(8, 7, 4, "word", "sits", 12, 16),
    ),
)
# [CLS] walks left , sits [SEP] [PAD], a vector of two numbers each.
SPANS = np.array([[0, 0], [0, 5], [6, 10], [10, 11], [12, 16], [0, 0], [0, 0]])
STATES = np.array([[9, 9], [1, 0], [0, 2], [5, 5], [4, 4], [9, 9], [0, 0]], dtype=np.float32)


def _encoded(valid: int = 6) -> EncodedText:
    real = np.arange(7) < valid
    return EncodedText(np.ones((1, 2), np.float32), STATES[None], real[None], SPANS[None])


def test_a_node_is_the_mean_of_the_states_inside_it():
    nodes = tree_nodes(TREE, _encoded())
    expected = [[2.5, 2.75], [0.5, 1], [1, 0], [1, 0], [0, 2], [0, 2], [4, 4], [4, 4], [4, 4]]
    np.testing.assert_allclose(nodes.vectors, expected)


def test_what_the_encoder_cut_off_is_zero():
    nodes = tree_nodes(TREE, _encoded(valid=3))
    assert not nodes.vectors[6:].any()
    np.testing.assert_allclose(nodes.vectors[0], [0.5, 1])


def test_kinds_levels_parents_and_turns():
    nodes = tree_nodes(TREE, _encoded())
    assert [KINDS[k] for k in nodes.kind] == [n.role for n in TREE.nodes]
    assert nodes.level.tolist() == [1, 2, 3, 4, 3, 4, 2, 3, 4]
    assert nodes.parent.tolist() == [0, 0, 1, 2, 1, 4, 0, 6, 7]
    assert nodes.order.tolist() == [-1, 0, 0, 0, 0, 0, 1, 1, 1]
    assert nodes.valid.all()
    assert set(lexicon.ROLES) < set(KINDS)


def test_late_turns_share_the_last():
    last = Node(1, 0, 2, "action", "walks", 0, 5, "then", MOST_TURNS + 3)
    tree = SemanticTree(PROMPT, (TREE.nodes[0], last))
    assert tree_nodes(tree, _encoded()).order.tolist() == [-1, MOST_TURNS - 1]


def _held(text: str) -> set[str]:
    tree = SemanticTree(text, (Node(0, None, 1, "sentence", text, 0, len(text)),))
    cues = tree_nodes(tree, _encoded()).cues[0]
    return {name for name, held in zip(CUES, cues, strict=True) if held}


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("a person stands by", {"up"}),
        ("raises the Left hand.", {"left", "up", "hand"}),
        ("turns counter-clockwise", {"turn", "counterclockwise"}),
        ("turns clockwise, slowly", {"turn", "clockwise", "slowly"}),
        ("hums", set()),
    ],
)
def test_cues(text, held):
    assert _held(text) == held


def test_texts_are_stacked_with_padding_that_is_not_valid():
    long = tree_nodes(TREE, _encoded())
    short = tree_nodes(TREE.cut(1), _encoded())
    both = stack_nodes([short, long])
    assert both.valid.sum(axis=1).tolist() == [1, 9]
    for name in vars(long):
        array = getattr(both, name)
        assert array.shape[:2] == (2, 9)
        np.testing.assert_array_equal(array[1], getattr(long, name))
        np.testing.assert_array_equal(array[0, :1], getattr(short, name))
        assert not array[0, 1:].any()
    assert isinstance(both, TextNodes)
