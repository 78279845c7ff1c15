"""Groups of captions on sentences whose structure is plain."""

from __future__ import annotations

import pytest

from nestmotion.evaluation.groups import LENGTHS, action_group, caption_groups, length_group, structure
from nestmotion.generate import default_bundle_path
from nestmotion.text import TextEncoder, parse
from rule_reader import RuleReader


@pytest.mark.parametrize(
    ("words", "group"),
    [(1, "1-5"), (5, "1-5"), (6, "6-10"), (10, "6-10"), (15, "11-15"), (20, "16-20"), (21, ">20")],
)
def test_length_counts_words_and_no_marks(words, group):
    assert length_group(" , ".join(["walk"] * words) + ".") == group
    assert group in LENGTHS


@pytest.mark.parametrize(
    ("text", "actions", "built"),
    [
        ("a person jumps", "1", "single"),
        ("a person walks slowly", "1", "modified"),
        ("a person jumps twice", "1", "modified"),
        ("a person walks forward, then sits down", "2", "sequence"),
        ("a person waves while walking", "2", "simultaneous"),
        ("a person walks, then turns, then sits down, then stands up, then waves", "4+", "sequence"),
    ],
)
def test_known_sentences(text, actions, built):
    tree = parse(text)
    assert (action_group(tree), structure(tree)) == (actions, built)


def test_captions_are_read_in_their_order():
    texts = ["a person walks forward, then sits down", "a person jumps"] * 40
    found = caption_groups(texts, TextEncoder.load(default_bundle_path()), RuleReader())
    assert [g.structure for g in found] == ["sequence", "single"] * 40
    assert [g.length for g in found[:2]] == ["6-10", "1-5"]
