"""The checks on captions and motions whose answers are known, and on real clips."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest

from nestmotion.core import Motion
from nestmotion.core.edit import mirror
from nestmotion.corpus import Caption
from nestmotion.corpus.sources.cmu20 import Cmu20
from nestmotion.evaluation.prompt_checks import CHECKS, Check, Share
from nestmotion.evaluation.prompts import PROMPTS, PROMPTS_BY_KIND
from nestmotion.text import mirror_text

SIDED = [check for check in CHECKS if mirror_text(check.prompt) != check.prompt]


def check_of(prompt: str) -> Check:
    return next(check for check in CHECKS if check.prompt == prompt)


def says(prompt: str, *captions: str) -> bool:
    return check_of(prompt).said_by(Caption(text) for text in captions)


def test_every_sided_check_has_its_mirror_image(random_motion: Callable[..., Motion]) -> None:
    assert len(SIDED) == 10
    for check in SIDED:
        other = check_of(mirror_text(check.prompt))
        assert other.fact != check.fact
        for seed in range(20):
            motion = random_motion(seed=seed)
            assert check.holds(motion) == other.holds(mirror(motion))
            assert not (check.holds(motion) and other.holds(motion))


def test_prompts_say_what_they_check() -> None:
    for check in CHECKS:
        if not check.prompt.startswith(("a person sits", "a person jumps")):
            assert check.said_by([Caption(check.prompt)]), check.prompt


def test_captions_of_the_other_side_or_of_a_part_do_not_count() -> None:
    left = "a person raises the left hand"
    assert says(left, "someone lifts their left arm up", "a man waves")
    assert not says(left, "a man raises his left arm", "a man raises his right arm")
    assert not says(left, "a person raises the right hand")
    assert not check_of(left).said_by([Caption("he raises the left hand", 0.0, 2.0)])
    circle = "a person walks in a circle clockwise"
    assert says(circle, "a man walks clockwise in a circle", "A MAN WALKS IN A CLOCKWISE CIRCLE")
    for counter in ("counterclockwise", "counter clockwise", "counter-clockwise", "anti-clockwise"):
        assert not says(circle, f"a man walks in a circle {counter}")
        assert says("a person walks in a circle counterclockwise", f"a man walks in a circle {counter}")
    assert not says(circle, "a man moves his arms in a clockwise circle")


def test_a_share_is_shown_with_its_interval() -> None:
    check = check_of("a person jumps")
    assert Share(check, 60, 64).figures == "60 of 64, 94% (85 to 98)"
    assert str(Share(check, 0, 32)) == (
        "'a person jumps': both feet over 10 cm above the floor: 0 of 32, 0% (0 to 11)"
    )
    assert Share(check, 0, 0).figures == "none"
    assert Share(check, 0, 0).interval == (0.0, 1.0)


def test_twenty_four_prompts_each_once() -> None:
    assert len(PROMPTS) == len(set(PROMPTS)) == 24
    assert min(map(len, PROMPTS_BY_KIND.values())) >= 1


@pytest.mark.slow
@pytest.mark.corpus
def test_real_clips_show_what_their_captions_say(shared) -> None:
    """Were a sign wrong, its share would be far below a half: captions err, but not that often."""
    source = Cmu20(shared / "corpus")
    found: dict[str, list[bool]] = defaultdict(list)
    for line in (shared / "corpus" / "clips.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        captions = [Caption(c["text"], c.get("start_s"), c.get("end_s")) for c in row["captions"]]
        checks = [check for check in CHECKS if check.said_by(captions)]
        if not checks:
            continue
        trial = source.read(row["trial"])
        if trial.fold == 0:
            continue
        motion = trial.motion.frames(round(row["start_s"] * 20), round(row["end_s"] * 20))
        for check in checks:
            found[f"{check.prompt}: {check.fact}"].append(check.holds(motion))
    shares = {name: np.mean(holds) for name, holds in found.items()}
    assert len(shares) == len(CHECKS)
    assert min(shares.values()) > 0.5, shares
