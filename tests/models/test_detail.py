"""The part that sees the noisy frames themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nestmotion.core.noise import signal_and_noise
from nestmotion.models import build_model
from nestmotion.models.detail import DETAIL_TIME, DetailRefiner
from synthetic_batches import SMALL, changed_model, motion_loss, targets

DETAILED = replace(SMALL, detail_width=8)
FRAMES, WIDTH = 20, 6


def _inputs(seed: int = 0) -> list[torch.Tensor]:
    """Noisy and predicted clean motions of 20 frames, some values known; the second has 15 frames."""
    generator = torch.Generator().manual_seed(seed)
    noisy, clean = torch.randn(2, 2, FRAMES, WIDTH, generator=generator)
    known = torch.rand(2, FRAMES, WIDTH, generator=generator) < 0.2
    valid = torch.arange(FRAMES) < torch.tensor([[FRAMES], [15]])
    return [noisy, torch.where(known, noisy, clean), known, torch.tensor([0.2, 0.6]), valid]


def _changed() -> DetailRefiner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        detail = DetailRefiner(WIDTH, 8)
        with torch.no_grad():
            for parameter in detail.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape))
    return detail


@torch.no_grad()
def test_it_begins_as_the_identity():
    noisy, clean, known, time, valid = _inputs()
    assert torch.equal(DetailRefiner(WIDTH, 8)(noisy, clean, known, time, valid), clean)
    assert not torch.equal(_changed()(noisy, clean, known, time, valid), clean)


@torch.no_grad()
def test_weakened_it_changes_less():
    noisy, clean, known, time, valid = _inputs()
    detail = _changed()
    whole = detail(noisy, clean, known, time, valid) - clean
    share = torch.linspace(0.0, 1.0, WIDTH)
    detail.weaken(share)
    found = detail(noisy, clean, known, time, valid) - clean
    torch.testing.assert_close(found, share * whole)


@torch.no_grad()
def test_padding_is_neither_looked_at_nor_changed():
    noisy, clean, known, time, valid = _inputs()
    detail = _changed()
    found = detail(noisy, clean, known, time, valid)
    torch.testing.assert_close(found[1, 15:], clean[1, 15:])
    others = torch.where(valid[..., None], noisy, 100.0)
    torch.testing.assert_close(detail(others, clean, known, time, valid)[valid], found[valid])
    short = detail(*(x[1:, :15] if x.ndim > 1 else x[1:] for x in (noisy, clean, known, time, valid)))
    torch.testing.assert_close(short[0], found[1, :15])


@torch.no_grad()
@pytest.mark.parametrize(
    ("time", "share"), [(0.3, 1.0), (0.75, 1.0), (0.825, 0.5), (0.9, 0.0), (1.0, 0.0)]
)
def test_under_much_noise_the_text_speaks(time, share):
    """The same change, so large a part of which is made: told with an embedding that hears no time."""
    noisy, clean, known, _, valid = _inputs()
    detail = _changed()
    for parameter in detail.noise.parameters():
        parameter.zero_()
    signal, _ = signal_and_noise(torch.tensor(time))
    expected = torch.where(known, clean, signal * clean)
    now, low = torch.full((2,), time), torch.full((2,), 0.0)
    # What the part sees is the difference from what is expected, which is kept the same.
    found = detail(expected + noisy, clean, known, now, valid) - clean
    whole = detail(clean + noisy, clean, known, low, valid) - clean
    torch.testing.assert_close(found, share * whole, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_model_with_detail_differs_where_there_is_little_noise():
    """Weights of a model without it, in one with it: the same above the time, and before it learns."""
    plain, changed, clips = changed_model("nested"), changed_model("nested", DETAILED), targets()
    fresh = build_model("nested", DETAILED).eval()
    for model in (fresh, changed):
        model.load_state_dict(plain.state_dict(), strict=False)
    for time, same in ((0.95, True), (0.5, False)):
        now = torch.full((3,), time)
        inputs = (clips.features, now, clips.known, clips.valid, clips.condition)
        expected, begun, learned = (model.denoise(*inputs) for model in (plain, fresh, changed))
        assert torch.equal(begun.clean, expected.clean)
        assert torch.equal(learned.clean, expected.clean) == same
        assert torch.equal(learned.alignment, expected.alignment)


def test_only_the_detail_learns_from_its_terms():
    model, clips = changed_model("nested", DETAILED).train(), targets()
    terms = model.detail_terms(clips, motion_loss(), torch.Generator().manual_seed(0))
    terms["total"].backward()
    learns = {name for name, p in model.named_parameters() if p.grad is not None}
    assert learns == {name for name, _ in model.named_parameters() if name.startswith("detail.")}


def test_it_learns_at_the_times_where_something_is_refined():
    model, times = changed_model("nested", DETAILED), []
    clips = targets(lengths=(16,) * 64)
    detail = model.detail
    detail.register_forward_pre_hook(lambda _, inputs: times.append(inputs[3]))
    for training in (True, False):
        model.train(training).detail_terms(clips, motion_loss(), torch.Generator().manual_seed(0))
    taught, validated = times
    assert 0 <= taught.min() < taught.max() < DETAIL_TIME < validated.max()
    assert taught.median() < 0.4 < validated.median()


def test_a_model_without_detail_has_nothing_to_learn():
    assert list(changed_model("nested").detail_parts()) == []
    assert list(changed_model("diffusion").detail_parts()) == []
