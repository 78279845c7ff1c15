"""From prompts to trees: what holds for any text, and how captions are read."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from nestmotion.text import parse
from nestmotion.text.dependencies import split_tokens
from nestmotion.text.pieces import piece_spans
from sound_trees import VOCABULARY, check_tree


@given(st.lists(st.sampled_from(VOCABULARY), max_size=25).map(" ".join))
def test_any_row_of_words_gives_a_sound_tree(text):
    check_tree(parse(text))


@given(st.text(max_size=40))
def test_any_text_gives_a_sound_tree(text):
    check_tree(parse(text))


@pytest.mark.corpus
def test_real_captions_give_sound_trees(shared):
    lines = (shared / "corpus" / "captions_text_only.jsonl").read_text("utf-8").splitlines()
    captions = [caption for line in lines for caption in json.loads(line)["captions"]]
    drawn = random.Random(7).sample(captions, 1000) + sorted(captions, key=len)[-50:]
    for caption in drawn:
        tree = parse(caption)
        check_tree(tree)
        assert tree.actions


def actions(text: str) -> list[str]:
    return [node.text for node in parse(text).actions]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a person walks forward then sits down.", ["a person walks forward", "then sits down"]),
        ("he is walking", ["he is walking"]),
        ("a man starts to walk", ["a man starts to walk"]),
        ("a person walks while waving", ["a person walks", "while waving"]),
        ("a person jumps, kicks, and turns", ["a person jumps", "kicks", "and turns"]),
        ("a man stands with arms raised", ["a man stands with arms raised"]),
        ("walking forward", ["walking forward"]),
        ("slow jog in place", ["slow jog in place"]),
        ("a jump", ["a jump"]),
        ("a person uses his left hand to wave", ["a person uses his left hand to wave"]),
        ("person raises right hand and waves.", ["person raises right hand", "and waves"]),
        ("he walks like he is drunk", ["he walks like he is drunk"]),
        ("a person does two jumping jacks", ["a person does two jumping jacks"]),
        ("he steps left, then right", ["he steps left", "then right"]),
        ("he bends to pick up a box", ["he bends", "to pick up a box"]),
        ("A man waves. He then turns.", ["A man waves", "He then turns"]),
        ("he walks with his arms swinging", ["he walks", "with his arms swinging"]),
        ("he doesn't move", ["he doesn't move"]),
    ],
)
def test_actions(text, expected):
    assert actions(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("he walks then sits", [("first", 0), ("then", 1)]),
        ("he walks and sits", [("first", 0), ("and", 1)]),
        ("he walks while waving", [("first", 0), ("while", 0)]),
        ("he walks forward waving his arms", [("first", 0), ("while", 0)]),
        ("he sits before standing", [("first", 0), ("then", 1)]),
        ("he sits after walking", [("first", 1), ("before", 0)]),
        ("before sitting, he waves", [("first", 1), ("before", 0)]),
        ("after walking, he sits", [("first", 0), ("then", 1)]),
        ("while walking, he waves and then sits", [("first", 0), ("while", 0), ("then", 1)]),
        ("he walks while waving, then sits", [("first", 0), ("while", 0), ("then", 1)]),
    ],
)
def test_order_in_time(text, expected):
    assert [(node.relation, node.order) for node in parse(text).actions] == expected


def test_phrases_and_their_roles():
    text = (
        "a person slowly walks forward three steps in a circle, "
        "then puts his left hand on the table near him"
    )
    found = [(node.role, node.text) for node in parse(text).phrases]
    assert found == [
        ("agent", "a person"),
        ("manner", "slowly"),
        ("motion", "walks"),
        ("direction", "forward"),
        ("count", "three steps"),
        ("path", "in a circle"),
        ("time_order", "then"),
        ("motion", "puts"),
        ("body_part", "his left hand"),
        ("place", "on the table"),
        ("goal", "near him"),
    ]


@pytest.mark.parametrize("text", ["", "   ", "?!", "_"])
def test_a_text_without_words_is_a_sentence_alone(text):
    assert [node.role for node in parse(text).nodes] == ["sentence"]


def test_contractions_are_split_for_the_model_and_whole_in_the_tree():
    text = "he's not walking, doesn't run 2.5 times"
    tokens = [text[a:b] for a, b in split_tokens(text)]
    assert tokens == ["he", "'s", "not", "walking", ",", "does", "n't", "run", "2.5", "times"]
    assert [node.text for node in parse(text).words][:4] == ["he's", "not", "walking", "doesn't"]


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """A folder with a tokenizer whose pieces are single letters."""
    folder = tmp_path_factory.mktemp("letters")
    alphabet = "abcdefghijklmnopqrstuvwxyz',."
    pieces = ["[UNK]", *alphabet, *(f"##{c}" for c in alphabet)]
    vocabulary = {piece: k for k, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_pieces_lie_in_words(letters):
    text = "he doesn't jump, waves."
    tree = parse(text, piece_spans(letters, text))
    check_tree(tree)
    for word in tree.words:
        assert "".join(piece.text for piece in tree.children(word)) == word.text
    assert len(tree.level(5)) == len("hedoesn'tjumpwaves")


@given(
    st.text("ab'., é一", max_size=20),
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=20),
)
def test_pieces_of_any_tokenizer_keep_the_tree_sound(text, spans):
    ordered = []
    for start, end in sorted(spans):
        if start < end <= len(text) and (not ordered or ordered[-1][1] <= start):
            ordered.append((start, end))
    check_tree(parse(text, ordered))


def test_spacy_is_loaded_only_when_a_text_is_parsed():
    code = "import sys, nestmotion.text; print('spacy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
