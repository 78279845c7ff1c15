"""Cases of phrase editing made from captions."""

from __future__ import annotations

from dataclasses import replace

from nestmotion.corpus import Clip
from nestmotion.corpus.source import Caption
from nestmotion.evaluation.control_edits import KINDS, edit_cases
from nestmotion.generate.edit_text import find_phrase

CLIP = Clip("c", "t", "g", 0, 0, 0, 0, 60, (), "test", "")


def _clip(name: str, *texts: str) -> Clip:
    return replace(CLIP, clip_id=name, captions=tuple(Caption(text) for text in texts))


CLIPS = [
    _clip("a", "a man walks forward slowly", "a man raises the left hand"),
    _clip("b", "a person runs", "someone  walks in a circle clockwise"),
    _clip("c", "he walks left, then left again", "he walks and walks"),
]


def test_words_stand_once_and_change():
    cases = edit_cases(CLIPS, 100)
    for case in cases:
        assert case.kind in KINDS
        assert case.to != case.phrase
        find_phrase(case.caption, case.phrase)  # raises unless it stands there once
    found = {(c.clip.clip_id, c.kind, c.phrase, c.to) for c in cases}
    assert found == {
        ("a", "action", "walks", "runs"),
        ("a", "direction", "forward", "backwards"),
        ("a", "manner", "slowly", "quickly"),
        ("a", "side", "left", "right"),
        ("b", "action", "runs", "walks"),
        ("b", "action", "walks", "runs"),
        ("b", "direction", "in a circle", "in a straight line"),
        ("b", "side", "clockwise", "counterclockwise"),
        ("c", "action", "walks", "runs"),
    }


def test_the_kinds_take_turns_and_fewer_are_the_first_of_more():
    cases = edit_cases(CLIPS, 100)
    assert [c.kind for c in cases[:4]] == list(KINDS)
    assert edit_cases(CLIPS, 5) == cases[:5]
    assert edit_cases(CLIPS[::-1], 100) == cases


def test_captions_of_parts_of_a_clip_are_left_out():
    part = replace(CLIP, captions=(Caption("he walks", start_s=1.0, end_s=2.0),))
    assert edit_cases([part], 10) == []


def test_counterclockwise_is_not_clockwise():
    (case,) = edit_cases([_clip("a", "he turns counterclockwise")], 10)
    assert (case.phrase, case.to) == ("counterclockwise", "clockwise")
    assert edit_cases([_clip("a", "he turns counter-clockwise")], 10) == []
