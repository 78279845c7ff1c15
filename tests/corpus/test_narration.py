"""Captions by rules: they say what the motion does, with its sides and times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nestmotion.core.edit import concatenate, mirror
from nestmotion.core.errors import CorpusError, OutputError, SettingsError
from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.corpus.captions import mirror_caption
from nestmotion.corpus.narrate import NarrateSettings, narrate_corpus
from nestmotion.corpus.narration import narrate
from synthetic_corpus import MemorySource, captioned_trial
from synthetic_motion import SITS, bent, glide


def told(motion, seed=0):
    caption = narrate(motion, np.random.default_rng(seed))
    return None if caption is None else caption.text


@pytest.mark.parametrize(
    ("motion", "word"),
    [
        (glide(turn_rad_s=1.0, frames=30), "left"),
        (glide(left_m_s=-0.6), "right"),
        (glide(ahead_m_s=1.0, turn_rad_s=1.2, frames=120), "circle"),
        (glide(ahead_m_s=-0.8), "back"),
        (glide(), "stand"),
        (bent(glide(), "left_shoulder", (0, 0, 1), 1.0, slice(20, 60)), "left"),
    ],
)
def test_it_says_what_is_done(motion, word):
    texts = {told(motion, seed) for seed in range(12)}
    assert len(texts) > 3
    otherwise = {"left": "counter", "stand": "stays"}.get(word, word)
    assert all(word in text or otherwise in text for text in texts)


def test_actions_are_told_in_their_order_with_their_times():
    motion = concatenate([glide(ahead_m_s=1.0, frames=60), glide(turn_rad_s=-1.0, frames=40)])
    caption = narrate(motion, np.random.default_rng(0))
    first, second = caption.actions
    assert first.start_s == 0
    assert first.end_s == second.start_s == pytest.approx(3.0, abs=0.3)
    assert second.end_s == 5.0
    words = [caption.text[a.start_char : a.end_char] for a in caption.actions]
    assert any(verb in words[0] for verb in ("walk", "step"))
    assert any(side in words[1] for side in ("right", "clockwise"))
    assert "counter" not in words[1]


def test_what_is_told_of_the_mirror_image_is_the_mirrored_caption():
    motion = concatenate([glide(left_m_s=0.6), glide(turn_rad_s=1.0, frames=30)])
    for seed in range(6):
        rng, other = np.random.default_rng(seed), np.random.default_rng(seed)
        assert narrate(mirror(motion), rng) == mirror_caption(narrate(motion, other))


def test_a_short_pause_is_passed_over_and_what_follows_is_the_same_walk():
    walk, pause = glide(ahead_m_s=1.0, frames=60), glide(frames=20)
    caption = narrate(concatenate([walk, pause, walk]), np.random.default_rng(0))
    assert len(caption.actions) == 1


def test_nothing_is_told_of_who_lies_or_of_who_stands_with_busy_arms():
    assert told(bent(glide(), "pelvis", (1, 0, 0), 1.5, slice(0, 100))) is None
    quat = glide().quat_local_xyzw.copy()
    sway = bent(glide(), "left_elbow", (0, 1, 0), -1.0, slice(0, 100)).quat_local_xyzw
    quat[::2] = sway[::2]
    assert told(replace(glide(), quat_local_xyzw=quat)) is None


def _corpus(tmp_path, name="c"):
    trials = [captioned_trial(f"t{k}", f"g{k}", k % 2, ["a person waits"], 120) for k in range(3)]
    trials.append(captioned_trial("bare", "g9", 1, [], 120))
    prepare(MemorySource(trials), tmp_path / name)
    return PreparedCorpus.open(tmp_path / name)


def test_a_narrated_corpus_keeps_groups_and_folds_and_is_always_the_same(tmp_path):
    corpus = _corpus(tmp_path)
    settings = NarrateSettings(windows=1)
    manifest = narrate_corpus(corpus, tmp_path / "told", settings)
    found = PreparedCorpus.open(tmp_path / "told")
    assert manifest["clips"] == len(found.clips) > 0
    home = {c.group: c.fold for c in corpus.clips}
    assert all(home[c.group] == c.fold for c in found.clips)
    assert all(len(found.motion(c)) == len(c) for c in found.clips)
    assert all(a.end_s <= len(c) / 20 for c in found.clips for k in c.captions for a in k.actions)
    assert narrate_corpus(corpus, tmp_path / "again", settings)["files"] == manifest["files"]


def test_whoever_sits_down_is_told_of_again_and_backwards(tmp_path):
    trial = replace(captioned_trial("t", "g", 0, ["a man sits"], len(SITS)), motion=SITS)
    prepare(MemorySource([trial]), tmp_path / "c")
    corpus = PreparedCorpus.open(tmp_path / "c")
    counts = []
    for seats in (0, 2):
        out = tmp_path / f"told {seats}"
        narrate_corpus(corpus, out, NarrateSettings(windows=0, captions=1, seats=seats))
        counts.append(len(PreparedCorpus.open(out).clips))
    # One sits down and stands up, and backwards again, each twice.
    assert counts == [1, 1 + 2 * 2 * 2]
    texts = [c.captions[0].text for c in PreparedCorpus.open(tmp_path / "told 2").clips]
    assert all(any(w in t for w in ("sit", "seat", "stands up", "gets up", "rises")) for t in texts)


def test_narrating_refuses_what_it_cannot_do(tmp_path):
    corpus = _corpus(tmp_path)
    with pytest.raises(OutputError) as same:
        narrate_corpus(corpus, corpus.folder)
    assert str(same.value) == f"{corpus.folder}: is the corpus that is read; choose another folder"
    with pytest.raises(SettingsError) as wrong:
        NarrateSettings(captions=0)
    assert str(wrong.value) == "windows and seats must be 0 or more and captions 1 or more"
    lying = MemorySource([replace(captioned_trial("t", "g", 0, ["a man lies"], 60), motion=_lying())])
    prepare(lying, tmp_path / "lying")
    with pytest.raises(CorpusError) as nothing:
        narrate_corpus(PreparedCorpus.open(tmp_path / "lying"), tmp_path / "out")
    assert str(nothing.value) == (
        f"{tmp_path / 'lying'}: holds no clip of which the rules can tell anything"
    )


def _lying():
    return bent(glide(frames=60), "pelvis", (1, 0, 0), 1.5, slice(0, 60))
