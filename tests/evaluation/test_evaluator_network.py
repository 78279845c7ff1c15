"""The contrastive loss on cases with known answers, and what the encoders must not depend on."""

from __future__ import annotations

import math

import pytest
import torch

from nestmotion.evaluation.evaluator_network import (
    EvaluatorNetwork,
    NetworkConfig,
    contrastive_loss,
)
from nestmotion.evaluation.motion_inputs import INPUT_SIZE

NONE = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))


def loss(texts, motions, owner, same=None, swapped=NONE, scale=1.0):
    same = torch.zeros(len(texts), len(motions), dtype=torch.bool) if same is None else same
    return float(
        contrastive_loss(texts, motions, torch.tensor(owner), same, *swapped, torch.tensor(scale))
    )


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


def test_a_swapped_text_is_a_negative_of_its_own_motion_alone():
    motions = torch.eye(2, 4)
    plain = loss(motions, motions, [0, 1])
    hard = loss(motions, motions, [0, 1], swapped=(motions[:1], torch.tensor([0])))
    # It lies on motion 0 and costs only there, where it is as good as the true text.
    before, after = math.log(1 + math.exp(-1)), math.log(2 + math.exp(-1))
    assert hard - plain == pytest.approx((after - before) / 4, abs=1e-6)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    size = NetworkConfig(width=24, heads=2, motion_layers=2, text_layers=2, embedding=8, text_size=16)
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


def test_texts_likewise(network):
    tokens = torch.randn(2, 12, 16)
    valid = torch.arange(12) < torch.tensor([[12], [5]])
    together = network.text(tokens, valid)
    alone = network.text(tokens[1:, :5], valid[1:, :5])
    assert torch.allclose(alone[0], together[1], atol=1e-5)


def test_order_matters(network):
    tokens, valid = torch.randn(1, 6, 16), torch.ones(1, 6, dtype=torch.bool)
    assert not torch.allclose(
        network.text(tokens, valid), network.text(tokens.flip(1), valid), atol=1e-3
    )
