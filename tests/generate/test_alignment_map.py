"""Spans from weights, and the map as data and as a picture."""

from __future__ import annotations

import itertools
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core.errors import OutputError
from nestmotion.generate.alignment_map import AlignmentMap, divide
from nestmotion.text.tree import Node, SemanticTree

PROMPT = "walks <left>, sits"
TREE = SemanticTree(
    PROMPT,
    (
        Node(0, None, 1, "sentence", PROMPT, 0, 18),
        Node(1, 0, 2, "action", "walks <left", 0, 11, "first", 0),
        Node(2, 1, 3, "motion", "walks", 0, 5),
        Node(3, 1, 3, "direction", "<left", 6, 11),
        Node(4, 0, 2, "action", "sits", 14, 18, "then", 1),
    ),
)
WALKS = np.array([1, 1, 1, 0.9, 0.9, 0.6, 0.2, 0, 0, 0])


def _map() -> AlignmentMap:
    left = WALKS * [0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0, 0, 0]
    return AlignmentMap(TREE, np.stack([np.ones(10), WALKS, WALKS * 0.9, left, 1 - WALKS]), fps=2.0)


def test_spans_are_nested_and_turns_follow_one_another():
    assert _map().spans_s() == [(0, 5), (0, 3), (0, 3), (1.5, 3), (3, 5)]


def test_as_data(tmp_path):
    path = tmp_path / "map.json"
    _map().save(path)
    data = json.loads(path.read_text("utf-8"))
    assert (data["fps"], data["frames"], len(data["nodes"])) == (2.0, 10, 5)
    assert data["nodes"][3] == {
        **TREE.nodes[3].to_dict(),
        "start_s": 1.5,
        "end_s": 3.0,
        "weight": [0.1, 0.1, 0.1, 0.81, 0.81, 0.54, 0.18, 0, 0, 0],
    }


def test_as_a_picture(tmp_path):
    path = tmp_path / "map.svg"
    _map().save(path)
    root = ElementTree.parse(path).getroot()
    texts = [e.text.strip() for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [*(f"{s} s" for s in range(6)), *(n.text for n in TREE.nodes)]
    darkest = [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("fill-opacity")]
    assert len(darkest) == 50


def test_another_suffix(tmp_path):
    path = tmp_path / "map.png"
    with pytest.raises(OutputError) as error:
        _map().save(path)
    assert str(error.value) == f"{path}: an alignment map is written as .json or .svg"
    assert not path.exists()


@given(turns=st.integers(1, 4), steps=st.integers(1, 8), seed=st.integers(0, 2**32 - 1))
def test_the_best_division_of_all(turns, steps, seed):
    """Against trying every division."""
    score = np.random.default_rng(seed).normal(size=(turns, steps))
    edges = divide(score)
    assert len(edges) == turns + 1
    assert list(edges) == sorted(edges)
    assert (edges[0], edges[-1]) == (0, steps)
    if steps < turns:
        return

    def total(cuts: tuple[int, ...]) -> float:
        ends = (0, *cuts, steps)
        return sum(score[g, ends[g] : ends[g + 1]].sum() for g in range(turns))

    best = max(total(cuts) for cuts in itertools.combinations(range(1, steps), turns - 1))
    assert total(tuple(edges[1:-1])) == pytest.approx(best)
