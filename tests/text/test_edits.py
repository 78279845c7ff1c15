"""Stretches of a text after others were replaced."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.text import mirror_text, mirror_text_with_spans
from nestmotion.text.edits import Edit, apply_edits


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ((0, 3), "abc"),
        ((3, 6), "LONGER"),
        ((0, 6), "abcLONGER"),
        ((4, 5), "LONGER"),
        ((2, 5), "cLONGER"),
        ((5, 8), "LONGERgh"),
        ((6, 9), "ghi"),
        ((9, 12), ""),
        ((8, 13), "im"),
        ((13, 13), ""),
        ((0, 13), "abcLONGERghim"),
    ],
)
def test_where_stretches_lie(span, text):
    edits = [Edit(3, 6, "LONGER"), Edit(9, 12, "")]
    new, [(start, end)] = apply_edits("abcdefghijklm", edits, [span])
    assert new == "abcLONGERghim"
    assert new[start:end] == text


@st.composite
def _edited(draw):
    text = draw(st.text("abc ", max_size=20))
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pairs = list(zip(places[::2], places[1::2], strict=False))
    return text, [Edit(a, b, draw(st.text("xyz", max_size=5))) for a, b in pairs if a < b]


@given(_edited(), st.data())
def test_pieces_put_together_are_the_whole(edited, data):
    """Stretches that meet outside of edits still meet, and hold what their own edits give."""
    text, edits = edited
    inside = {k for e in edits for k in range(e.start, e.end + 1)}
    outside = [k for k in range(len(text) + 1) if k not in inside]
    cuts = sorted({0, len(text), *data.draw(st.lists(st.sampled_from(outside or [0]), max_size=4))})
    spans = list(pairwise(cuts))
    new, moved = apply_edits(text, edits, spans)
    assert "".join(new[a:b] for a, b in moved) == (new if spans else "")
    for (a, b), (c, d) in zip(spans, moved, strict=True):
        own = [Edit(e.start - a, e.end - a, e.new) for e in edits if a <= e.start and e.end <= b]
        assert new[c:d] == apply_edits(text[a:b], own)[0]


def test_edits_that_only_insert():
    new, moved = apply_edits("ab", [Edit(1, 1, "-"), Edit(2, 2, ".")], [(0, 1), (1, 2), (0, 2)])
    assert new == "a-b."
    assert [new[a:b] for a, b in moved] == ["a", "b", "a-b"]


# Mirrored text

SIDED = (
    "left",
    "right",
    "Left",
    "leftwards",
    "clockwise",
    "counterclockwise",
    "right away",
    "turns",
    ",",
)


@given(st.lists(st.lists(st.sampled_from(SIDED), min_size=1), min_size=1, max_size=5))
def test_spans_of_words_hold_the_mirrored_words(groups):
    texts = [" ".join(words) for words in groups]
    text, at, spans = " , ".join(texts), 0, []
    for part in texts:
        spans.append((at, at + len(part)))
        at += len(part) + 3
    mirrored, moved = mirror_text_with_spans(text, spans)
    assert mirrored == mirror_text(text)
    assert [mirrored[a:b] for a, b in moved] == [mirror_text(part) for part in texts]
