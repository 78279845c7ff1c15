"""Texts read once: what is kept of them, and when they are read again."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from nestmotion.text import TextEncoder
from nestmotion.text.nodes import TextNodes, tree_nodes
from nestmotion.training.texts import TextLibrary, read_texts
from rule_reader import RuleReader
from synthetic_text_encoder import SIZE, write_text_encoder

TEXTS = ["a person walks to the left, then waves", "he turns clockwise", ".", "she wanders about"]


@pytest.fixture(scope="module")
def library(encoder, reader) -> TextLibrary:
    return read_texts(TEXTS, encoder, reader, 4)


def _same(a: TextLibrary, b: TextLibrary) -> bool:
    arrays = [(a.sentences, b.sentences), (a.first, b.first), (a.starts, b.starts), (a.verbs, b.verbs)]
    arrays += [(a.nodes[name], b.nodes[name]) for name in a.nodes]
    return a.rows == b.rows and all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in arrays)


@pytest.mark.parametrize("depth", [1, 2, 4, 5])
def test_nodes_are_those_of_the_tree(encoder, reader, library, depth):
    library = read_texts(TEXTS, encoder, reader, depth) if depth != 4 else library
    for text in TEXTS:
        encoded = encoder.encode([text])
        expected = tree_nodes(reader.read(text, encoded, 0, pieces=True).cut(depth), encoded)
        found = library.nodes_of(text)
        for field in fields(TextNodes):
            ours, theirs = getattr(found, field.name), getattr(expected, field.name)
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3, err_msg=field.name)
            assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(library.sentence(text), encoded.sentence[0], atol=1e-6)
        assert found.level.max() <= depth


def test_texts_may_come_in_any_order_and_twice(encoder, reader, library):
    assert _same(library, read_texts([*TEXTS[::-1], TEXTS[0]], encoder, reader, 4))
    assert sorted(library.rows) == sorted(TEXTS)


def test_what_was_read_is_found_again(encoder, reader, library, tmp_path):
    first = read_texts(TEXTS, encoder, reader, 4, tmp_path)
    assert _same(first, library)
    (file,) = tmp_path.iterdir()
    asked: list[tuple[int, int]] = []
    again = read_texts(TEXTS, encoder, reader, 4, tmp_path, lambda *numbers: asked.append(numbers))
    assert _same(again, library)
    assert asked == []
    assert list(tmp_path.iterdir()) == [file]


def test_a_cache_in_a_folder_that_is_not_there_yet(encoder, reader, tmp_path):
    read_texts(TEXTS[:1], encoder, reader, 2, tmp_path / "new" / "cache")
    assert [path.suffix for path in (tmp_path / "new" / "cache").iterdir()] == [".npz"]


def test_another_encoder_or_reader_or_text_is_another_file(encoder, reader, tmp_path):
    """So are word pieces; all depths down to the words share one."""
    write_text_encoder(tmp_path / "encoder", ["person", "walks"])
    other = TextEncoder.load(tmp_path / "encoder")
    another = RuleReader()
    another.digest = "other rules"
    folder = tmp_path / "cache"
    for number, arguments in enumerate(
        [
            (TEXTS, encoder, reader, 4),
            (TEXTS, other, reader, 4),
            (TEXTS, encoder, another, 4),
            (TEXTS[:2], encoder, reader, 4),
            (TEXTS, encoder, reader, 5),
        ]
    ):
        read_texts(*arguments, folder)
        assert len(list(folder.iterdir())) == number + 1
    for depth in (1, 2, 3, 4, 5):
        found = read_texts(TEXTS, encoder, reader, depth, folder)
        assert _same(found, read_texts(TEXTS, encoder, reader, depth))
    assert len(list(folder.iterdir())) == 5


def test_progress_is_told(encoder, reader):
    asked: list[tuple[int, int]] = []
    many = [f"a person walks {k} steps" for k in range(70)]
    read_texts(many, encoder, reader, 1, progress=lambda *numbers: asked.append(numbers))
    assert asked == [(64, 70), (70, 70)]


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("a person walks to the left", "walk"),
        ("he turns clockwise", "turn"),
        ("a man walked forward", "walk"),
        ("a person is walking forward", "walk"),
        ("someone runs, then jumps", "run"),
        ("a person is running", "run"),
        (".", ""),
    ],
)
def test_the_verb_that_leads(encoder, reader, text, verb):
    assert read_texts([text], encoder, reader, 1).lead_verb(text) == verb


def test_where_actions_begin_and_their_turns(library):
    text = TEXTS[0]
    turns = library.action_turns(text)
    assert [turn for _, turn in turns] == [0, 1]
    assert [text[start:].split()[0] for start, _ in turns] == ["a", "then"]
    assert library.action_turns(".") in ([], [(0, 0)])


def test_statistics_of_nodes(library):
    vectors = np.concatenate([library.nodes_of(text).vectors for text in TEXTS])
    mean, std = library.node_statistics()
    assert mean.shape == std.shape == (SIZE,)
    np.testing.assert_allclose(mean, vectors.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(std, vectors.std(axis=0), atol=1e-5)
