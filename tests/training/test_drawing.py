"""How often each clip is drawn."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.corpus.source import ActionSpan, Caption, Span, Trial
from nestmotion.training.data import TrainingData
from synthetic_corpus import MemorySource, moving


def test_rare_verbs_are_drawn_more_often(read):
    """Clips of a verb by (how many there are)^-strength: at 1 every verb has as many draws."""
    for strength in (0.0, 0.5, 1.0):
        data = read(balance=strength)
        verbs = [data.texts.lead_verb(item.captions[0][0].text) for item in data.captioned]
        count = Counter(verbs)
        assert len(count) > 2
        expected = np.array([count[verb] ** -strength for verb in verbs])
        np.testing.assert_allclose(data.weights, expected / expected.mean())
    shares = {v: data.weights[np.array(verbs) == v].sum() for v in count}
    assert max(shares.values()) == pytest.approx(min(shares.values()))


def test_narrated_clips_that_name_a_side_are_drawn_more_often(corpus, encoder, reader, config, cache):
    def make(**narrated) -> TrainingData:
        settings = replace(config.data, narrated_share=0.5)
        return TrainingData(corpus, encoder, reader, settings, config.network, cache=cache, **narrated)

    without, data = make(), make(narrated=corpus)
    assert (without.narrated, without.narrated_weights) == ([], None)
    assert data.items_per_epoch == without.items_per_epoch + round(0.5 * len(data.captioned))
    sided = np.array([i.captions[0][0].text != i.captions[1][0].text for i in data.narrated])
    weights = data.narrated_weights
    assert weights[sided] == pytest.approx(2 * weights[~sided][0])
    assert weights.sum() == pytest.approx(1.0)


def _told(text: str, k: int) -> Trial:
    caption = Caption(text, actions=(ActionSpan(0, len(text), 0.0, 2.0),))
    span = Span(f"n{k}-clip", 0.0, 2.0, (caption,))
    return Trial(f"n{k}", f"family {k}", moving(40, seed=k), (span,), 1)


def test_narrated_clips_of_a_rare_action_are_drawn_more_often(
    tmp_path, corpus, encoder, reader, config, cache
):
    told = [_told("kneels down" if k % 4 == 0 else "walks ahead", k) for k in range(20)]
    prepare(MemorySource(told), tmp_path / "told")
    settings = replace(config.data, narrated_share=0.5)
    narrated = PreparedCorpus.open(tmp_path / "told")
    data = TrainingData(
        corpus, encoder, reader, settings, config.network, cache=cache, narrated=narrated
    )
    rare = np.array([item.captions[0][0].text == "kneels down" for item in data.narrated])
    few, many = int(rare.sum()), int((~rare).sum())
    assert 0 < few < many
    ratio = data.narrated_weights[rare][0] / data.narrated_weights[~rare][0]
    assert ratio == pytest.approx((many / few) ** 0.7)
