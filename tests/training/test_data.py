"""Which clips are trained on, and what batches they come in."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from nestmotion.core.errors import TrainingError
from nestmotion.corpus.splits import is_validation_clip, is_validation_group
from nestmotion.features import FeatureLayout, encode, mirror_features
from nestmotion.models import Targets
from nestmotion.text import mirror_text
from nestmotion.text.nodes import MOST_TURNS
from nestmotion.training.config import DataConfig
from nestmotion.training.data import TrainingData, training_clips
from training_rows import Names, epoch_rows, rows_of

PATCH, MULTIPLE = 4, 16


@pytest.fixture(scope="module")
def names(corpus, composed) -> Names:
    return Names(corpus, composed)


# Which clips


def test_clips_are_divided_by_fold_and_group(corpus, config):
    clips = training_clips(corpus, config.data, PATCH)
    held_out = {f"family {k}" for k in range(30) if is_validation_group(f"family {k}", 0.2)}
    of_folds = [c for c in corpus.clips if c.fold in (1, 2)]
    assert len(of_folds) == 40
    assert {c.clip_id for c in clips.captioned} == {
        c.clip_id for c in of_folds if c.captions and c.group not in held_out
    }
    assert {c.group for c in clips.validation} == held_out & {c.group for c in of_folds}
    assert all(c.captions for c in clips.validation)
    assert all(not c.captions and c.group not in held_out for c in clips.bare)
    assert min(len(clips.captioned), len(clips.validation), len(clips.bare)) > 2


def test_a_composition_is_held_out_when_one_of_its_groups_is(composed, config):
    clips = training_clips(composed, config.data, PATCH)
    for clip in clips.captioned:
        assert not any(is_validation_group(name, 0.2) for name in clip.group.split("+"))
    for clip in clips.validation:
        assert any(is_validation_group(name, 0.2) for name in clip.group.split("+"))
        assert is_validation_clip(clip.group, 0.2)
    assert min(len(clips.captioned), len(clips.validation)) > 1


@pytest.mark.parametrize(
    ("settings", "folds", "train", "validate"),
    [
        ({"train_folds": (3, 4)}, (3, 4), 0, 0),
        ({"validation_share": 1.0}, (1, 2), 0, 32),
        ({"validation_share": 0.0}, (1, 2), 32, 0),
    ],
)
def test_nothing_to_train_on_or_to_validate_with(corpus, config, settings, folds, train, validate):
    with pytest.raises(TrainingError) as error:
        training_clips(corpus, replace(config.data, **settings), PATCH)
    assert str(error.value) == (
        f"{corpus.folder}: folds {folds} hold {train} captioned clips to train on and {validate} to "
        "validate with; at least one of each is needed"
    )


def test_clips_shorter_than_two_tokens_are_left_out(corpus, config):
    clips = training_clips(corpus, config.data, patch_frames=15)
    assert min(len(c) for c in clips.captioned) >= 30
    assert len(clips.captioned) < len(training_clips(corpus, config.data, PATCH).captioned)


def test_held_out_motion_never_appears(corpus, composed, config, composed_data, with_settings, names):
    data = with_settings(composed_data, uncaptioned_share=1.0, composed_share=1.0)
    clips = training_clips(corpus, config.data, PATCH)
    more = training_clips(composed, config.data, PATCH)
    allowed = {c.clip_id for c in [*clips.captioned, *clips.bare, *more.captioned]}
    seen = {names(row.features)[0] for e in range(4) for row in epoch_rows(data, epoch=e, batch_size=2)}
    assert seen == allowed


# Batches


def _same(a: Targets, b: Targets) -> bool:
    ours, theirs = (
        [x.features, x.valid, x.known, x.turns, *x.condition.tensors().values()] for x in (a, b)
    )
    return all(torch.equal(x, y) for x, y in zip(ours, theirs, strict=True))


def test_the_same_seed_and_epoch_give_the_same_batches(composed_data):
    data = composed_data
    first, again = (list(data.epoch(5, 2, 4)) for _ in range(2))
    assert all(_same(a, b) for a, b in zip(first, again, strict=True))
    for other in (data.epoch(5, 3, 4), data.epoch(6, 2, 4)):
        assert not all(_same(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 7, 30, 64])
def test_an_epoch_has_the_batches_it_promises_and_no_clip_twice(data, names, batch_size):
    batches = list(data.epoch(0, 0, batch_size))
    assert len(batches) == data.batches_per_epoch(batch_size)
    assert {len(b) for b in batches} == {min(batch_size, data.items_per_epoch)}
    found = [names(row.features)[0] for b in batches for row in rows_of(data, b)]
    assert len(found) == len(set(found)) > data.items_per_epoch - batch_size


@pytest.mark.parametrize("batch_size", [2, 5])
def test_grouping_by_length_costs_no_batch(data, batch_size):
    """Resuming counts on the number of batches, also when there are many more clips than in a batch."""
    many = copy.copy(data)
    for times in (2, 5):
        many.captioned = data.captioned * times
        many.weights = np.tile(data.weights, times)
        batches = list(many.epoch(0, 0, batch_size))
        assert len(batches) == many.batches_per_epoch(batch_size) == many.items_per_epoch // batch_size


def test_a_batch_is_padded_to_whole_coarse_tokens(data):
    for batch in data.epoch(0, 0, 4):
        rows, frames, size = batch.features.shape
        assert (rows, size) == (4, FeatureLayout().size)
        assert frames % MULTIPLE == 0
        lengths = batch.valid.sum(dim=1)
        assert 0 <= frames - int(lengths.max()) < MULTIPLE
        assert np.array_equal(batch.valid, np.arange(frames) < lengths.numpy()[:, None])
        assert not batch.features[~batch.valid].any()
        assert not batch.known[~batch.valid].any()
        assert batch.turns.shape == (4, frames // PATCH, MOST_TURNS)


def test_clips_of_like_length_share_a_batch(data):
    spread = [int(np.ptp(b.valid.sum(dim=1).numpy())) for b in data.epoch(0, 0, 3)]
    assert np.mean(spread) < 10  # lengths are from 20 to 60


def test_captions_belong_to_their_clips_and_are_mirrored_with_them(corpus, data, encoder, names):
    captions = {c.clip_id: [caption.text for caption in c.captions] for c in corpus.clips}
    nothing = encoder.encode(["."]).sentence[0]
    mirrored_clips = bare_clips = 0
    for row in epoch_rows(data):
        name, mirrored = names(row.features)
        texts = [mirror_text(t) if mirrored else t for t in captions[name]]
        vectors = [encoder.encode([text]).sentence[0] for text in texts]
        matches = [np.abs(v - row.sentence).max() < 1e-6 for v in vectors]
        assert row.has_text == any(matches)
        assert row.has_text or np.abs(row.sentence - nothing).max() < 1e-6
        mirrored_clips += mirrored
        bare_clips += not texts
    assert mirrored_clips > 5
    assert bare_clips > 1


def test_nodes_are_those_of_the_sentence(data):
    """By the sentence vector, which tells the texts apart."""
    by_sentence = {data.texts.sentence(text).tobytes(): text for text in data.texts.rows}
    assert len(by_sentence) == len(data.texts.rows)
    for batch in data.epoch(0, 0, 5):
        for row, sentence in enumerate(batch.condition.sentence.numpy()):
            nodes = data.texts.nodes_of(by_sentence[sentence.tobytes()])
            count = len(nodes)
            for field in fields(nodes):
                found = getattr(batch.condition, f"node_{field.name}")[row].numpy()
                assert np.array_equal(found[:count], getattr(nodes, field.name)), field.name
                assert not found[count:].any()


def test_every_caption_of_a_clip_is_drawn(corpus, config, data, with_settings):
    data = with_settings(data, mirror_share=0.0, no_text_share=0.0, uncaptioned_share=0.0)
    seen = {row.sentence.tobytes() for e in range(8) for row in epoch_rows(data, epoch=e)}
    texts = {t.text for c in training_clips(corpus, config.data, PATCH).captioned for t in c.captions}
    assert seen == {data.texts.sentence(text).tobytes() for text in texts}


# Shares


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_that_is_mirrored(data, with_settings, names, share):
    data = with_settings(data, mirror_share=share, uncaptioned_share=0.0)
    found = np.mean([names(row.features)[1] for e in range(6) for row in epoch_rows(data, epoch=e)])
    assert found == (share if share in (0, 1) else pytest.approx(share, abs=0.12))


def test_twins_stand_beside_their_mirror_images(data, with_settings):
    data = with_settings(data, twins=True, no_text_share=0.3)
    assert data.batches_per_epoch(6) == max(data.items_per_epoch // 3, 1)
    for batch in data.epoch(0, 0, 6):
        half = len(batch.features) // 2
        assert half == 3
        for k in range(half):
            real = batch.valid[k].numpy()
            one, other = (
                data.normalizer.denormalize(batch.features[row].numpy()[real]) for row in (k, k + half)
            )
            np.testing.assert_allclose(mirror_features(one), other, atol=1e-4)
            assert torch.equal(batch.known[k], batch.known[k + half])
            assert batch.condition.has_text[k] == batch.condition.has_text[k + half]
            assert torch.equal(batch.turns[k], batch.turns[k + half])


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_share_trained_without_text(data, with_settings, share):
    data = with_settings(data, no_text_share=share, uncaptioned_share=0.0)
    found = 1 - np.mean([row.has_text for e in range(20) for row in epoch_rows(data, epoch=e)])
    assert found == (share if share in (0, 1) else pytest.approx(share, abs=0.04))


@pytest.mark.parametrize("on", [True, False])
def test_half_of_the_clips_have_something_given(data, with_settings, on):
    data = with_settings(data, known_values=on)
    found = np.mean([row.known.any() for e in range(10) for row in epoch_rows(data, epoch=e)])
    assert found == (pytest.approx(0.5, abs=0.1) if on else 0)


@pytest.mark.parametrize("share", [0.0, 0.1, 100.0])
def test_uncaptioned_motion_is_a_share_of_the_captioned(corpus, config, data, with_settings, share):
    data = with_settings(data, uncaptioned_share=share, no_text_share=0.0)
    clips = training_clips(corpus, config.data, PATCH)
    expected = min(round(share * len(clips.captioned)), len(clips.bare))
    assert data.items_per_epoch == len(clips.captioned) + expected
    assert sum(not row.has_text for row in epoch_rows(data, batch_size=1)) == expected


def test_uncaptioned_motion_is_drawn_anew_each_epoch(data, with_settings, names):
    data = with_settings(data, uncaptioned_share=0.05, no_text_share=0.0)
    drawn = set()
    for epoch in range(8):
        rows = epoch_rows(data, epoch=epoch, batch_size=1)
        drawn.add(frozenset(names(row.features)[0] for row in rows if not row.has_text))
    assert len(drawn) > 2


@pytest.mark.parametrize("share", [0.0, 0.2, 100.0])
def test_compositions_are_a_share_of_the_captioned(composed_data, with_settings, names, share):
    data = with_settings(composed_data, composed_share=share, uncaptioned_share=0.0)
    expected = min(round(share * len(data.captioned)), len(data.composed))
    assert data.items_per_epoch == len(data.captioned) + expected
    rows = epoch_rows(data, batch_size=1)
    assert sum(names(row.features)[0].startswith("c") for row in rows) == expected


def test_without_a_share_nothing_more_is_read(composed, read):
    data = read(composed, composed_share=0.0, uncaptioned_share=0.0)
    assert (data.bare, data.composed, data.composed_validation) == ([], [], [])
    assert not any("then" in text for text in data.texts.rows)


def test_motion_may_be_given_the_description_of_its_recording(corpus, read, with_settings, names):
    data = read(uncaptioned_share=1.0, described=True)
    data = with_settings(data, no_text_share=0.0, mirror_share=0.0)
    by_sentence = {data.texts.sentence(text).tobytes(): text for text in data.texts.rows}
    found = {
        names(row.features)[0]: by_sentence[row.sentence.tobytes()]
        for row in epoch_rows(data, batch_size=1)
    }
    clips = {c.clip_id: c for c in corpus.clips}
    bare = [name for name in found if not clips[name].captions]
    assert len(bare) > 2
    texts = {c.description.lower() for name, c in clips.items() if name in bare}
    assert {data.texts.sentence(found[name]).tobytes() for name in bare} == {
        data.texts.sentence(text).tobytes() for text in texts
    }


# Turns


def test_turns_of_compositions_are_where_their_spans_say(composed_data, with_settings, names):
    """The second action begins after 0.4 of the clip; a token counts by its middle."""
    data = with_settings(composed_data, composed_share=1.0, no_text_share=0.0)
    seen = 0
    for row in epoch_rows(data, batch_size=3):
        if not names(row.features)[0].startswith("c"):
            assert not row.turns.any()
            continue
        seconds = len(row.features) / 20
        middle = (np.arange(len(row.turns)) + 0.5) * PATCH / 20
        real = np.arange(len(row.turns)) * PATCH < len(row.features)
        turn = round(0.4 * seconds, 2)
        assert np.array_equal(row.turns[:, 0], real & (middle < turn))
        assert np.array_equal(row.turns[:, 1], real & (middle >= turn) & (middle < seconds))
        assert not row.turns[:, 2:].any()
        assert row.turns[:, :2].any(axis=0).all()
        seen += 1
    assert seen == len(data.composed)


def test_without_text_no_turn_is_told(composed_data, with_settings):
    data = with_settings(composed_data, composed_share=1.0, no_text_share=1.0)
    assert not any(row.turns.any() or row.has_text for row in epoch_rows(data))


# Balance


def test_draws_follow_the_weights(data, with_settings, names):
    """A clip of weight 2 comes twice, one of weight 1/2 every other epoch, all others once."""
    data = with_settings(data, uncaptioned_share=0.0)
    total = len(data.captioned)
    data.weights = np.ones(total)
    data.weights[:3] = (2.0, 0.5, 0.5)
    own = [names(item.features)[0] for item in data.captioned]
    epochs = 30
    count: Counter[str] = Counter()
    for epoch in range(epochs):
        found = Counter(names(row.features)[0] for row in epoch_rows(data, epoch=epoch, batch_size=1))
        assert sum(found.values()) == total
        assert found[own[0]] == 2
        assert all(found[name] == 1 for name in own[3:])
        count += found
    assert all(5 < count[name] < 25 for name in own[1:3])


# Validation and statistics


def test_validation_is_every_held_out_clip_once_as_it_is(corpus, config, data, names):
    clips = {c.clip_id: c for c in training_clips(corpus, config.data, PATCH).validation}
    found = []
    for batch in data.validation_batches(4):
        assert batch.condition.has_text.all()
        assert not batch.known.any()
        for row in rows_of(data, batch):
            name, mirrored = names(row.features)
            assert not mirrored
            first = clips[name].captions[0].text
            assert np.array_equal(row.sentence, data.texts.sentence(first))
            found.append(name)
    assert sorted(found) == sorted(clips)


def test_validation_of_compositions(composed, config, composed_data, names):
    clips = training_clips(composed, config.data, PATCH).validation
    rows = [
        row
        for batch in composed_data.validation_batches(2, composed=True)
        for row in rows_of(composed_data, batch)
    ]
    assert sorted(names(row.features)[0] for row in rows) == sorted(c.clip_id for c in clips)
    assert all(row.turns.any() for row in rows)


def test_the_normalizer_is_fitted_on_captioned_training_clips_both_ways(
    corpus, config, data, composed_data
):
    clips = training_clips(corpus, config.data, PATCH).captioned
    features = [encode(corpus.motion(c)) for c in clips]
    frames = np.concatenate([*features, *map(mirror_features, features)]).astype(np.float64)
    assert np.abs(data.normalizer.mean - frames.mean(axis=0)).max() < 1e-5
    side = FeatureLayout()["root_path"].start
    assert data.normalizer.mean[side] == pytest.approx(0, abs=1e-6)
    assert np.array_equal(data.normalizer.mean, composed_data.normalizer.mean)


def test_text_statistics_are_those_of_training_captions_both_ways(corpus, config, data, encoder):
    clips = training_clips(corpus, config.data, PATCH).captioned
    captions = {c.text for clip in clips for c in clip.captions}
    texts = sorted(captions | {mirror_text(text) for text in captions})
    vectors = np.concatenate([encoder.encode([text]).sentence for text in texts])
    (mean, std), (node_mean, node_std) = data.text_statistics()
    np.testing.assert_allclose(mean, vectors.mean(axis=0), atol=1e-6)
    own = vectors.std(axis=0)
    np.testing.assert_allclose(std, np.maximum(own, 0.2 * own.mean()), atol=1e-6)
    nodes = np.concatenate([data.texts.nodes_of(text).vectors for text in data.texts.rows])
    np.testing.assert_allclose(node_mean, nodes.mean(axis=0), atol=1e-4)
    own = nodes.std(axis=0)
    np.testing.assert_allclose(node_std, np.maximum(own, 0.2 * own.mean()), atol=1e-4)


def test_reading_tells_its_progress(corpus, encoder, reader, config, cache):
    told: list[tuple[int, int]] = []
    small = DataConfig(train_folds=(1,), validation_share=0.2, uncaptioned_share=0.0)
    TrainingData(
        corpus,
        encoder,
        reader,
        small,
        config.network,
        cache=cache,
        progress=lambda *numbers: told.append(numbers),
    )
    assert told == [(k + 1, len(told)) for k in range(len(told))]
    assert len(told) > 5
