"""The tree as a value: levels, ancestry, cutting, and the form it is printed in."""

from __future__ import annotations

import pytest

from nestmotion.core.errors import SettingsError
from nestmotion.text import Node, SemanticTree

PROMPT = "he sits, then waves"


@pytest.fixture
def tree() -> SemanticTree:
    nodes = (
        Node(0, None, 1, "sentence", PROMPT, 0, 19),
        Node(1, 0, 2, "action", "he sits", 0, 7, "first", 0),
        Node(2, 1, 3, "agent", "he", 0, 2),
        Node(3, 2, 4, "word", "he", 0, 2),
        Node(4, 1, 3, "motion", "sits", 3, 7),
        Node(5, 4, 4, "word", "sits", 3, 7),
        Node(6, 0, 2, "action", "then waves", 9, 19, "then", 1),
        Node(7, 6, 3, "time_order", "then", 9, 13),
        Node(8, 7, 4, "word", "then", 9, 13),
    )
    return SemanticTree(PROMPT, nodes)


def test_levels_in_reading_order(tree):
    assert [node.text for node in tree.actions] == ["he sits", "then waves"]
    assert [node.role for node in tree.phrases] == ["agent", "motion", "time_order"]
    assert [node.text for node in tree.words] == ["he", "sits", "then"]
    assert tree.level(5) == ()


def test_children_and_ancestors(tree):
    assert [node.id for node in tree.children(tree.nodes[1])] == [2, 4]
    assert tree.ancestor(tree.nodes[8], 2) == tree.nodes[6]
    assert tree.ancestor(tree.nodes[8], 1) == tree.nodes[0]
    assert tree.ancestor(tree.nodes[4], 3) == tree.nodes[4]


def test_a_cut_renumbers_and_keeps_parents(tree):
    cut = tree.cut(3)
    assert [node.id for node in cut.nodes] == list(range(6))
    assert {node.text: cut.nodes[node.parent or 0].text for node in cut.phrases} == {
        "he": "he sits",
        "sits": "he sits",
        "then": "then waves",
    }
    assert [(node.relation, node.order) for node in cut.actions] == [("first", 0), ("then", 1)]
    assert tree.cut(5) == tree
    assert tree.cut(1).nodes == tree.nodes[:1]


@pytest.mark.parametrize("depth", [0, 6, -1])
def test_a_depth_that_does_not_exist(tree, depth):
    with pytest.raises(SettingsError, match=f"^the depth must be from 1 to 5, not {depth}$"):
        tree.cut(depth)


def test_as_data(tree):
    assert tree.cut(2).to_dict() == {
        "nodes": [
            {
                "id": 0,
                "parent": None,
                "level": 1,
                "role": "sentence",
                "text": PROMPT,
                "start": 0,
                "end": 19,
            },
            {
                "id": 1,
                "parent": 0,
                "level": 2,
                "role": "action",
                "text": "he sits",
                "start": 0,
                "end": 7,
                "relation": "first",
                "order": 0,
            },
            {
                "id": 2,
                "parent": 0,
                "level": 2,
                "role": "action",
                "text": "then waves",
                "start": 9,
                "end": 19,
                "relation": "then",
                "order": 1,
            },
        ]
    }
