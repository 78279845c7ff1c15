"""nestmotion corpus compose."""

from __future__ import annotations

import pytest

from nestmotion.cli import main
from nestmotion.corpus import PreparedCorpus, prepare
from synthetic_corpus import MemorySource, captioned_trial

ACTIONS = ("walks forward", "sits down", "raises an arm", "jumps high", "bows", "kicks a ball")


@pytest.fixture
def corpus(tmp_path):
    trials = [
        captioned_trial(f"t{k}", f"g{k}", 1, [f"a person {action}"], 60)
        for k, action in enumerate(ACTIONS)
    ]
    prepare(MemorySource(trials), tmp_path / "corpus")
    return tmp_path / "corpus"


def _compose(*arguments: object) -> int:
    return main(["corpus", "compose", *map(str, arguments)])


def test_it_writes_a_corpus_and_says_what_is_in_it(corpus, tmp_path, capsys):
    out = tmp_path / "composed"
    assert _compose("--corpus", corpus, "--out", out, "--count", 5, "--longest-s", 7) == 0
    clips = PreparedCorpus.open(out).clips
    assert len(clips) == 5
    assert max(len(c) for c in clips) <= 140
    said = capsys.readouterr()
    assert said.out.startswith(f"{out}: 5 compositions, 0.0")
    assert said.err == "\r5 of 5 compositions\n"
    assert main(["inspect", str(out)]) == 0
    assert "compositions of memory" in capsys.readouterr().out


def test_mistakes_are_one_line(corpus, tmp_path, capsys):
    assert _compose("--corpus", tmp_path, "--out", tmp_path / "x") == 2
    assert _compose("--corpus", corpus, "--out", corpus, "--force") == 2
    assert _compose("--corpus", corpus, "--out", tmp_path / "x", "--longest-s", 2) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"nestmotion: {tmp_path}/corpus.json: missing; make the corpus with: nestmotion corpus prepare "
        f"--source DIR --out {tmp_path}",
        f"nestmotion: {corpus}: is the corpus that is read; choose another folder",
        "nestmotion: two parts of 1.5 s do not fit in 2 s",
    ]
    assert not (tmp_path / "x").exists()
