"""Trees read by the network in the package's bundle, and what comes before and after the network."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core.errors import BundleError
from nestmotion.generate import default_bundle_path
from nestmotion.text import EncodedText, SemanticTree, TextEncoder
from nestmotion.text.labels import RELATIONS, WordLabel
from nestmotion.text.lexicon import ROLES
from nestmotion.text.reader import (
    SURFACE_SIZE,
    TreeReader,
    labels_from,
    reader_settings,
    surface,
    word_states,
)
from sound_trees import VOCABULARY, check_tree

ENCODER = TextEncoder.load(default_bundle_path())
READER = TreeReader.load(default_bundle_path())


def read(text: str, pieces: bool = False) -> SemanticTree:
    return READER.read(text, ENCODER.encode([text]), pieces=pieces)


@given(st.lists(st.sampled_from(VOCABULARY), max_size=25).map(" ".join), st.booleans())
def test_any_row_of_words_gives_a_sound_tree(text, pieces):
    check_tree(read(text, pieces))


@given(st.text(max_size=40), st.booleans())
def test_any_text_gives_a_sound_tree(text, pieces):
    check_tree(read(text, pieces))


def test_a_letter_that_is_taken_apart_is_one_piece():
    """The tokenizer has three pieces for this one syllable, all at its place."""
    tree = read("왈 waves", pieces=True)
    check_tree(tree)
    assert [node.text for node in tree.level(5)] == ["왈", "waves"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a person walks forward", [("a person walks forward", "first", 0)]),
        ("walk forward", [("walk forward", "first", 0)]),
        ("walks forward then sits", [("walks forward", "first", 0), ("then sits", "then", 1)]),
        ("A man walks while waving.", [("A man walks", "first", 0), ("while waving", "while", 0)]),
        (
            "He jumps, kicks and turns around",
            [("He jumps", "first", 0), ("kicks", "and", 1), ("and turns around", "and", 2)],
        ),
        ("he sits after walking", [("he sits", "first", 1), ("after walking", "before", 0)]),
    ],
)
def test_actions_and_their_order(text, expected):
    assert [(node.text, node.relation, node.order) for node in read(text).actions] == expected


@pytest.mark.parametrize(
    "text",
    [
        "a woman turns right. after that she veers to the left",
        "a person raises the right hand. after that he raises the left hand",
        "a man jumps up, and after that raises the left hand",
        "a person walks straight ahead, after which he jogs forward.",
        "a person walks, after which the person is running, and then sits",
    ],
)
def test_after_that_something_follows(text):
    orders = [action.order for action in read(text).actions]
    assert orders == sorted(orders)
    assert orders[-1] > 0


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("she takes a large step to the right, after which the person is walking up stairs", "after"),
        ("a person is doing a salsa dance, and after that kicks something", "and after"),
        ("he walks, after which he is dancing the salsa alone and steps to the right", "after"),
    ],
)
def test_after_which_an_action_begins_that_the_network_does_not_see(text, begin):
    second = read(text).actions[1]
    assert second.text.startswith(begin)
    assert (second.relation, second.order) == ("then", 1)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("the person walks and sits down after that", 2),
        ("she jumps after that big step", 1),
        ("a person walks, and after that", 1),
        ("after that he walks", 1),
    ],
)
def test_after_that_opens_no_action_where_none_follows(text, count):
    assert len(read(text).actions) == count


def test_phrases_and_their_roles():
    found = [
        (node.role, node.text)
        for node in read("a person slowly walks forward three steps, then raises his left hand").phrases
    ]
    assert found == [
        ("agent", "a person"),
        ("manner", "slowly"),
        ("motion", "walks"),
        ("direction", "forward"),
        ("count", "three steps"),
        ("time_order", "then"),
        ("motion", "raises"),
        ("body_part", "his left hand"),
    ]


@pytest.mark.parametrize("text", ["", "   ", "?!", "_"])
def test_a_text_without_words_is_a_sentence_alone(text):
    assert [node.role for node in read(text, pieces=True).nodes] == ["sentence"]


def test_words_beyond_the_encoders_cut_join_the_last_action():
    text = "he walks and " + "then jumps and " * 60
    tree = read(text, pieces=True)
    check_tree(tree)
    last_piece = tree.level(5)[-1]
    assert last_piece.end < len(text) / 1.3
    assert tree.ancestor(last_piece, 2) == tree.actions[-1]
    assert tree.actions[-1].end == len(text) - 1


def test_a_text_is_read_the_same_in_a_batch():
    texts = ["he waves", "a person walks forward slowly, then turns around and sits down on a chair"]
    encoded = ENCODER.encode(texts)
    assert [READER.read(text, encoded, row) for row, text in enumerate(texts)] == list(map(read, texts))


def test_words_have_the_mean_of_their_pieces():
    tokens = np.array([[9, 9], [1, 2], [3, 4], [5, 6], [7, 8], [9, 9]], np.float32)
    spans = np.array([(0, 0), (0, 2), (2, 4), (4, 5), (6, 7), (0, 0)])
    valid = np.array([True, True, True, True, True, False])
    encoded = EncodedText(np.zeros((1, 2), np.float32), tokens[None], valid[None], spans[None])
    words = [(0, 4), (6, 7), (8, 9)]  # "abcd. e f", of which the encoder did not see the end
    assert word_states(words, encoded, 0).tolist() == [[2, 3], [7, 8], [0, 0]]


def test_what_is_seen_of_a_word_without_the_encoder():
    found = surface("Walking, he's", [(0, 7), (9, 13)])
    assert found.shape == (2, SURFACE_SIZE)
    assert found[0].any()
    assert (found[:, 0] == [0, 1]).all()  # a comma before the second


def test_the_likeliest_labels_that_make_a_tree():
    logits = np.full((4, 2 + len(RELATIONS) + len(ROLES)), -9.0, np.float32)
    roles = 1 + len(RELATIONS)
    logits[0, 0] = logits[0, roles] = 1  # nothing begins: but the text does
    logits[0, roles + 1 + ROLES.index("agent")] = 0
    logits[1, 1] = 5  # "first", of a later word
    logits[1, 1 + RELATIONS.index("while")] = 1
    logits[1, roles] = 5
    logits[1, roles + 1 + ROLES.index("motion")] = 0  # where an action begins a phrase does
    logits[2, 0] = logits[2, roles + 1 + ROLES.index("goal")] = 1
    logits[3, 2:] = 9  # not seen by the encoder
    known = np.array([True, True, True, False])
    assert labels_from(logits, known) == [
        WordLabel("first", "agent"),
        WordLabel("while", "motion"),
        WordLabel(None, "goal"),
        WordLabel(),
    ]


def test_errors(tmp_path):
    with pytest.raises(BundleError) as error:
        TreeReader.load(tmp_path)
    assert (
        str(error.value) == f"{tmp_path}: holds no reader.onnx; name the folder of a bundle that does"
    )
    (tmp_path / "reader.onnx").touch()
    (tmp_path / "reader.json").write_text(json.dumps(reader_settings() | {"roles": ["motion"]}))
    with pytest.raises(BundleError) as error:
        TreeReader.load(tmp_path)
    assert str(error.value) == f"{tmp_path}/reader.json: of another version; export the bundle again"


def test_reading_needs_neither_spacy_nor_torch():
    code = (
        "import sys\n"
        "from nestmotion.generate import default_bundle_path as folder\n"
        "from nestmotion.text import TextEncoder\n"
        "from nestmotion.text.reader import TreeReader\n"
        "encoded = TextEncoder.load(folder()).encode(['he waves'])\n"
        "print(len(TreeReader.load(folder()).read('he waves', encoded).nodes))\n"
        "print({'spacy', 'torch'} & set(sys.modules))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "6\nset()\n"
