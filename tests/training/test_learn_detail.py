"""Detail that a run teaches a trained model, and how much of it a bundle makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nestmotion.core.errors import TrainingError
from nestmotion.core.skeleton import canonical_skeleton
from nestmotion.features.parts import part_columns
from nestmotion.models import build_model
from nestmotion.training.export import DetailShare, ExportSettings, export
from nestmotion.training.loop import train
from nestmotion.training.run_folder import claim_run, create_run, read_config
from nestmotion.training.start import check_own_share, learned_guidance
from synthetic_batches import loaded_model, motion_loss


@pytest.fixture(scope="module")
def detailed(tmp_path_factory, taught, config, corpus, composed_data) -> Path:
    """A run that taught the one that learned guidance detail."""
    folder = tmp_path_factory.mktemp("detailed") / "run"
    config = replace(
        read_config(taught),
        network=replace(config.network, detail_width=8),
        start_from=str(taught),
        learn_guidance=0.0,
        learn_detail=True,
        epochs=3,
    )
    claim_run(folder)
    create_run(folder, config, corpus, {}, composed_data.normalizer)
    train(config, composed_data, folder)
    return folder


@torch.no_grad()
def test_detail_is_learned_and_nothing_else(detailed, taught, config, composed_data):
    own = loaded_model(detailed, read_config(detailed))
    for name, value in loaded_model(taught, config).state_dict().items():
        assert torch.equal(own.state_dict()[name], value), name
    fresh = build_model("nested", own.config).eval()
    fresh.load_state_dict(
        own.state_dict() | {k: v for k, v in fresh.state_dict().items() if "detail" in k}
    )
    (batch,) = composed_data.validation_batches(100)
    found, before = (
        float(model.detail_terms(batch, motion_loss(), torch.Generator().manual_seed(1))["features"])
        for model in (own, fresh)
    )
    assert found < 0.98 * before


def test_with_detail_the_guidance_that_was_learned_stays(detailed, taught, tmp_path, corpus):
    assert learned_guidance(detailed) == learned_guidance(taught) == 3.0
    manifest = export(detailed, corpus, tmp_path / "bundle", ExportSettings(guidance=3.0))
    assert manifest["sampling"]["learned_guidance"] == 3.0
    settings = read_config(detailed)
    own, given = (
        loaded_model(folder, settings).state_dict() for folder in (detailed, tmp_path / "bundle")
    )
    for name in (name for name in own if name.startswith("detail.")):
        assert torch.allclose(given[name], own[name], rtol=1e-3, atol=1e-6), name


def test_a_share_of_the_detail(detailed, tmp_path, corpus):
    share = DetailShare(arms=0.5, rest=0.25)
    export(detailed, corpus, tmp_path / "bundle", ExportSettings(guidance=3.0, detail=share))
    settings = read_config(detailed)
    own, given = (
        loaded_model(folder, settings).state_dict() for folder in (detailed, tmp_path / "bundle")
    )
    arms = part_columns(canonical_skeleton(), ("left arm", "right arm"))
    for name in (name for name in own if name.startswith("detail.last.")):
        for columns, wanted in ((arms, share.arms), (~arms, share.rest)):
            made, learned = given[name][columns], own[name][columns]
            assert learned.abs().max() > 1e-4
            assert torch.allclose(made, wanted * learned, rtol=1e-3, atol=1e-6), name


@pytest.mark.parametrize(
    ("arms", "rest", "message"),
    [
        (1.5, 1.0, "shares of the detail are 0 to 1, not 1.5 (arms) and 1 (rest)"),
        (1.0, -1.0, "shares of the detail are 0 to 1, not 1 (arms) and -1 (rest)"),
        (1.0, 0.5, "this run's network has no detail; leave --detail.arms and --detail.rest out"),
    ],
)
def test_no_such_share_of_the_detail(taught, tmp_path, corpus, arms, rest, message):
    with pytest.raises(TrainingError) as error:
        export(taught, corpus, tmp_path / "bundle", ExportSettings(detail=DetailShare(arms, rest)))
    assert str(error.value) == message
    assert list(tmp_path.iterdir()) == []


def test_detail_has_no_average(detailed):
    with pytest.raises(TrainingError) as error:
        check_own_share(detailed, read_config(detailed), 0.5)
    assert str(error.value) == (
        "this run learned detail and nothing else; say how much of it with --detail.arms and "
        "--detail.rest, and leave --own-share out"
    )
