"""Runs of frames."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core.runs import runs_of


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_where_it_holds_and_apart(state):
    found = runs_of(np.array(state, dtype=bool))
    marked = np.zeros(len(state), dtype=bool)
    for start, stop in found:
        assert start < stop
        marked[start:stop] = True
    assert marked.tolist() == state
    assert all(before[1] < after[0] for before, after in pairwise(found))
