"""What a clip in training is said to be known of."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from nestmotion.core import canonical_skeleton
from nestmotion.features import FeatureLayout
from nestmotion.training.masks import random_known

LAYOUT = FeatureLayout()
JOINTS = {name: k for k, name in enumerate(canonical_skeleton().joint_names)}
VELOCITIES = ("root_velocity", "heading_velocity", "joint_velocities")
DRAWS = 2000


def _is(mask: np.ndarray, *blocks: str) -> bool:
    """Whether some frames have exactly these blocks known, and the others nothing."""
    columns = np.zeros(LAYOUT.size, dtype=bool)
    for name in blocks:
        columns[LAYOUT[name]] = True
    some = mask.any(axis=1)
    return bool(some.any() and (mask[some] == columns).all())


def _kind(mask: np.ndarray) -> str:
    """What sort of mask this is, told from its columns alone."""
    frames = np.flatnonzero(mask.any(axis=1))
    if not len(frames):
        return "nothing"
    if _is(mask, "root_path"):
        return "path" if len(frames) == len(mask) else "waypoints"
    if _is(mask, "root_path", "root_heading"):
        return "path and heading" if len(frames) == len(mask) else "waypoints"
    if mask[frames][:, LAYOUT["rotations"]].all():
        in_a_row = frames[-1] - frames[0] + 1 == len(frames)
        if frames[0] == 0 and in_a_row:
            return "start"
        gaps = int((np.diff(frames) > 1).sum())
        return (
            "both ends" if frames[0] == 0 and frames[-1] == len(mask) - 1 and gaps == 1 else "keyframes"
        )
    return "joints"


@pytest.fixture(scope="module")
def masks() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [random_known(LAYOUT, 60, JOINTS, rng) for _ in range(DRAWS)]


def test_half_of_the_clips_have_nothing_given_and_every_kind_occurs(masks):
    count = Counter(map(_kind, masks))
    assert count["nothing"] / DRAWS == pytest.approx(0.5, abs=0.04)
    # A keyframe or a run of them at the clip's start looks like a start, now and then.
    assert count["start"] / DRAWS == pytest.approx(0.16, abs=0.03)
    assert count["both ends"] / DRAWS == pytest.approx(0.06, abs=0.025)
    assert count["keyframes"] / DRAWS == pytest.approx(0.08, abs=0.03)
    assert count["joints"] / DRAWS == pytest.approx(0.06, abs=0.025)
    paths = count["path"] + count["path and heading"] + count["waypoints"]
    assert paths / DRAWS == pytest.approx(0.14, abs=0.03)
    assert count["waypoints"] / paths == pytest.approx(0.3, abs=0.1)
    assert min(count[kind] for kind in ("path", "path and heading", "waypoints")) > 10


def test_a_velocity_is_known_only_where_the_next_frame_is(masks):
    found = 0
    for mask in masks:
        if _kind(mask) not in ("start", "both ends", "keyframes"):
            continue
        held = mask.any(axis=1)
        ahead = held & np.append(held[1:], False)
        for name, block in LAYOUT.blocks.items():
            expected = ahead if name in VELOCITIES else held
            assert (mask[:, block] == expected[:, None]).all(), name
        found += 1
    assert found > 100


def test_single_joints_come_with_the_place_of_the_root(masks):
    chosen = [mask for mask in masks if _kind(mask) == "joints"]
    start = LAYOUT["joint_positions"].start
    widths = set()
    for mask in chosen:
        columns = mask.any(axis=0)
        frames = mask.any(axis=1)
        assert 1 <= frames.sum() <= 20
        assert (mask[frames] == columns).all()
        root = {name for name, block in LAYOUT.blocks.items() if columns[block].all()}
        assert root == {"root_path", "root_heading", "root_height"}
        places = np.flatnonzero(columns[LAYOUT["joint_positions"]])
        assert columns.sum() == 5 + len(places)
        joints = {int(place) // 3 + 1 for place in places}
        assert len(places) == 3 * len(joints)
        names = {canonical_skeleton().joint_names[j] for j in joints}
        assert names <= {
            "head",
            "left_wrist",
            "right_wrist",
            "left_ankle",
            "right_ankle",
            "left_foot",
            "right_foot",
        }
        widths.add(len(joints))
    assert start > 5
    assert widths == {1, 2, 3}


def test_a_start_leaves_something_to_do(masks):
    lengths = [int(m.any(axis=1).sum()) for m in masks if _kind(m) == "start"]
    assert min(lengths) >= 1
    assert max(lengths) < 30
    assert len(set(lengths)) > 15


@pytest.mark.parametrize("frames", [1, 2, 3, 8])
def test_short_clips(frames):
    rng = np.random.default_rng(1)
    shapes = {random_known(LAYOUT, frames, JOINTS, rng).shape for _ in range(300)}
    assert shapes == {(frames, LAYOUT.size)}


def test_a_generator_makes_a_mask():
    first, again, other = (
        [random_known(LAYOUT, 40, JOINTS, np.random.default_rng((seed, k))) for k in range(20)]
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
