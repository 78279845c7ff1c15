"""Which trials a preparation moves onto the floor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core.edit import ground_height_m, move
from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.corpus.source import Trial
from synthetic_corpus import MemorySource, moving


def _climbing(frames: int):
    """Whose lowest joints are at no one height."""
    motion = moving(frames)
    up = np.zeros_like(motion.root_m)
    up[:, 1] = np.linspace(0.0, 0.3, frames)
    return replace(motion, root_m=motion.root_m + up)


@pytest.mark.parametrize(
    ("motion", "height_m", "expected_m"),
    [
        (moving(100), 0.12, 0.0),
        (moving(100), -0.5, 0.0),
        (_climbing(100), -0.1, 0.0),
        (_climbing(100), 0.4, 0.4),
        (_climbing(100), -0.5, -0.5),
    ],
)
def test_feet_are_put_on_the_floor_unless_they_climb_or_hang(tmp_path, motion, height_m, expected_m):
    motion = move(motion, 0.0, (0, height_m - ground_height_m(motion), 0))
    prepare(MemorySource([Trial("a", "g", motion, (), 1, "about a")]), tmp_path / "out")
    corpus = PreparedCorpus.open(tmp_path / "out")
    assert ground_height_m(corpus.motion(corpus.clips[0])) == pytest.approx(expected_m, abs=1e-3)
