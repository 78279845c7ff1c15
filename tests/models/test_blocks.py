"""Parts of the networks, against their formulas and against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from nestmotion.models.blocks import (
    HIDDEN,
    CrossAttention,
    FrameRefiner,
    ModulatedBlock,
    Place,
    SquaredReLU,
    attend,
    sinusoids,
)
from synthetic_batches import THEN, WHILE, changed_model, condition

HEADS, WIDTH = 2, 8


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _oracle(q, k, v, mask) -> torch.Tensor:
    q, k, v = (x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(-2)


@pytest.mark.parametrize("shape", [(1, 1, 1, 5), (3, 1, 1, 5), (3, 1, 4, 5), (3, HEADS, 4, 5)])
@pytest.mark.parametrize("kind", ["bool", "number"])
def test_attention_is_torch_s(shape, kind):
    q, k, v = _random(3, 4, WIDTH), _random(3, 5, WIDTH, seed=1), _random(3, 5, WIDTH, seed=2)
    mask = 3 * _random(*shape, seed=3)
    if kind == "bool":
        mask = mask > 0
        mask[..., 0] = True
    torch.testing.assert_close(attend(q, k, v, HEADS, mask), _oracle(q, k, v, mask))


def test_what_is_hidden_is_not_looked_at():
    q, k, v = _random(1, 4, WIDTH), _random(1, 5, WIDTH, seed=1), _random(1, 5, WIDTH, seed=2)
    bias = torch.zeros(1, 1, 1, 5)
    bias[..., 3:] = HIDDEN
    torch.testing.assert_close(
        attend(q, k, v, HEADS, bias), attend(q, k[:, :3], v[:, :3], HEADS, torch.ones(1, 1, 1, 3) > 0)
    )
    nothing = torch.zeros(1, 1, 1, 5, dtype=torch.bool)
    assert attend(q, k, v, HEADS, nothing).isfinite().all()


def test_attention_has_gradients_like_torch_s():
    inputs = [_random(2, 5, WIDTH, seed=k).requires_grad_() for k in range(3)]
    mask = (_random(2, 1, 1, 5, seed=9) > -0.5) | (torch.arange(5) == 0)
    grads = [
        torch.autograd.grad(f.square().sum(), inputs)
        for f in (attend(*inputs, HEADS, mask), _oracle(*inputs, mask))
    ]
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_sinusoids_by_their_formula():
    value = torch.tensor([0.0, 1.0, 250.0])
    found = sinusoids(value, 8).numpy()
    for row, x in enumerate((0.0, 1.0, 250.0)):
        angles = np.array([x / 10_000 ** (k / 4) for k in range(4)])
        expected = np.concatenate((np.sin(angles), np.cos(angles)))
        assert np.abs(found[row] - expected).max() < 1e-4


def test_squared_relu():
    assert SquaredReLU()(torch.tensor([-2.0, 0.0, 0.5, 3.0])).tolist() == [0.0, 0.0, 0.25, 9.0]


def test_places_are_told_apart_and_counted_from_both_ends():
    place = Place(WIDTH)
    short = place((torch.arange(9) < 5)[None])
    long = place((torch.arange(9) < 9)[None])
    with torch.no_grad():
        assert torch.cdist(long[0], long[0]).fill_diagonal_(1).min() > 1e-3
        assert (short - long).abs().amax(dim=-1)[0, :5].min() > 1e-3
        torch.testing.assert_close(place(torch.ones(1, 5, dtype=torch.bool)), short[:, :5])


def test_blocks_begin_as_the_identity():
    x, valid = _random(2, 6, WIDTH), torch.ones(2, 6, dtype=torch.bool)
    block = ModulatedBlock(WIDTH, HEADS, 0.0, 4)
    assert torch.equal(block(x, _random(2, 4), valid), x)
    cross = CrossAttention(WIDTH, HEADS, 0.0)
    assert torch.equal(cross(x, _random(2, 3, WIDTH), torch.zeros(2, 6, 3)), x)
    refine = FrameRefiner(WIDTH, 5)
    assert torch.equal(refine(x, valid), x)


def test_frames_are_corrected_across_the_borders_of_patches():
    """What the refiner does to a frame depends on four frames to each side, whatever their patch."""
    refine = changed_model("diffusion").refine
    x = torch.zeros(1, 16, 273)
    jolt = x.clone()
    jolt[:, 8] = 1.0
    valid = torch.ones(1, 16, dtype=torch.bool)
    with torch.no_grad():
        change = (refine(jolt, valid) - refine(x, valid)).abs().amax(dim=(0, 2))
    assert (change[4:13] > 1e-4).all()
    assert change[:4].max() < 1e-6
    assert change[13:].max() < 1e-6


# Nodes of the tree


def _encode(text) -> torch.Tensor:
    with torch.no_grad():
        return changed_model("nested").tree(text.node_vectors, text)


def test_each_node_knows_its_place_in_the_tree():
    from nestmotion.models.tree_encoder import _relations

    found = _relations(condition(WHILE))[0].tolist()
    # sentence, action, motion, word, action, body part, word: all but the first are of one turn.
    assert found == [
        [1, 3, 0, 0, 3, 0, 0],
        [2, 1, 3, 4, 4, 4, 4],
        [0, 2, 1, 3, 4, 4, 4],
        [0, 4, 2, 1, 4, 4, 4],
        [2, 4, 4, 4, 1, 3, 4],
        [0, 4, 4, 4, 2, 1, 3],
        [0, 4, 4, 4, 4, 2, 1],
    ]


def test_without_text_every_node_is_the_same():
    found = _encode(condition(THEN, WHILE, without_text=[1]))
    assert (found[1] == found[1, 0]).all()
    assert torch.cdist(found[0], found[0]).fill_diagonal_(1).min() > 1e-3


def test_padded_nodes_are_not_looked_at():
    long = _encode(condition(THEN, WHILE, seed=3))[1, : len(WHILE)]
    text = condition(THEN, WHILE, seed=3)
    alone = type(text)(
        **{
            k: v[1:, : len(WHILE)] if v.ndim > 1 and k != "sentence" else v[1:]
            for k, v in text.tensors().items()
        }
    )
    torch.testing.assert_close(_encode(alone)[0], long)
