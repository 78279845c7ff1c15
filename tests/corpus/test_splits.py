"""Which groups are held out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nestmotion.corpus import Clip
from nestmotion.corpus.splits import (
    VALIDATION_SHARE,
    groups_of,
    is_validation_clip,
    is_validation_group,
)

NAMES = [f"{k:02d}_{j:02d}" for k in range(100) for j in range(20)]


def _clip(group: str) -> Clip:
    return Clip("c", "t", group, 0, 0, 0, 0, 10, (), "", "")


def test_the_share_of_groups_held_out_is_about_the_share_asked_for():
    shares = [np.mean([is_validation_group(name, share) for name in NAMES]) for share in (0.05, 0.5)]
    assert shares == [pytest.approx(0.05, abs=0.02), pytest.approx(0.5, abs=0.04)]
    assert not any(is_validation_group(name, 0.0) for name in NAMES)
    assert all(is_validation_group(name, 1.0) for name in NAMES)


def test_a_group_held_out_of_a_small_share_is_held_out_of_a_larger():
    small, large = ({n for n in NAMES if is_validation_group(n, s)} for s in (0.1, 0.3))
    assert small < large


def test_without_a_share_it_is_the_one_of_training():
    held_out = {n for n in NAMES if is_validation_group(n)}
    assert held_out == {n for n in NAMES if is_validation_group(n, VALIDATION_SHARE)}
    assert 0 < len(held_out) < len(NAMES)


def test_the_groups_of_a_composition():
    assert groups_of(_clip("02_01")) == ("02_01",)
    assert groups_of(_clip("02_01+35_06+106_03")) == ("02_01", "35_06", "106_03")


def test_a_clip_is_held_out_with_any_of_its_groups():
    held_out = next(n for n in NAMES if is_validation_group(n, 0.1))
    others = [n for n in NAMES if not is_validation_group(n, 0.1)][:40]
    assert all(is_validation_clip(f"{other}+{held_out}", 0.1) for other in others)
    assert not any(is_validation_clip(f"{a}+{b}", 0.1) for a, b in pairwise(others))
