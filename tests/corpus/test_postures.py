"""Sitting down, standing up and bending down, in motions whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core.edit import mirror, move, reverse
from nestmotion.core.rotations import quat_from_axis_angle
from nestmotion.corpus.narration import narrate
from nestmotion.corpus.postures import Posture, postures
from synthetic_motion import FPS, SEAT, SITS, down_and_up, folded, glide

CROUCH = {"left_hip": -1.2, "right_hip": -1.2, "left_knee": 2.2, "right_knee": 2.2}
BOW = {"spine1": 1.0, "left_hip": -0.6, "right_hip": -0.6, "pelvis": 0.6}


def test_it_sees_who_sits_down_and_stands_up():
    sit, rise = postures(move(SITS, 1.3, (2, 0, 1)))
    assert (sit.kind, rise.kind) == ("sit", "rise")
    assert sit.start == pytest.approx(32, abs=5)
    assert sit.stop == rise.start == pytest.approx(92, abs=5)
    assert rise.stop == pytest.approx(108, abs=6)


def test_who_sits_from_the_start_does_not_sit_down():
    motion = SITS.frames(55, 140)
    seated, rise = postures(motion)
    assert (seated.kind, seated.start, rise.kind) == ("seated", 0, "rise")
    assert [p.kind for p in postures(SITS.frames(55, 88))] == ["seated"]


def test_a_crouch_over_the_feet_is_no_seat():
    assert postures(folded(CROUCH, 0.45, down_and_up(30, 20, 40, 20, 30))) == []


def test_a_short_dip_is_no_seat():
    assert postures(folded(SEAT, 0.45, down_and_up(30, 8, 2, 8, 30))) == []


def test_who_travels_or_has_a_foot_in_the_air_does_not_sit():
    root = SITS.root_m + np.linspace(0, 3, len(SITS))[:, None] * (1, 0, 0)
    assert postures(replace(SITS, root_m=root)) == []
    assert postures(folded({**SEAT, "left_hip": -2.6}, 0.45, down_and_up(30, 20, 40, 20, 30))) == []


def test_backwards_in_time_sitting_down_is_standing_up():
    sit, rise = postures(SITS)
    down, up = postures(reverse(SITS))
    assert (down.kind, up.kind) == ("sit", "rise")
    assert down.start == pytest.approx(len(SITS) - rise.stop, abs=3)
    assert up.stop == pytest.approx(len(SITS) - sit.start, abs=3)


def test_from_the_floor_is_told_apart():
    motion = folded(SEAT, 0.15, down_and_up(0, 0, 30, 30, 30))
    floor, arise = postures(motion)
    assert (floor.kind, arise.kind) == ("floor", "arise")
    assert postures(motion.frames(0, 30)) == [Posture("seated", 0, 30)]


@pytest.mark.parametrize(("drop_m", "kind"), [(0.0, "bend"), (0.25, "pick")])
def test_bending_down_to_the_floor_picks_something_up(drop_m, kind):
    standing = float(glide(frames=2).root_m[0, 1])
    arms = {"left_shoulder": 0.0, "right_shoulder": 0.0}
    motion = folded({**BOW, **arms}, standing - drop_m, down_and_up(20, 15, 10, 15, 20))
    if kind == "pick":
        motion = _reaching(motion)
    (found,) = postures(motion)
    assert found.kind == kind
    assert 20 < found.start < 40 < found.stop < 60


def _reaching(motion):
    """With both arms hanging down from the trunk."""
    quat = motion.quat_local_xyzw.copy()
    for side, sign in (("left", -1), ("right", 1)):
        quat[:, motion.skeleton.index(f"{side}_shoulder")] = quat_from_axis_angle(
            np.array([0.0, sign, 0.0]), np.asarray(1.5)
        )
    return replace(motion, quat_local_xyzw=quat)


def test_the_mirror_image_is_seen_alike():
    assert postures(mirror(SITS)) == postures(SITS)


def test_it_is_told_in_words_with_its_times():
    for seed in range(8):
        caption = narrate(SITS, np.random.default_rng(seed))
        words = [caption.text[a.start_char : a.end_char] for a in caption.actions]
        sit = next(k for k, text in enumerate(words) if "sits down" in text or "takes a seat" in text)
        assert any(verb in words[sit + 1] for verb in ("stands up", "gets up", "rises"))
        assert caption.actions[sit].end_s == pytest.approx(92 / FPS, abs=0.3)
    assert "chair" in " ".join(
        narrate(SITS.frames(55, 95), np.random.default_rng(s)).text for s in range(12)
    )
