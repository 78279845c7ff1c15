"""Captions of several actions, put together from captions of one."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.corpus import ActionSpan, Caption
from nestmotion.corpus.captions import (
    _CONNECTIVES,
    PartCaption,
    join_captions,
    mirror_caption,
    read_caption,
)
from nestmotion.text import mirror_text

TIMES = [(0.0, 2.5), (2.5, 4.0), (4.0, 7.5)]


def _part(action: str, subject: str = "a person") -> PartCaption:
    return PartCaption(subject, action, 1, False)


def _joined(parts: list[PartCaption], seed: int, details: float = 0.0) -> Caption:
    return join_captions(parts, TIMES[: len(parts)], np.random.default_rng(seed), details)


@pytest.mark.parametrize(
    ("text", "subject", "action"),
    [
        ("A person walks forward.", "a person", "walks forward"),
        ("the man slowly sits down", "the man", "slowly sits down"),
        ("person  raises left arm .", "person", "raises left arm"),
        ("a person is jumping", "a person", "is jumping"),
        ("a man walking forward", "a man", "is walking forward"),
        ("walks forward quickly", "a person", "walks forward quickly"),
        ("someone waves, and then bows", "someone", "waves, and then bows"),
    ],
)
def test_who_and_what(text, subject, action):
    part = read_caption(text)
    assert part is not None
    assert (part.subject, part.action) == (subject, action)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "a person walked forward",
        "a person was walking",
        "a person who is standing takes a step",
        "with his right hand, a person is sewing",
        "a person standing still waves his hand",
        "both arms are raised",
        "dogs walk",
    ],
)
def test_captions_that_cannot_be_joined(text):
    assert read_caption(text) is None


@pytest.mark.parametrize(
    ("text", "actions", "exact"),
    [
        ("a person walks forward", 1, False),
        ("a person walks while waving", 1, False),
        ("a person walks, then sits down", 2, False),
        ("a person jumps three times", 1, True),
        ("a person walks in a circle", 1, True),
    ],
)
def test_how_many_actions_and_whether_any_stretch_shows_them(text, actions, exact):
    part = read_caption(text)
    assert part is not None
    assert (part.actions, part.exact) == (actions, exact)


def test_the_words_that_are_compared():
    assert _part("is walking to the left").words == _part("walks left").words == {"walk", "left"}


seeds = st.integers(0, 100_000)
ACTIONS = ("walks forward", "sits down", "raises his hand", "waves with their left arm", "is running")
parts = st.lists(st.sampled_from(ACTIONS).map(_part), min_size=2, max_size=3)


@given(parts, seeds, st.sampled_from([0.0, 1.0]))
def test_spans_follow_one_another_and_hold_their_actions(chosen, seed, details):
    caption = _joined(chosen, seed, details)
    spans = caption.actions
    assert [(s.start_s, s.end_s) for s in spans] == TIMES[: len(chosen)]
    assert all(a.end_char == b.start_char for a, b in pairwise(spans))
    for part, span in zip(chosen, spans, strict=True):
        verb = part.action.split()[0]
        assert verb in caption.text[span.start_char : span.end_char]
    outside = caption.text[: spans[0].start_char] + caption.text[spans[-1].end_char :]
    assert bool(outside.strip(". ")) == bool(details)


@given(parts, seeds)
def test_the_first_part_keeps_its_subject_and_only_one_person_is_there(chosen, seed):
    text = _joined(chosen, seed).text
    assert text.startswith("a person ")
    assert "a person" not in text[1:]
    assert not re.search(r"\bhis\b.*\btheir\b|\btheir\b.*\bhis\b|\bhe\b.*\btheir\b", text)


def test_connectives_vary():
    texts = {_joined([_part("walks"), _part("sits")], seed).text.rstrip(".") for seed in range(300)}
    joints = {text.removeprefix("a person walks").removesuffix("sits") for text in texts}
    assert {", then ", " and then ", ", and then ", ". then he ", ". after that the person "} <= joints
    assert len(joints) >= len(_CONNECTIVES)


@pytest.mark.parametrize(
    ("subject", "pronouns", "wrong"),
    [("a man", "he his", "she their"), ("a woman", "she her", "he his")],
)
def test_pronouns_agree_with_the_first_subject(subject, pronouns, wrong):
    chosen = [_part("walks", subject), _part("is waving"), _part("raises their arm")]
    words = {w for seed in range(60) for w in re.findall("[a-z]+", _joined(chosen, seed).text)}
    assert set(pronouns.split()) <= words
    assert not set(wrong.split()) & words


def test_the_last_of_three_may_come_finally_and_no_other():
    three = [_part("walks"), _part("sits"), _part("waves")]
    spans = [
        [c.text[s.start_char : s.end_char] for s in c.actions]
        for c in (_joined(three, seed) for seed in range(100))
    ]
    assert any("finally" in last for *_, last in spans)
    assert not any("finally" in middle for _, middle, _ in spans)
    two = [_joined(three[:2], seed).text for seed in range(100)]
    assert not any("finally" in text for text in two)


# Mirrored


def test_spans_move_with_words_that_change_their_length():
    caption = Caption(
        "turns left, then turns left, then right",
        actions=(ActionSpan(0, 10, 0.0, 2.0), ActionSpan(10, 39, 2.0, 4.0)),
    )
    mirrored = mirror_caption(caption)
    assert mirrored.text == "turns right, then turns right, then left"
    assert [(a.start_char, a.end_char) for a in mirrored.actions] == [(0, 11), (11, 40)]
    assert [(a.start_s, a.end_s) for a in mirrored.actions] == [(0.0, 2.0), (2.0, 4.0)]


def test_a_caption_without_spans_and_its_times():
    caption = Caption("raises the left hand", 1.0, 2.0)
    assert mirror_caption(caption) == Caption("raises the right hand", 1.0, 2.0)


SIDED = ("turns left", "turns right", "walks clockwise", "walks counterclockwise", "stops right away")


@given(st.lists(st.sampled_from(SIDED).map(_part), min_size=2, max_size=3), seeds)
def test_a_mirrored_span_holds_the_mirrored_text(chosen, seed):
    caption = _joined(chosen, seed, 0.5)
    mirrored = mirror_caption(caption)
    assert mirrored.text == mirror_text(caption.text)
    for before, after in zip(caption.actions, mirrored.actions, strict=True):
        text = mirrored.text[after.start_char : after.end_char]
        assert text == mirror_text(caption.text[before.start_char : before.end_char])
    assert mirror_caption(mirrored) == caption
