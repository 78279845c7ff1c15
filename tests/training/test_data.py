"""Which clips are trained on, and what batches they come in."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core.errors import TrainingError
from nestmotion.features import FeatureLayout, encode, mirror_features
from nestmotion.text import mirror_text
from nestmotion.training.config import DataConfig
from nestmotion.training.data import Batch, TrainingData, is_validation_group, training_clips
from synthetic_corpus import StubEncoder

PATCH = 4


def _data(corpus, config, **settings) -> TrainingData:
    return TrainingData(corpus, StubEncoder(), replace(config.data, **settings), PATCH)


def _rows(data: TrainingData, seed: int = 0, epoch: int = 0, batch_size: int = 5):
    """(features without padding, sentence, has_text) of every clip of an epoch."""
    for batch in data.epoch(seed, epoch, batch_size):
        for features, sentence, has_text, valid in zip(
            batch.features, batch.sentence, batch.has_text, batch.valid, strict=True
        ):
            frames = int(valid.sum())
            normalized = features[:frames].numpy()
            yield data.normalizer.denormalize(normalized), sentence.numpy(), bool(has_text)


def _known_clips(corpus) -> list[tuple[np.ndarray, str, bool]]:
    """Features, clip name and whether mirrored, of every clip of the corpus both ways."""
    known = []
    for clip in corpus.clips:
        features = encode(corpus.motion(clip))
        known += [(features, clip.clip_id, False), (mirror_features(features), clip.clip_id, True)]
    return known


@pytest.fixture(scope="module")
def known(corpus):
    return _known_clips(corpus)


def _recognise(features: np.ndarray, known) -> tuple[str, bool]:
    found = [
        (name, mirrored)
        for clip, name, mirrored in known
        if len(clip) == len(features) and np.abs(clip - features).max() < 1e-4
    ]
    assert len(found) == 1
    return found[0]


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


def test_the_share_of_groups_held_out_is_about_the_share_asked_for():
    names = [f"{k:02d}_{j:02d}" for k in range(100) for j in range(20)]
    shares = [np.mean([is_validation_group(name, share) for name in names]) for share in (0.05, 0.5)]
    assert shares == [pytest.approx(0.05, abs=0.02), pytest.approx(0.5, abs=0.04)]
    assert not any(is_validation_group(name, 0.0) for name in names)
    assert all(is_validation_group(name, 1.0) for name in names)


def test_a_group_held_out_of_a_small_share_is_held_out_of_a_larger():
    names = [f"family {k}" for k in range(200)]
    small, large = ({n for n in names if is_validation_group(n, s)} for s in (0.1, 0.3))
    assert small < large


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
        f"folds {folds} hold {train} captioned clips to train on and {validate} to validate with; "
        "at least one of each is needed"
    )


def test_clips_shorter_than_two_tokens_are_left_out(corpus, config):
    clips = training_clips(corpus, config.data, patch_frames=15)
    assert min(len(c) for c in clips.captioned) >= 30
    assert len(clips.captioned) < len(training_clips(corpus, config.data, PATCH).captioned)


def test_held_out_motion_never_appears(corpus, config, known):
    data = _data(corpus, config, uncaptioned_share=1.0)
    clips = training_clips(corpus, config.data, PATCH)
    allowed = {c.clip_id for c in clips.captioned + clips.bare}
    seen = {
        _recognise(row[0], known)[0] for e in range(4) for row in _rows(data, epoch=e, batch_size=2)
    }
    assert seen == allowed


# Batches


def _same(a: Batch, b: Batch) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in vars(a))


def test_the_same_seed_and_epoch_give_the_same_batches(data):
    first, again = (list(data.epoch(5, 2, 4)) for _ in range(2))
    assert all(_same(a, b) for a, b in zip(first, again, strict=True))
    for other in (data.epoch(5, 3, 4), data.epoch(6, 2, 4)):
        assert not all(_same(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 7, 30, 64])
def test_an_epoch_has_the_batches_it_promises_and_no_clip_twice(data, known, batch_size):
    for epoch in range(3):
        batches = list(data.epoch(0, epoch, batch_size))
        assert len(batches) == data.batches_per_epoch(batch_size)
        assert {len(b.valid) for b in batches} == {min(batch_size, data.items_per_epoch)}
    names = [_recognise(row[0], known)[0] for row in _rows(data, batch_size=batch_size)]
    assert len(names) == len(set(names)) > data.items_per_epoch - batch_size


@pytest.mark.parametrize("batch_size", [2, 3, 5, 6])
def test_grouping_by_length_costs_no_batch(data, batch_size):
    """Resuming counts on the number of batches, also when there are many more clips than in a batch."""
    many = copy.copy(data)
    for times in (2, 5, 8):
        many.captioned = data.captioned * times
        batches = list(many.epoch(0, 0, batch_size))
        assert len(batches) == many.batches_per_epoch(batch_size) == many.items_per_epoch // batch_size


def test_a_batch_is_padded_to_whole_tokens(data):
    for batch in data.epoch(0, 0, 4):
        rows, frames, size = batch.features.shape
        assert (rows, size) == (4, FeatureLayout().size)
        assert frames % PATCH == 0
        lengths = batch.valid.sum(dim=1)
        assert 0 <= frames - int(lengths.max()) < PATCH
        assert np.array_equal(batch.valid, np.arange(frames) < lengths.numpy()[:, None])
        assert not batch.features[~batch.valid].any()


def test_clips_of_like_length_share_a_batch(data):
    spread = [int(np.ptp(b.valid.sum(dim=1).numpy())) for b in data.epoch(0, 0, 3)]
    assert np.mean(spread) < 10  # lengths are from 20 to 60


def test_captions_belong_to_their_clips_and_are_mirrored_with_them(corpus, data, known):
    captions = {c.clip_id: [caption.text for caption in c.captions] for c in corpus.clips}
    mirrored_clips = bare_clips = 0
    for features, sentence, has_text in _rows(data):
        name, mirrored = _recognise(features, known)
        texts = [mirror_text(t) if mirrored else t for t in captions[name]]
        vectors = StubEncoder().encode(texts).sentence if texts else np.zeros((0, 384))
        matches = [bool(np.array_equal(v, sentence)) for v in vectors]
        assert has_text == any(matches)
        assert has_text or not sentence.any()
        mirrored_clips += mirrored
        bare_clips += not texts
    assert mirrored_clips > 5
    assert bare_clips > 1


def test_every_caption_of_a_clip_is_drawn(corpus, config):
    data = _data(corpus, config, mirror_share=0.0, no_text_share=0.0, uncaptioned_share=0.0)
    seen = {sentence.tobytes() for e in range(8) for _, sentence, _ in _rows(data, epoch=e)}
    texts = {t.text for c in training_clips(corpus, config.data, PATCH).captioned for t in c.captions}
    assert seen == {v.tobytes() for v in StubEncoder().encode(sorted(texts)).sentence}


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_that_is_mirrored(corpus, config, known, share):
    data = _data(corpus, config, mirror_share=share, uncaptioned_share=0.0)
    found = np.mean([_recognise(row[0], known)[1] for e in range(6) for row in _rows(data, epoch=e)])
    assert found == (share if share in (0, 1) else pytest.approx(share, abs=0.12))


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_share_trained_without_text(corpus, config, share):
    data = _data(corpus, config, no_text_share=share, uncaptioned_share=0.0)
    found = 1 - np.mean([row[2] for e in range(20) for row in _rows(data, epoch=e)])
    assert found == (share if share in (0, 1) else pytest.approx(share, abs=0.04))


@pytest.mark.parametrize("share", [0.0, 0.1, 100.0])
def test_uncaptioned_motion_is_a_share_of_the_captioned(corpus, config, share):
    data = _data(corpus, config, uncaptioned_share=share, no_text_share=0.0)
    clips = training_clips(corpus, config.data, PATCH)
    expected = min(round(share * len(clips.captioned)), len(clips.bare))
    assert data.items_per_epoch == len(clips.captioned) + expected
    assert sum(not row[2] for row in _rows(data, batch_size=1)) == expected


def test_uncaptioned_motion_is_drawn_anew_each_epoch(corpus, config, known):
    data = _data(corpus, config, uncaptioned_share=0.05, no_text_share=0.0)
    drawn = set()
    for epoch in range(8):
        rows = _rows(data, epoch=epoch, batch_size=1)
        drawn.add(frozenset(_recognise(features, known)[0] for features, _, text in rows if not text))
    assert len(drawn) > 2


def test_validation_is_every_held_out_clip_once_as_it_is(corpus, config, data, known):
    clips = {c.clip_id: c for c in training_clips(corpus, config.data, PATCH).validation}
    names = []
    for batch in data.validation_batches(4):
        assert batch.has_text.all()
        for features, sentence, valid in zip(batch.features, batch.sentence, batch.valid, strict=True):
            motion = data.normalizer.denormalize(features[valid].numpy())
            name, mirrored = _recognise(motion, known)
            assert not mirrored
            first = clips[name].captions[0].text
            assert np.array_equal(sentence, StubEncoder().encode([first]).sentence[0])
            names.append(name)
    assert sorted(names) == sorted(clips)


def test_the_normalizer_is_fitted_on_captioned_training_clips_both_ways(corpus, config, data):
    clips = training_clips(corpus, config.data, PATCH).captioned
    features = [encode(corpus.motion(c)) for c in clips]
    frames = np.concatenate([*features, *map(mirror_features, features)]).astype(np.float64)
    assert np.abs(data.normalizer.mean - frames.mean(axis=0)).max() < 1e-5
    side = FeatureLayout()["root_path"].start
    assert data.normalizer.mean[side] == pytest.approx(0, abs=1e-6)


def test_sentence_statistics_are_those_of_training_captions_both_ways(corpus, config, data, known):
    clips = training_clips(corpus, config.data, 4).captioned
    texts = [t for clip in clips for c in clip.captions for t in (c.text, mirror_text(c.text))]
    vectors = StubEncoder().encode(texts).sentence
    np.testing.assert_allclose(data.sentence_mean, vectors.mean(axis=0), atol=1e-6)
    std = vectors.std(axis=0)
    np.testing.assert_allclose(data.sentence_std, np.maximum(std, 0.2 * std.mean()), atol=1e-6)


def test_reading_tells_its_progress(corpus, config):
    told: list[tuple[int, int]] = []
    small = DataConfig(train_folds=(1,), validation_share=0.2, uncaptioned_share=0.0)
    TrainingData(corpus, StubEncoder(), small, PATCH, progress=lambda *numbers: told.append(numbers))
    assert told == [(k + 1, len(told)) for k in range(len(told))]
    assert len(told) > 5
