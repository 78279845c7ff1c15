"""T2M-Compose: from a prepared corpus to another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nestmotion.core.errors import CorpusError, OutputError, SettingsError
from nestmotion.corpus import Caption, Clip, PreparedCorpus, prepare
from nestmotion.corpus.compose import ComposeSettings, compose
from nestmotion.corpus.splits import groups_of, is_validation_clip, is_validation_group
from synthetic_corpus import MemorySource, captioned_trial

SETTINGS = ComposeSettings(count=24)

# Ten actions that say little of the same.
WORDS = (
    "walks forward", "sits down", "raises an arm", "jumps high", "waves hello", "kicks a ball",
    "dances slowly", "stretches", "throws something", "bows",
)  # fmt: skip
COUNTED = "a person hops four times"
LONG = "a person walks, then turns, then sits"


def _trials():
    """In folds 0 and 1: short and long clips, of training and validation groups, and what is unfit."""
    trials = []
    for fold in (0, 1):
        names = (f"f{fold}g{k}" for k in range(1000))
        held_out = [n for n in names if is_validation_group(n)][:4]
        names = (f"f{fold}h{k}" for k in range(1000))
        trained = [n for n in names if not is_validation_group(n)][:8]
        for k, group in enumerate(held_out + trained):
            texts = [f"a person {WORDS[k % 10]}.", f"a man {WORDS[k % 10]}"]
            trials.append(captioned_trial(f"{group}_a", group, fold, texts, 60 if k % 2 else 180))
        trials.append(captioned_trial(f"f{fold}_counted", trained[0], fold, [COUNTED], 190))
        trials.append(captioned_trial(f"f{fold}_long", trained[1], fold, [LONG], 190))
        trials.append(captioned_trial(f"f{fold}_bare", trained[2], fold, [], 100))
    return trials


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> PreparedCorpus:
    folder = tmp_path_factory.mktemp("corpus") / "c"
    prepare(MemorySource(_trials()), folder)
    return PreparedCorpus.open(folder)


@pytest.fixture(scope="module")
def composed(corpus, tmp_path_factory) -> PreparedCorpus:
    folder = tmp_path_factory.mktemp("composed") / "c"
    compose(corpus, folder, SETTINGS)
    return PreparedCorpus.open(folder)


def _parts(clip: Clip, corpus: PreparedCorpus) -> list[Clip]:
    """The clips of its parts; trials have one captioned clip each."""
    of_trial = {c.trial: c for c in corpus.clips if c.captions}
    return [of_trial[name] for name in clip.trial.split("+")]


def test_it_is_a_prepared_corpus(composed, corpus):
    assert len(composed.clips) == SETTINGS.count == composed.manifest["clips"]
    assert composed.manifest["captioned_clips"] == SETTINGS.count
    assert composed.fps == corpus.fps == 20
    assert composed.manifest["source"] == "compositions of memory"
    assert composed.manifest["licence"] == corpus.manifest["licence"]
    assert composed.manifest["settings"]["count"] == SETTINGS.count
    assert len({c.clip_id for c in composed.clips}) == SETTINGS.count
    for clip in composed.clips:
        motion = composed.motion(clip)
        assert len(motion) == len(clip) == clip.stop - clip.start
        assert 3.0 <= motion.duration_s <= 10.0


def test_folds_and_held_out_groups_are_not_mixed(composed, corpus):
    kinds = set()
    for clip in composed.clips:
        parts = _parts(clip, corpus)
        assert {p.fold for p in parts} == {clip.fold}
        assert groups_of(clip) == tuple(dict.fromkeys(p.group for p in parts))
        held_out = {is_validation_group(p.group) for p in parts}
        assert held_out == {is_validation_clip(clip.group)}
        kinds.add((clip.fold, *held_out))
    assert kinds == {(0, False), (0, True), (1, False), (1, True)}


def test_every_kind_has_its_share(composed):
    held_out = [c for c in composed.clips if is_validation_clip(c.group)]
    # 4 of the 14 captioned clips of either fold.
    assert len(held_out) == pytest.approx(SETTINGS.count * 4 / 14, abs=1)
    assert [sum(c.fold == k for c in composed.clips) for k in (0, 1)] == [12, 12]


def test_actions_are_in_order_and_fill_the_clip(composed, corpus):
    for clip in composed.clips:
        assert 2 <= len(clip.captions) <= 3
        parts = _parts(clip, corpus)
        assert len({p.clip_id for p in parts}) == len(parts) >= 2
        times = [[(a.start_s, a.end_s) for a in c.actions] for c in clip.captions]
        assert all(t == times[0] for t in times)
        edges = [0.0, *(end for _, end in times[0])]
        assert [start for start, _ in times[0]] == edges[:-1]
        assert edges[-1] == pytest.approx(len(clip) / 20)
        assert min(np.diff(edges)) >= 1.5 - 1e-9
        for caption in clip.captions:
            for part, span in zip(parts, caption.actions, strict=True):
                said = part.captions[0].text.removeprefix("a person ").rstrip(".")
                assert said in caption.text[span.start_char : span.end_char]


def test_each_stretch_is_its_part(composed, corpus):
    """Between transitions the local rotations are those of some stretch of the part's clip."""
    for clip in composed.clips[:8]:
        quat = composed.motion(clip).quat_local_xyzw[:, 1:]
        spans = clip.captions[0].actions
        for part, span in zip(_parts(clip, corpus), spans, strict=True):
            middle = quat[round(span.start_s * 20) + 7 : round(span.end_s * 20) - 7]
            original = corpus.motion(part).quat_local_xyzw[:, 1:]
            windows = range(len(original) - len(middle) + 1)
            off = [np.abs(original[k : k + len(middle)] - middle).max() for k in windows]
            assert min(off) < 2e-3  # packed twice, to 1/4095 each time


def test_clips_with_counts_or_several_actions_are_not_cropped(composed, corpus):
    used = {p.captions[0].text for clip in composed.clips for p in _parts(clip, corpus)}
    assert not used & {COUNTED, LONG}
    assert "a person walks forward." in used


def test_the_same_settings_give_the_same_bytes_and_another_seed_others(corpus, tmp_path):
    small = replace(SETTINGS, count=6)
    for name, settings in (("a", small), ("b", small), ("c", replace(small, seed=1))):
        compose(corpus, tmp_path / name, settings)
    a, b, c = ({f.name: f.read_bytes() for f in (tmp_path / n).iterdir()} for n in "abc")
    assert a == b
    assert a["part-000.jsonl"] != c["part-000.jsonl"]


def test_progress(corpus, tmp_path):
    told = []
    compose(corpus, tmp_path / "c", replace(SETTINGS, count=4), progress=lambda *k: told.append(k))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_details(corpus, tmp_path):
    compose(corpus, tmp_path / "c", replace(SETTINGS, count=4, details=1.0))
    for clip in PreparedCorpus.open(tmp_path / "c").clips:
        for caption in clip.captions:
            spans = caption.actions
            assert spans[0].start_char > 0 or len(caption.text) > spans[-1].end_char + 5


# Mistakes


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"count": 0}, "the count of compositions must be at least 1, not 0"),
        ({"details": 1.5}, "the share of details must be from 0 to 1, not 1.5"),
        (
            {"shortest_part_s": 0.5},
            "a part must last at least 0.6 s, as long as a transition, not 0.5 s",
        ),
        ({"longest_s": 2.9}, "two parts of 1.5 s do not fit in 2.9 s"),
    ],
)
def test_settings_that_cannot_be(changed, message):
    with pytest.raises(SettingsError) as error:
        ComposeSettings(**changed)
    assert str(error.value) == message


def test_the_corpus_itself_is_not_overwritten(corpus):
    with pytest.raises(OutputError) as error:
        compose(corpus, corpus.folder, SETTINGS, force=True)
    assert str(error.value) == f"{corpus.folder}: is the corpus that is read; choose another folder"
    assert PreparedCorpus.open(corpus.folder).clips == corpus.clips


def test_a_folder_with_something_in_it(corpus, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty; use --force"):
        compose(corpus, tmp_path, SETTINGS)
    assert (tmp_path / "note.txt").read_text() == "mine"


def test_nothing_to_join(tmp_path):
    trials = [captioned_trial("a", "a", 0, ["a person walks"], 60)]
    prepare(MemorySource(trials), tmp_path / "c")
    corpus = PreparedCorpus.open(tmp_path / "c")
    with pytest.raises(CorpusError) as error:
        compose(corpus, tmp_path / "out")
    assert str(error.value) == f"{tmp_path / 'c'}: no fold holds two clips that can be joined"
    assert not (tmp_path / "out").exists()


# Captions with spans in the format of the corpus


def test_captions_of_corpora_made_before_there_were_spans():
    assert Caption.from_dict({"text": "walks", "start_s": 1.0, "end_s": None}) == Caption("walks", 1.0)


def test_a_clip_as_plain_data(composed):
    clip = composed.clips[0]
    assert Clip.from_dict(json.loads(json.dumps(clip.to_dict())), clip.part) == clip
    plain = replace(clip, captions=(Caption("walks"),))
    assert list(plain.to_dict()["captions"]) == [{"text": "walks", "start_s": None, "end_s": None}]


def test_files_without_compositions_know_no_actions(corpus):
    assert "actions" not in Path(corpus.folder / "part-000.jsonl").read_text()
