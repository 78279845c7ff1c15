"""The contrastive loss on cases with known answers, and what the encoders must not depend on."""

from __future__ import annotations

import math

import pytest
import torch

from nestmotion.evaluation.evaluator_network import (
    EvaluatorNetwork,
    NetworkConfig,
    contrastive_loss,
    side_loss,
)
from nestmotion.evaluation.motion_inputs import INPUT_SIZE


def loss(texts, motions, owner, same=None, scale=1.0):
    same = torch.zeros(len(texts), len(motions), dtype=torch.bool) if same is None else same
    return float(contrastive_loss(texts, motions, torch.tensor(owner), same, torch.tensor(scale)))


def test_pairs_that_cannot_be_told_apart_cost_the_logarithm_of_their_number():
    x = torch.ones(4, 4) / 2
    assert loss(x, x, [0, 1, 2, 3]) == pytest.approx(math.log(4))


def test_perfect_pairs_cost_next_to_nothing_at_a_large_scale():
    x = torch.eye(4)
    assert loss(x, x, [0, 1, 2, 3], scale=50.0) < 1e-6
    assert loss(x, x, [1, 2, 3, 0], scale=50.0) == pytest.approx(50.0, rel=1e-3)


def test_texts_that_say_the_same_are_no_negatives():
    x = torch.ones(4, 4) / 2
    assert loss(x, x, [0, 1, 2, 3], same=torch.ones(4, 4, dtype=torch.bool)) == pytest.approx(0)


def test_other_texts_of_a_motion_are_no_negatives_of_it():
    motions = torch.eye(2, 4)
    once = loss(motions, motions, [0, 1])
    twice = loss(motions[[0, 0, 1, 1]], motions, [0, 0, 1, 1])
    # Each motion now faces two texts of the other: only that half of the loss grows.
    other = math.log(1 + 2 * math.exp(-1)) - math.log(1 + math.exp(-1))
    assert twice - once == pytest.approx(other / 2, abs=1e-6)


def sides(texts, motions, owner, twin, scale=1.0):
    return float(
        side_loss(texts, motions, torch.tensor(owner), torch.tensor(twin), torch.tensor(scale))
    )


def test_sides_that_cannot_be_told_apart_cost_the_logarithm_of_two():
    x = torch.ones(2, 4) / 2
    assert sides(x, x, [0, 1], [1, 0]) == pytest.approx(math.log(2))


def test_sides_cost_nothing_when_right_and_the_scale_when_wrong():
    x = torch.eye(2, 4)
    assert sides(x, x, [0, 1], [1, 0], scale=50.0) < 1e-6
    assert sides(x, x[[1, 0]], [0, 1], [1, 0], scale=50.0) == pytest.approx(50.0, rel=1e-3)


def test_texts_without_a_side_cost_nothing():
    x = torch.eye(3, 4)
    assert sides(x, x, [0, 1, 2], [-1, -1, -1]) == 0
    assert sides(x, x, [0, 1, 2], [1, 0, -1]) == pytest.approx(math.log(1 + math.exp(-1)), abs=1e-6)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    size = NetworkConfig(
        width=24, heads=2, motion_layers=2, text_layers=2, embedding=8, text_size=16, words=9
    )
    return EvaluatorNetwork(size).eval()


def test_embeddings_are_unit_vectors_that_padding_does_not_change(network):
    inputs = torch.randn(3, 40, INPUT_SIZE)
    valid = torch.arange(40) < torch.tensor([[40], [16], [13]])
    together = network.motion(inputs, valid)
    assert torch.allclose(together.norm(dim=1), torch.ones(3), atol=1e-5)
    for row, frames in ((1, 16), (2, 16)):
        alone = network.motion(inputs[row : row + 1, :frames], valid[row : row + 1, :frames])
        assert torch.allclose(alone[0], together[row], atol=1e-5)
    changed = inputs.clone()
    changed[2, 13:] = 7.0
    assert torch.allclose(network.motion(changed, valid), together, atol=1e-5)


@pytest.fixture
def texts():
    valid = torch.arange(12) < torch.tensor([[12], [5]])
    return torch.randn(2, 12, 16), torch.randint(10, (2, 12)), valid


def test_texts_likewise(network, texts):
    together = network.text(*texts)
    alone = network.text(*(part[1:, :5] for part in texts))
    assert torch.allclose(alone[0], together[1], atol=1e-5)


def test_order_matters(network, texts):
    turned = [part.flip(1) for part in texts]
    assert not torch.allclose(network.text(*texts)[0], network.text(*turned)[0], atol=1e-3)


def test_words_are_told_apart_where_their_states_are_the_same(network, texts):
    states, words, valid = texts
    other = words.clone()
    other[0, 3] = 1 + words[0, 3] % 9
    assert not torch.allclose(
        network.text(states, words, valid)[0], network.text(states, other, valid)[0], atol=1e-3
    )
