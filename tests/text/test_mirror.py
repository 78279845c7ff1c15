"""Captions of mirrored motion."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.text import mirror_text

PAIRS = [
    ("a person raises the left hand", "a person raises the right hand"),
    ("Left, then right.", "Right, then left."),
    ("steps leftward, then rightwards", "steps rightward, then leftwards"),
    ("a left-handed throw", "a right-handed throw"),
    ("moves forward-left", "moves forward-right"),
    ("turns clockwise", "turns counterclockwise"),
    ("two lefts", "two rights"),
    ("looks left to right before walking", "looks right to left before walking"),
    ("turns left right after the jump", "turns right left after the jump"),
]


@pytest.mark.parametrize(("text", "mirrored"), PAIRS)
def test_sides_change_places(text, mirrored):
    assert mirror_text(text) == mirrored
    assert mirror_text(mirrored) == text


@pytest.mark.parametrize(
    "text",
    [
        "a person walks forward",
        "he stops right away",
        "she jumps right now",
        "arms at right angles, all right",
        "a right angle",
        "stands upright, frightened, by the copyright clock",
        "",
    ],
)
def test_what_says_nothing_of_sides_stays(text):
    assert mirror_text(text) == text


def test_an_idiom_keeps_only_itself():
    text = "turns right and right away raises the right arm"
    assert mirror_text(text) == "turns left and right away raises the left arm"


@pytest.mark.parametrize(
    "word",
    [
        "counterclockwise",
        "counter-clockwise",
        "counter clockwise",
        "anticlockwise",
        "anti-clockwise",
        "anti clock-wise",
        "Counterclockwise",
    ],
)
def test_every_spelling_of_counterclockwise(word):
    assert mirror_text(f"walks {word} in a circle") == "walks clockwise in a circle"


@pytest.mark.parametrize("word", ["clockwise", "clock-wise", "clock wise"])
def test_every_spelling_of_clockwise(word):
    assert mirror_text(f"walks {word} in a circle") == "walks counterclockwise in a circle"


SIDED = ("left", "right", "Left", "Right", "leftwards", "rightward", "clockwise", "counterclockwise")
words = st.sampled_from((*SIDED, "a", "person", "turns", "to", "the", "hand", ",", "before", "after"))


@given(st.lists(words))
def test_mirroring_twice_is_the_identity(parts):
    text = " ".join(parts)
    assert mirror_text(mirror_text(text)) == text


@pytest.mark.corpus
def test_real_captions_come_back_but_for_the_spelling_of_counterclockwise(shared):
    captions = [
        caption["text"]
        for line in (shared / "corpus" / "clips.jsonl").read_text("utf-8").splitlines()
        for caption in json.loads(line)["captions"]
    ]
    plain = [text for text in captions if "clock" not in text.lower()]
    assert len(plain) > 5000
    changed = [text for text in plain if mirror_text(mirror_text(text)) != text]
    assert [text for text in changed if "left angle" not in text] == []
    sided = [t for t in plain if {"left", "right"} & set(t.replace(".", " ").replace(",", " ").split())]
    assert len(sided) > 1000
    unchanged = [text for text in sided if mirror_text(text) == text]
    assert len(unchanged) <= 2, unchanged
