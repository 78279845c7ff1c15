"""Mean and scale of every feature column."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core.errors import SettingsError
from nestmotion.features import FeatureLayout, Normalizer
from nestmotion.features.normalizer import FLOOR_SHARE

LAYOUT = FeatureLayout()


def _clips(seed: int = 0) -> list[np.ndarray]:
    """Clips of several lengths whose columns all have an offset and about the same scale."""
    rng = np.random.default_rng(seed)
    offset = rng.uniform(-3, 3, LAYOUT.size)
    return [
        (offset + rng.normal(size=(frames, LAYOUT.size))).astype(np.float32) for frames in (40, 7, 90)
    ]


CLIPS = _clips()


def test_statistics_are_those_of_all_frames_together():
    clips = _clips()
    normalizer = Normalizer.fit(iter(clips), LAYOUT)
    frames = np.concatenate(clips).astype(np.float64)
    assert np.abs(normalizer.mean - frames.mean(axis=0)).max() < 1e-6
    assert np.abs(normalizer.std - frames.std(axis=0)).max() < 1e-6
    assert normalizer.mean.dtype == normalizer.std.dtype == np.float32


def test_normalised_frames_have_zero_mean_and_unit_scale():
    clips = _clips()
    normalizer = Normalizer.fit(clips, LAYOUT)
    normalized = normalizer.normalize(np.concatenate(clips))
    assert np.abs(normalized.mean(axis=0)).max() < 1e-5
    assert np.abs(normalized.std(axis=0) - 1).max() < 1e-5


@given(st.integers(0, 2**32 - 1))
def test_round_trip(seed):
    normalizer = Normalizer.fit(CLIPS, LAYOUT)
    features = np.random.default_rng(seed).normal(scale=5, size=(2, 6, LAYOUT.size)).astype(np.float32)
    again = normalizer.denormalize(normalizer.normalize(features))
    assert again.dtype == np.float32
    assert np.abs(again - features).max() < 1e-5


def test_a_column_that_hardly_moves_is_not_blown_up():
    clips = _clips()
    still = LAYOUT["rotations"].start + 7
    for clip in clips:
        clip[:, still] = 0.5
    std = Normalizer.fit(clips, LAYOUT).std
    frames = np.concatenate(clips)[:, LAYOUT["rotations"]].astype(np.float64)
    typical = np.sqrt(frames.var(axis=0).mean())
    assert std[still] == pytest.approx(FLOOR_SHARE * typical, rel=1e-5)
    assert std[still - 1] > 0.8


def test_a_block_that_never_moves_still_has_a_scale():
    normalizer = Normalizer.fit([np.ones((5, LAYOUT.size), dtype=np.float32)], LAYOUT)
    assert np.abs(normalizer.std - 1e-6).max() < 1e-12
    assert np.isfinite(normalizer.normalize(np.ones((2, LAYOUT.size), dtype=np.float32))).all()


def test_survives_json():
    normalizer = Normalizer.fit(_clips(), LAYOUT)
    text = json.dumps({key: value.tolist() for key, value in normalizer.to_arrays().items()})
    again = Normalizer.from_arrays({key: np.array(v) for key, v in json.loads(text).items()})
    assert np.array_equal(again.mean, normalizer.mean)
    assert np.array_equal(again.std, normalizer.std)


ONES = np.ones(3, dtype=np.float32)
LENGTHS = "normalizer: mean and std must be finite and of one length"
POSITIVE = "normalizer: every std must be positive"


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        (ONES, ONES[:2], LENGTHS),
        (ONES * np.float32(np.nan), ONES, LENGTHS),
        (ONES, ONES * 0, POSITIVE),
        (ONES, -ONES, POSITIVE),
        (ONES, ONES * np.float32(np.inf), POSITIVE),
    ],
)
def test_unusable_numbers_are_refused(unchecked, mean, std, message):
    with pytest.raises(SettingsError) as error:
        Normalizer(mean, std)
    assert str(error.value) == message


def test_nothing_to_fit():
    with pytest.raises(SettingsError) as error:
        Normalizer.fit([], LAYOUT)
    assert str(error.value) == "normalizer: no frames to fit"
