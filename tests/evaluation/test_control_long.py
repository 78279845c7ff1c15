"""Streams cut into minutes, and the memory of the process."""

from __future__ import annotations

import itertools
import mmap

import numpy as np
import pytest

from nestmotion.evaluation.control_long import memory_mb, minutes_of
from synthetic_corpus import moving


@pytest.mark.parametrize("chunk", [40, 140, 1200, 2900])
def test_minutes_lose_no_frame_of_the_stream(chunk):
    whole = moving(3600)
    cuts = [*range(0, 3600, chunk), 3600]
    stream = (whole.frames(a, b) for a, b in itertools.pairwise(cuts))
    minutes = list(minutes_of(stream))
    joined = np.concatenate([m.root_m for m in minutes])
    np.testing.assert_array_equal(joined, whole.root_m[: len(joined)])
    assert all(len(m) == 1200 for m in minutes)
    assert len(minutes) == 3


def test_a_minute_is_made_when_it_is_asked_for():
    made: list[int] = []

    def stream():
        for k in itertools.count():
            made.append(k)
            yield moving(40, seed=k)

    minutes = minutes_of(stream())
    assert made == []
    next(minutes)
    assert len(made) == 30


def test_memory_grows_with_what_is_held():
    before = memory_mb()
    if before is None:
        pytest.skip("the system does not tell")
    # Not a new array: memory given up earlier, but still the process's, may be large enough for one.
    held = mmap.mmap(-1, 80_000_000)
    np.ndarray(len(held), np.uint8, held)[:] = 1
    after = memory_mb()
    assert after is not None
    assert 70 < after - before < 100
