"""Preparation of a corpus from a source of made-up trials."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nestmotion.core.edit import concatenate, move, resample
from nestmotion.core.errors import CorpusError, OutputError
from nestmotion.corpus import PreparedCorpus, prepare
from nestmotion.corpus.prepare import PrepareSettings
from nestmotion.corpus.source import Caption, Dropped, Span, Trial
from synthetic_corpus import MemorySource, captioned_trial, moving, still

WALK = (Caption("a person walks"), Caption("someone walks about", 0.5, 1.5))


def _trial(name: str, motion, spans=(), group: str = "g", fold: int | None = 1) -> Trial:
    return Trial(name, group, motion, tuple(spans), fold, f"about {name}")


def _prepared(folder: Path, *trials: Trial | Dropped, **settings) -> PreparedCorpus:
    prepare(MemorySource(trials), folder / "out", PrepareSettings(**settings))
    return PreparedCorpus.open(folder / "out")


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _seven() -> list[Trial | Dropped]:
    """Captioned, bare and dropped trials of three groups."""
    captions = ["a person walks", "a person waves"]
    trials: list[Trial | Dropped] = [
        captioned_trial(f"t{k}", f"group {k // 2}", k // 2, captions[: k % 3], 30 + 5 * k)
        for k in range(6)
    ]
    return [*trials[:3], Dropped("broken", "holds NaN"), *trials[3:]]


# What becomes of the motion


def test_a_clip_is_its_span_of_the_trial(tmp_path):
    motion = moving(200, seed=1)
    corpus = _prepared(tmp_path, _trial("a", motion, [Span("c", 2.0, 6.5, WALK, "train")]))
    clip = next(c for c in corpus.clips if c.captions)
    assert (clip.clip_id, clip.trial, clip.group, clip.fold) == ("c", "a", "g", 1)
    assert (clip.captions, clip.official_split, clip.description) == (WALK, "train", "about a")
    found = corpus.motion(clip)
    assert (len(found), found.fps) == (len(clip), 20.0)
    expected = motion.frames(40, 130)
    assert np.abs(found.positions_m[:, :, [0, 2]] - expected.positions_m[:, :, [0, 2]]).max() < 1e-3
    assert np.abs(np.ptp(found.positions_m[..., 1] - expected.positions_m[..., 1])) < 2e-3


def test_another_frame_rate_becomes_the_corpus_rate(tmp_path):
    motion = moving(200, seed=2, fps=50.0)
    corpus = _prepared(tmp_path, _trial("a", motion, [Span("c", 1.0, 3.0, WALK)]))
    clip = next(c for c in corpus.clips if c.clip_id == "c")
    expected = resample(motion, 20.0).frames(20, 60)
    found = corpus.motion(clip)
    assert np.abs(found.root_m[:, [0, 2]] - expected.root_m[:, [0, 2]]).max() < 1e-3


def _lengths(corpus: PreparedCorpus) -> list[int]:
    return [len(clip) for clip in corpus.clips]


def test_long_idle_stretches_are_cut_out_but_for_their_margins(tmp_path):
    motion = concatenate([moving(60), still(200), moving(60)])
    corpus = _prepared(tmp_path, _trial("a", motion))
    assert len(corpus.clips) == 2
    assert all(75 <= length <= 90 for length in _lengths(corpus)), _lengths(corpus)
    first, last = (corpus.motion(c).root_m for c in corpus.clips)
    assert np.abs(first[0] - motion.root_m[0])[[0, 2]].max() < 1e-3
    assert np.abs(last[-1] - motion.root_m[-1])[[0, 2]].max() < 1e-3


def test_short_idle_stretches_stay(tmp_path):
    corpus = _prepared(tmp_path, _trial("a", concatenate([moving(60), still(50), moving(60)])))
    assert _lengths(corpus) == [170]


def test_a_caption_keeps_its_idle_stretch(tmp_path):
    motion = concatenate([moving(60), still(200), moving(60)])
    spans = [Span("c", 5.0, 9.0, (Caption("a person stands still"),))]
    corpus = _prepared(tmp_path, _trial("a", motion, spans))
    clip = next(c for c in corpus.clips if c.clip_id == "c")
    assert len(clip) == 80
    assert np.ptp(corpus.motion(clip).positions_m, axis=0).max() < 1e-3


def test_uncaptioned_motion_is_cut_into_equal_windows(tmp_path):
    corpus = _prepared(tmp_path, _trial("a", moving(401)))
    assert _lengths(corpus) == [134, 133, 134] or sorted(_lengths(corpus)) == [133, 134, 134]
    assert [c.clip_id for c in corpus.clips] == ["a@0", "a@134", "a@267"]
    assert all(c.captions == () for c in corpus.clips)


def test_captioned_and_uncaptioned_clips_share_no_frame_and_leave_none_out(tmp_path):
    motion = moving(300, seed=3)
    spans = [Span("c", 4.0, 6.0, WALK), Span("d", 5.0, 9.0, WALK)]
    corpus = _prepared(tmp_path, _trial("a", motion, spans))
    times = {c.clip_id: (c.start, c.stop) for c in corpus.clips}
    assert times == {"c": (80, 120), "d": (100, 180), "a@0": (0, 80), "a@180": (180, 300)}


def test_what_is_left_between_clips_must_last_a_second(tmp_path):
    spans = [Span("c", 0.9, 4.0, WALK), Span("d", 5.0, 9.05, WALK)]
    corpus = _prepared(tmp_path, _trial("a", moving(200), spans))
    assert {c.clip_id for c in corpus.clips} == {"c", "d", "a@80"}


# What is dropped, and why


def test_reasons_for_dropping(tmp_path):
    motion = moving(300)
    jump = move(motion, 0.0, (0, 0, 0)).root_m.copy()
    jump[100:, 0] += 1.0
    spans = [
        Span("short", 0.0, 0.9, WALK),
        Span("outside", 100.0, 110.0, WALK),
        Span("uncaptioned", 1.0, 3.0, ()),
        Span("fine", 3.0, 6.0, WALK),
    ]
    manifest = prepare(
        MemorySource(
            [
                _trial("a", motion, spans),
                _trial("jump", replace(motion, root_m=jump), spans[-1:]),
                Dropped("broken", "holds NaN"),
            ]
        ),
        tmp_path / "out",
    )
    assert manifest["dropped"] == {
        "holds NaN": 1,
        "no caption; its motion stays, uncaptioned": 1,
        "root faster than 15 m/s": 1,
        "shorter than 1 s": 2,
    }
    assert manifest["captioned_clips"] == 1
    rows = (tmp_path / "out" / "part-000.jsonl").read_text("utf-8").splitlines()
    dropped = [json.loads(row)["dropped"] for row in rows if "dropped" in json.loads(row)]
    assert {d["item"] for d in dropped} == {"short", "outside", "uncaptioned", "jump", "broken"}


def test_a_clip_longer_than_the_longest_is_cut_there(tmp_path):
    corpus = _prepared(tmp_path, _trial("a", moving(300), [Span("c", 1.0, 14.0, WALK)]))
    times = {c.clip_id: (c.start, c.stop) for c in corpus.clips}
    assert times == {"c": (20, 220), "a@0": (0, 20), "a@220": (220, 300)}


def test_a_span_that_ends_after_its_trial_ends_with_it(tmp_path):
    corpus = _prepared(tmp_path, _trial("a", moving(60), [Span("c", 1.0, 4.0, WALK)]))
    assert {c.clip_id: (c.start, c.stop) for c in corpus.clips} == {"c": (20, 60), "a@0": (0, 20)}


def test_a_source_of_which_nothing_is_left(tmp_path):
    source = MemorySource([Dropped("a", "holds NaN"), _trial("b", moving(10))])
    with pytest.raises(CorpusError) as error:
        prepare(source, tmp_path / "out")
    assert str(error.value) == "memory: no usable motion; dropped: {'holds NaN': 1}"
    assert not (tmp_path / "out").exists()


# Folds


def test_folds_are_the_sources_or_drawn_from_the_groups_name(tmp_path):
    trials = [_trial(f"t{k}", moving(30, k), group=f"g{k // 3}", fold=None) for k in range(60)]
    trials.append(_trial("given", moving(30), group="g0", fold=4))
    corpus = _prepared(tmp_path, *trials)
    folds: dict[str, set[int]] = {}
    for clip in corpus.clips:
        if clip.trial != "given":
            folds.setdefault(clip.group, set()).add(clip.fold)
    assert all(len(fold) == 1 for fold in folds.values())
    assert set.union(*folds.values()) == {0, 1, 2, 3, 4}
    assert next(c for c in corpus.clips if c.trial == "given").fold == 4


def test_selection_by_fold_and_caption(tmp_path):
    corpus = _prepared(tmp_path, *_seven())
    assert {c.trial for c in corpus.select([0, 2])} == {"t0", "t1", "t4", "t5"}
    assert {c.trial for c in corpus.select([0, 2], captioned=True)} == {"t1", "t4", "t5"}
    assert {c.trial for c in corpus.select([0, 1, 2], captioned=False)} == {"t0", "t3"}
    assert corpus.select([3, 4]) == ()


# The same input gives the same bytes, also by detours


def test_two_preparations_are_equal_byte_by_byte(tmp_path):
    for name in ("one", "two"):
        prepare(MemorySource(_seven()), tmp_path / name, PrepareSettings(trials_per_part=3))
    one = _contents(tmp_path / "one")
    parts = [f"part-00{k}.{end}" for k in range(3) for end in ("jsonl", "npz")]
    assert sorted(one) == ["corpus.json", *parts]
    assert one == _contents(tmp_path / "two")


def test_parts_do_not_change_what_is_in_the_corpus(tmp_path):
    for name, size in (("one", 1), ("all", 100)):
        prepare(MemorySource(_seven()), tmp_path / name, PrepareSettings(trials_per_part=size))
    one, all_ = PreparedCorpus.open(tmp_path / "one"), PreparedCorpus.open(tmp_path / "all")
    assert [c.clip_id for c in one.clips] == [c.clip_id for c in all_.clips]
    for a, b in zip(one.clips, all_.clips, strict=True):
        assert np.array_equal(one.motion(a).positions_m, all_.motion(b).positions_m)


@pytest.mark.parametrize("interrupted_at", ["t0", "t2", "t3", "t5"])
def test_an_interrupted_preparation_goes_on_to_the_same_bytes(tmp_path, interrupted_at):
    settings = PrepareSettings(trials_per_part=2)
    prepare(MemorySource(_seven()), tmp_path / "straight", settings)
    source = MemorySource(_seven(), interrupted_at=interrupted_at)
    with pytest.raises(KeyboardInterrupt):
        prepare(source, tmp_path / "out", settings)
    with pytest.raises(CorpusError, match="missing; make the corpus with"):
        PreparedCorpus.open(tmp_path / "out")
    again = MemorySource(_seven())
    prepare(again, tmp_path / "out", settings)
    assert _contents(tmp_path / "out") == _contents(tmp_path / "straight")
    done = again.trial_ids().index(interrupted_at) // 2 * 2
    assert again.was_read == again.trial_ids()[done:]


def test_a_part_half_written_when_the_power_failed_is_written_again(tmp_path):
    settings = PrepareSettings(trials_per_part=2)
    prepare(MemorySource(_seven()), tmp_path / "straight", settings)
    with pytest.raises(KeyboardInterrupt):
        prepare(MemorySource(_seven(), interrupted_at="t4"), tmp_path / "out", settings)
    (tmp_path / "out" / "part-001.jsonl").unlink()  # its array is there, its clips are not
    (tmp_path / "out" / "part.tmp").write_bytes(b"half")
    prepare(MemorySource(_seven()), tmp_path / "out", settings)
    assert _contents(tmp_path / "out") == _contents(tmp_path / "straight")


def test_progress_is_told_of_trials(tmp_path):
    told: list[tuple[int, int]] = []
    prepare(
        MemorySource(_seven()),
        tmp_path / "out",
        PrepareSettings(trials_per_part=3),
        progress=lambda *numbers: told.append(numbers),
    )
    assert told == [(3, 7), (6, 7), (7, 7)]


# Where it may write


def test_a_prepared_corpus_is_replaced_only_by_force(tmp_path):
    out = tmp_path / "out"
    prepare(MemorySource(_seven()), out)
    before = _contents(out)
    with pytest.raises(OutputError) as error:
        prepare(MemorySource(_seven()[:2]), out)
    message = f"{out}: is not empty; use --force to prepare anew, or another folder"
    assert str(error.value) == message
    assert _contents(out) == before
    manifest = prepare(MemorySource(_seven()[:2]), out, force=True)
    assert manifest["clips"] == 2
    assert len(PreparedCorpus.open(out).clips) == 2


def test_an_interrupted_preparation_with_other_settings_is_not_continued(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        prepare(MemorySource(_seven(), interrupted_at="t3"), out)
    with pytest.raises(OutputError) as error:
        prepare(MemorySource(_seven()), out, PrepareSettings(fps=10.0))
    assert str(error.value) == f"{out}: is not empty; use --force to prepare anew, or another folder"
    assert prepare(MemorySource(_seven()), out, PrepareSettings(fps=10.0), force=True)["clips"] == 6


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_something_else_is_never_replaced(tmp_path, force):
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(OutputError) as error:
        prepare(MemorySource(_seven()), tmp_path, force=force)
    forced = f"{tmp_path}: holds no corpus, so it is not replaced; choose another folder"
    refused = f"{tmp_path}: is not empty; use --force to prepare anew, or another folder"
    assert str(error.value) == (forced if force else refused)
    assert (tmp_path / "thesis.txt").read_text() == "three years of work"


@pytest.mark.parametrize("inside", [False, True])
def test_a_file_in_the_way(tmp_path, inside):
    file = tmp_path / "file"
    file.write_text("x")
    out = file / "out" if inside else file
    with pytest.raises(OutputError) as error:
        prepare(MemorySource(_seven()), out)
    reason = "Not a directory" if inside else "File exists"
    assert str(error.value) == f"{out}: cannot be made ({reason})"
    assert file.read_text() == "x"


# The manifest, and what it guards


def test_the_manifest(tmp_path):
    source = MemorySource(_seven())
    manifest = prepare(source, tmp_path / "out", PrepareSettings(trials_per_part=4))
    assert json.loads((tmp_path / "out" / "corpus.json").read_text("utf-8")) == manifest
    frames = sum(len(t.motion) for t in source.trials if isinstance(t, Trial))
    kept = {key: manifest[key] for key in ("version", "source", "licence", "acknowledgement", "inputs")}
    assert kept == {
        "version": 1,
        "source": "memory",
        "licence": source.licence,
        "acknowledgement": source.acknowledgement,
        "inputs": source.input_checksums(),
    }
    assert (manifest["clips"], manifest["captioned_clips"]) == (6, 4)
    assert manifest["dropped"] == {"holds NaN": 1}
    assert manifest["hours"] == pytest.approx(frames / 20 / 3600, abs=5e-4)
    assert manifest["settings"]["trials_per_part"] == 4
    files = {"part-000.jsonl", "part-000.npz", "part-001.jsonl", "part-001.npz"}
    assert set(manifest["files"]) == files


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A prepared corpus, not to be changed."""
    folder = tmp_path_factory.mktemp("sound") / "out"
    prepare(MemorySource(_seven()), folder)
    return folder


@pytest.fixture
def copy(sound, tmp_path) -> Path:
    """A copy of it, to be spoiled."""
    return Path(shutil.copytree(sound, tmp_path / "copy"))


@pytest.mark.parametrize("name", ["part-000.jsonl", "part-000.npz"])
def test_one_edited_byte_is_found(copy, name):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(CorpusError) as error:
        PreparedCorpus.open(copy)
    pattern = rf"^{copy / name}: changed since it was made \(SHA-256 [0-9a-f]{{12}}…, expected "
    assert error.match(pattern + r"[0-9a-f]{12}…\); make or copy the folder again$")


@pytest.mark.parametrize("name", ["part-000.jsonl", "part-000.npz"])
def test_a_missing_part_is_found(copy, name):
    (copy / name).unlink()
    with pytest.raises(CorpusError) as error:
        PreparedCorpus.open(copy)
    assert str(error.value) == f"{copy / name}: missing; make or copy the folder again"


def test_no_manifest(tmp_path):
    with pytest.raises(CorpusError) as error:
        PreparedCorpus.open(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'corpus.json'}: missing; make the corpus with: nestmotion corpus prepare "
        f"--source DIR --out {tmp_path}"
    )


def test_another_version(copy):
    path = copy / "corpus.json"
    path.write_text(path.read_text("utf-8").replace('"version": 1', '"version": 7'), "utf-8")
    with pytest.raises(CorpusError) as error:
        PreparedCorpus.open(copy)
    assert str(error.value) == f"{path}: corpus of version 7, this nestmotion reads 1; prepare it anew"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"version": 1}', "\x00\xff"])
def test_a_manifest_that_is_none(copy, text):
    path = copy / "corpus.json"
    path.write_text(text, "utf-8")
    with pytest.raises(CorpusError) as error:
        PreparedCorpus.open(copy)
    assert error.match(f"^{path}: not a corpus manifest \\(.+\\)$")
    assert "\n" not in str(error.value)
