"""What holds for every semantic tree, and words of which prompts are made up."""

from __future__ import annotations

import re
from itertools import pairwise

from nestmotion.text import SemanticTree
from nestmotion.text.lexicon import ROLES

__all__ = ["VOCABULARY", "check_tree"]

VOCABULARY = re.findall(
    r"\S+",
    "a person he his left right hand walks jumps waving sits then while before after and to as if like "
    "with arms raised starts is uses put , . forward slowly twice kicks who that not don't 3 / &",
)


def check_tree(tree: SemanticTree) -> None:
    """What SemanticTree promises."""
    assert [node.id for node in tree.nodes] == list(range(len(tree.nodes)))
    root, *others = tree.nodes
    assert (root.parent, root.level, root.start, root.end) == (None, 1, 0, len(tree.prompt))
    for node in tree.nodes:
        assert node.text == tree.prompt[node.start : node.end]
    for node in others:
        parent = tree.nodes[node.parent]
        assert parent.id < node.id
        assert parent.level == node.level - 1
        assert parent.start <= node.start < node.end <= parent.end
    for level in (2, 3, 4, 5):
        spans = [(node.start, node.end) for node in tree.level(level)]
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
    for node in (*tree.actions, *tree.phrases):
        children = tree.children(node)
        assert (children[0].start, children[-1].end) == (node.start, node.end)
    covered = {k for node in tree.words for k in range(node.start, node.end)}
    assert {k for k, c in enumerate(tree.prompt) if c.isalnum()} <= covered
    assert {node.role for node in tree.phrases} <= set(ROLES)
    orders = [node.order for node in tree.actions]
    assert sorted(set(orders)) == list(range(len(set(orders))))
    assert [node.relation for node in tree.actions][:1] in ([], ["first"])
