"""The skeleton's graph: which number belongs to which joint, and who is whose neighbour."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nestmotion.core import canonical_skeleton
from nestmotion.features import FeatureLayout
from nestmotion.features.layout import CONTACT_JOINTS
from nestmotion.models.joints import JointEmbed, JointUnembed, adjacency, joint_columns

SK = canonical_skeleton()
LAYOUT = FeatureLayout.of(SK)
COLUMNS = joint_columns(SK)
PATH = len(SK)
PATCH = 2


def test_every_column_has_one_place():
    held = COLUMNS[COLUMNS >= 0]
    assert sorted(held.tolist()) == list(range(LAYOUT.size))
    assert LAYOUT.size == 273


def test_the_numbers_of_a_joint():
    knee = SK.index("left_knee")
    assert COLUMNS[knee].tolist() == [
        *range(LAYOUT["rotations"].start + 6 * knee, LAYOUT["rotations"].start + 6 * knee + 6),
        *range(
            LAYOUT["joint_positions"].start + 3 * (knee - 1), LAYOUT["joint_positions"].start + 3 * knee
        ),
        *range(
            LAYOUT["joint_velocities"].start + 3 * knee, LAYOUT["joint_velocities"].start + 3 * knee + 3
        ),
        -1,
    ]
    assert (COLUMNS[0, 6:9] == -1).all()  # the root has no place relative to itself
    contacts = {SK.joint_names[j]: COLUMNS[j, 12] for j in range(PATH) if COLUMNS[j, 12] >= 0}
    start = LAYOUT["contacts"].start
    assert contacts == {name: start + k for k, name in enumerate(CONTACT_JOINTS)}
    assert COLUMNS[PATH].tolist() == [*range(8), *[-1] * 5]


def test_neighbours_are_the_ends_of_bones():
    near = adjacency(SK)
    assert near.shape == (PATH + 1, PATH + 1)
    assert np.array_equal(near > 0, near.T > 0)
    assert np.abs(near.sum(axis=1) - 1).max() < 1e-6
    knee = SK.index("left_knee")
    expected = {"left_hip", "left_knee", "left_ankle"}
    assert {SK.joint_names[j] for j in np.flatnonzero(near[knee])} == expected
    assert near[knee, knee] == pytest.approx(1 / 3)
    assert set(np.flatnonzero(near[PATH])) == {0, PATH}
    # A tree over all joints and the path: one edge fewer than nodes, and each reached from each.
    assert (near > 0).sum() == (PATH + 1) + 2 * PATH
    assert (np.linalg.matrix_power(near, 2 * PATH) > 0).all()


def test_without_the_graph_each_joint_stands_alone():
    assert np.array_equal(adjacency(SK, connected=False), np.eye(PATH + 1))


def _embed(connected: bool) -> tuple[JointEmbed, list[torch.Tensor]]:
    """The way in with random weights, and what comes into and out of its graph convolution."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        embed = JointEmbed(10, 16, PATCH, connected)
    seen: list[torch.Tensor] = []
    embed.graph.register_forward_hook(lambda _, inputs, out: seen.extend((inputs[0], out)))
    return embed, seen


@torch.no_grad()
@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("column", [0, 4, 8, 50, 150, 220, 272])
@pytest.mark.parametrize("flag", [False, True])
def test_a_number_reaches_its_joint_and_through_the_graph_its_neighbours(connected, column, flag):
    embed, seen = _embed(connected)
    x, known = torch.zeros(1, 2 * PATCH, 273), torch.zeros(1, 2 * PATCH, 273, dtype=torch.bool)
    before = embed(x, known)
    if flag:
        known[0, 3, column] = True
    else:
        x[0, 3, column] = 5.0
    after = embed(x, known)
    assert not torch.equal(before[0, 1], after[0, 1])
    assert torch.equal(before[0, 0], after[0, 0])
    into, out = ((a != b).any(dim=-1)[0] for a, b in zip(seen[:2], seen[2:], strict=True))
    assert not into[:3].any()
    assert not out[:3].any()
    joint = int(np.argwhere(column == COLUMNS)[0, 0])
    assert np.flatnonzero(into[3]).tolist() == [joint]
    assert set(np.flatnonzero(out[3])) == set(np.flatnonzero(adjacency(SK, connected)[:, joint]))


@torch.no_grad()
def test_the_way_out_puts_each_number_into_its_column():
    unembed = JointUnembed(10, 16, PATCH, connected=True)
    tokens = torch.randn(1, 3, 10, generator=torch.Generator().manual_seed(0))
    assert not unembed(tokens).any()
    held = torch.from_numpy(COLUMNS)
    unembed.bias.copy_(held)
    out = unembed(tokens)
    assert out.shape == (1, 3 * PATCH, 273)
    assert torch.equal(out, torch.arange(273.0).expand_as(out))


@torch.no_grad()
def test_frames_of_a_token_are_its_own():
    """Of the way out: each token makes its own frames, in order."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unembed = JointUnembed(10, 16, PATCH, connected=True)
        unembed.weight.normal_()
        tokens = torch.randn(1, 3, 10)
    before = unembed(tokens)
    tokens[0, 1] += 1.0
    changed = (unembed(tokens) != before).any(dim=-1)[0]
    assert changed.tolist() == [False] * PATCH + [True] * PATCH + [False] * PATCH
    assert not torch.equal(before[0, 0], before[0, 1])
