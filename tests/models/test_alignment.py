"""The alignment: what holds by construction, and what its losses reward."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.models import Condition
from nestmotion.models.alignment import (
    Aligned,
    Aligner,
    order_loss,
    phrase_contrast,
    sentence_contrast,
    turn_loss,
)
from nestmotion.text.nodes import MOST_TURNS
from synthetic_batches import BARE, ONE, THEN, WHILE, condition

WIDTH, TOKENS = 12, 8
# As wide as the vectors of the made-up texts.
MANY = (THEN, WHILE, ONE, BARE)


def _align(
    text: Condition, seed: int = 0, lengths: tuple[int, ...] = (8, 6, 8, 8), scale: float = 3.0
) -> Aligned:
    """Aligned by random weights and random moments; `scale` 0 for an aligner that has seen nothing."""
    generator = torch.Generator().manual_seed(seed)
    aligner = Aligner(WIDTH, size=6)
    with torch.no_grad():
        for parameter in aligner.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator) / 2)
        if not scale:
            aligner.sharpness.fill_(0.0)
        rows = len(text.has_text)
        moments = torch.randn(rows, TOKENS, WIDTH, generator=generator)
        valid = torch.arange(TOKENS) < torch.tensor(lengths[:rows])[:, None]
        return aligner(moments, text.node_vectors, text, valid)


def _made(share, nodes=None, moments=None, nodes_map=None) -> Aligned:
    """From shares (B, P, turns) of the turns, and what else a test needs."""
    share = torch.as_tensor(share, dtype=torch.float32)
    rows, tokens, turns = share.shape
    every = torch.full((rows, tokens, MOST_TURNS), 1e-9)
    every[..., :turns] = share.clamp(min=1e-9)
    present = torch.zeros(rows, MOST_TURNS, dtype=torch.bool)
    present[:, :turns] = share.sum(dim=1) >= 0
    return Aligned(
        map=torch.zeros(rows, 1, tokens) if nodes_map is None else nodes_map,
        turns=every.log(),
        present=present,
        nodes=torch.zeros(rows, 1, 2) if nodes is None else nodes,
        moments=torch.zeros(rows, tokens, 2) if moments is None else moments,
    )


def _valid(rows: int, tokens: int, real: int | None = None) -> torch.Tensor:
    return (torch.arange(tokens) < (tokens if real is None else real)).expand(rows, tokens)


# By construction


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0, 20))
def test_a_node_never_has_more_of_a_moment_than_its_parent(seed, scale):
    text = condition(*MANY, seed=seed)
    found = _align(text, seed, scale=scale).map
    assert found.shape == (4, len(THEN), TOKENS)
    assert ((found >= 0) & (found <= 1)).all()
    parents = torch.gather(found, 1, text.node_parent[..., None].expand_as(found))
    assert (found <= parents + 1e-7)[text.node_valid].all()
    assert (found[:, 0] == 1).all()
    assert not found[~text.node_valid].any()


@given(seed=st.integers(0, 2**32 - 1))
def test_the_turns_share_each_moment_out(seed):
    text = condition(*MANY, seed=seed)
    found = _align(text, seed)
    assert found.present.sum(dim=1).tolist() == [2, 1, 1, 0]
    share = found.turns.exp()
    torch.testing.assert_close(share.sum(dim=-1), torch.ones(4, TOKENS))
    told = found.present.any(dim=1)
    assert not (share * ~found.present[:, None])[told].any()
    # The first and the only action of each turn have all of it.
    torch.testing.assert_close(found.map[0, 1] + found.map[0, 6], torch.ones(TOKENS))
    torch.testing.assert_close(found.map[0, 6], share[0, :, 1])


def test_actions_of_one_turn_share_it():
    found = _align(condition(THEN, WHILE)).map
    assert torch.equal(found[1, 1], found[1, 4])
    assert (found[1, 1] == 1).all()
    assert not torch.equal(found[0, 1], found[0, 6])
    assert not torch.equal(found[1, 2], found[1, 5])


def test_nothing_learned_is_equal_division_with_words_that_have_nearly_all_of_their_phrases():
    found = _align(condition(THEN, THEN), scale=0.0, lengths=(8, 6))
    share = found.turns.exp()
    assert share[0].argmax(dim=-1).tolist() == [0] * 4 + [1] * 4
    assert share[1, :6].argmax(dim=-1).tolist() == [0] * 3 + [1] * 3
    torch.testing.assert_close(share[0], share[0].flip(0)[:, [1, 0, *range(2, MOST_TURNS)]])
    part = torch.sigmoid(torch.tensor(2.0))
    torch.testing.assert_close(found.map[0, 2], part * found.map[0, 1])
    torch.testing.assert_close(found.map[0, 3], part**2 * found.map[0, 1])


def test_a_turn_is_where_its_action_matches():
    """Nodes and moments that are the same vectors: the second action in the first half."""
    text = condition(THEN)
    aligner = Aligner(4, size=4)
    nodes = torch.zeros(1, len(THEN), 4)
    nodes[0, 1, 0] = nodes[0, 6, 1] = 8.0
    moments = torch.zeros(1, TOKENS, 4)
    moments[0, : TOKENS // 2, 1] = moments[0, TOKENS // 2 :, 0] = 1.0
    with torch.no_grad():
        for layer in (aligner.of_nodes, aligner.of_moments):
            layer.weight.copy_(torch.eye(4))
            layer.bias.zero_()
        aligned = aligner(moments, nodes, text, _valid(1, TOKENS))
    assert aligned.turns[0].argmax(dim=-1).tolist() == [1] * 4 + [0] * 4


def test_without_text_nothing_is_aligned():
    found = _align(condition(*MANY, without_text=[0, 2]))
    assert not found.map[[0, 2]].any()
    assert found.map[1].any()
    assert found.present.any(dim=1).tolist() == [False, True, False, False]
    assert found.turns.isfinite().all()


# Turns that are known


def test_turns_cost_nothing_when_right_and_much_when_wrong():
    turns = torch.zeros(1, 4, MOST_TURNS, dtype=torch.bool)
    turns[0, :2, 0] = turns[0, 2:, 1] = True
    halves = [[[1, 0], [1, 0], [0, 1], [0, 1]]]
    assert float(turn_loss(_made(halves), turns)) == pytest.approx(0, abs=1e-6)
    assert float(turn_loss(_made(np.flip(halves, -1).copy()), turns)) > 10
    even = np.full((1, 4, 2), 0.5)
    assert float(turn_loss(_made(even), turns)) == pytest.approx(np.log(2), rel=1e-5)


def test_only_told_moments_count_and_any_of_several_turns_will_do():
    share = [[[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.3, 0.7]]]
    turns = torch.zeros(1, 4, MOST_TURNS, dtype=torch.bool)
    turns[0, 0, 0] = turns[0, 1, 0] = turns[0, 2, :2] = True
    expected = -(np.log(0.9) + np.log(0.2) + 0) / 3
    assert float(turn_loss(_made(share), turns)) == pytest.approx(expected, rel=1e-5)
    assert float(turn_loss(_made(share), torch.zeros_like(turns))) == 0


# Order


def _blocks(*edges: int, tokens: int = 12) -> np.ndarray:
    """Shares (1, P, turns) of turns that each have a block of the tokens."""
    share = np.zeros((1, tokens, len(edges) - 1))
    for k, (a, b) in enumerate(pairwise(edges)):
        share[0, a:b, k] = 1
    return share


@pytest.mark.parametrize("edges", [(0, 6, 12), (0, 4, 8, 12), (0, 3, 6, 9, 12), (0, 12)])
def test_equal_division_in_order_costs_nothing(edges):
    assert float(order_loss(_made(_blocks(*edges)), _valid(1, 12))) == pytest.approx(0, abs=1e-9)


def test_turns_may_be_longer_and_shorter_than_others():
    assert float(order_loss(_made(_blocks(0, 4, 12)), _valid(1, 12))) == pytest.approx(0, abs=1e-9)


def test_swapped_turns_cost_by_how_far_they_are_behind():
    """Centres at 3/4 and 1/4 of two turns: (1/2 * 2 + 1/2)^2."""
    swapped = _blocks(0, 6, 12)[..., ::-1].copy()
    assert float(order_loss(_made(swapped), _valid(1, 12))) == pytest.approx(1.5**2, rel=1e-4)


def test_turns_at_the_same_time_cost():
    """Centres together: (1/2)^2; none is starved."""
    even = np.full((1, 12, 2), 0.5)
    assert float(order_loss(_made(even), _valid(1, 12))) == pytest.approx(0.25, rel=1e-4)


def test_a_starved_turn_costs():
    """A turn with 1/12 of the clip lacks 1/8 - 1/12 of it; in units of 1/2, squared, mean of two."""
    share = _blocks(0, 11, 12)
    expected = ((1 / 4 - 2 / 12) ** 2) / 2
    assert float(order_loss(_made(share), _valid(1, 12))) == pytest.approx(expected, rel=1e-4)
    nothing = float(order_loss(_made(_blocks(0, 12, 12)), _valid(1, 12)))
    assert nothing > expected


def test_padding_is_in_no_order():
    share = np.concatenate((_blocks(0, 4, 8, tokens=8), np.ones((1, 4, 2)) / 2), axis=1)
    assert float(order_loss(_made(share), _valid(1, 12, real=8))) == pytest.approx(0, abs=1e-9)
    assert float(order_loss(_made(share), _valid(1, 12))) > 0


@given(seed=st.integers(0, 2**32 - 1), turns=st.integers(1, 5), real=st.integers(1, 12))
def test_order_by_its_formula(seed, turns, real):
    share = np.random.default_rng(seed).dirichlet(np.ones(turns) * 0.5, size=(1, 12))
    inside = share[0, :real]
    mass = inside.sum(axis=0)
    centre = ((np.arange(real) + 0.5) @ inside) / np.maximum(mass, 1e-3) / real
    behind = np.maximum((centre[:-1] - centre[1:]) * turns + 0.5, 0) ** 2
    starved = np.maximum(0.25 - mass / real * turns, 0) ** 2 if turns > 1 else np.zeros(1)
    expected = (behind.mean() if turns > 1 else 0) + starved.mean()
    found = float(order_loss(_made(share), _valid(1, 12, real)))
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)


# Contrast


def _phrases(matched: bool, weight=(1.0, 1.0), trees=(THEN, THEN), known: int | None = None) -> float:
    """Two clips whose turns have moments of a vector of their own, and nodes of the same vectors or,
    if not matched, of the other clip's."""
    text = condition(*trees, seed=5)
    own = torch.eye(4)
    moments = torch.zeros(2, TOKENS, 4)
    of_nodes = torch.zeros(2, len(trees[0]), 4)
    maps = torch.zeros(2, len(trees[0]), TOKENS)
    for clip in range(2):
        for turn, span in ((0, slice(0, 4)), (1, slice(4, 8))):
            moments[clip, span] = own[2 * clip + turn]
            inside = text.node_order[clip] == turn
            maps[clip, inside, span] = 1.0
            of_nodes[clip, inside] = own[2 * (clip if matched else 1 - clip) + turn]
    if known is not None:
        of_nodes[known] = torch.randn(of_nodes[known].shape, generator=torch.Generator().manual_seed(0))
    aligned = _made(np.ones((2, TOKENS, 1)), of_nodes, moments, maps)
    return float(phrase_contrast(aligned, text, torch.tensor(weight)))


def test_phrases_that_match_their_stretches_cost_less():
    assert _phrases(matched=True) < 1e-4
    assert _phrases(matched=False) > 10


def test_another_turn_of_the_same_clip_is_a_wrong_match():
    text = condition(THEN, seed=5)
    turn = text.node_order.clamp(min=0)
    moments = torch.eye(2)[None, :, :].repeat_interleave(4, dim=1)
    maps = torch.zeros(1, len(THEN), TOKENS)
    maps[0, turn[0] == 0, :4] = maps[0, turn[0] == 1, 4:] = 1.0
    losses = [
        float(
            phrase_contrast(_made(np.ones((1, TOKENS, 1)), nodes, moments, maps), text, torch.ones(1))
        )
        for nodes in (torch.eye(2)[turn], torch.eye(2)[1 - turn])
    ]
    assert losses[0] < 1e-4
    assert losses[1] > 10


def test_a_clip_of_no_weight_is_no_match_of_any():
    assert _phrases(matched=True, weight=(1.0, 0.0), known=1) < 1e-4
    assert _phrases(matched=True, weight=(1.0, 1.0), known=1) > 0.1


def test_phrases_that_say_the_same_are_no_wrong_match_of_one_another():
    """Two clips of one kind of motion, of one action with one phrase each."""
    text = condition(ONE, ONE)
    count = len(ONE)
    aligned = _made(
        np.ones((2, TOKENS, 1)),
        torch.ones(2, count, 4),
        torch.ones(2, TOKENS, 4),
        torch.ones(2, count, TOKENS),
    )
    same = replace(text, node_vectors=text.node_vectors[:1, :1].expand(2, count, -1))
    assert float(phrase_contrast(aligned, same, torch.ones(2))) == pytest.approx(0, abs=1e-6)
    # Of texts that say different things, each node is taken for its own or for the other clip's two.
    found = float(phrase_contrast(aligned, text, torch.ones(2)))
    assert found == pytest.approx(np.log(3), rel=1e-5)


@pytest.mark.parametrize("trees", [(BARE,), (BARE, BARE)])
def test_texts_without_phrases_have_no_contrast(trees):
    aligned = _align(condition(*trees))
    assert float(phrase_contrast(aligned, condition(*trees), torch.ones(len(trees)))) == 0


def test_sentences_and_clips():
    text = condition(ONE, ONE, ONE, ONE, seed=2)
    own = torch.eye(4)
    one = torch.ones(4)
    assert float(sentence_contrast(own, own, text, one)) < 1e-4
    assert float(sentence_contrast(own, own.roll(1, 0), text, one)) > 10
    # Clip 3 has no text, so that its match, which is wrong, does not count.
    bare = replace(text, has_text=torch.tensor([True, True, True, False]))
    spoiled = own.clone()
    spoiled[3] = own[0]
    assert float(sentence_contrast(own, spoiled, bare, one)) < 1e-4
    assert float(sentence_contrast(own, spoiled, text, one)) > 0.1
