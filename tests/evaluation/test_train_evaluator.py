"""Training of the evaluator: what it sees, that it learns, that it resumes, what it leaves."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from nestmotion.core.checksums import sha256_of
from nestmotion.core.errors import OutputError, SettingsError, TrainingError
from nestmotion.corpus.splits import is_validation_clip
from nestmotion.evaluation.evaluator import Evaluator, group_hash, normal_text
from nestmotion.evaluation.evaluator_data import EvaluatorData, read_captions
from nestmotion.evaluation.evaluator_network import EvaluatorNetwork, MotionMembers
from nestmotion.evaluation.export_evaluator import export_evaluator, read_evaluator_config
from nestmotion.evaluation.motion_inputs import padded_inputs
from nestmotion.evaluation.train_evaluator import BEST, member_folder, train_evaluator
from nestmotion.text import TextEncoder, mirror_text
from nestmotion.training.checkpoint import load_ema


def test_no_test_fold_and_no_held_out_group_is_trained_on(evaluator_run):
    _, corpus, _, config, data = evaluator_run
    trained = {p.clip.group for p in data.captioned + data.described}
    assert trained
    assert data.described
    for clip in corpus.clips:
        if clip.fold == 0 or is_validation_clip(clip.group, config.validation_share):
            assert clip.group not in trained
    assert {p.clip.group for p in data.validation}.isdisjoint(trained)


def test_an_epoch_is_a_function_of_seed_and_number(evaluator_run):
    data = evaluator_run[4]
    one, again, other = ([b.inputs.sum().item() for b in data.epoch(0, e, 8)] for e in (3, 3, 4))
    assert one == again
    assert one != other
    assert len(one) == data.batches_per_epoch(8)


def test_batches_pair_texts_with_their_motions(evaluator_run):
    for batch in evaluator_run[4].epoch(0, 0, 8):
        n, m, k = len(batch.owner), len(batch.inputs), len(batch.pairs_same)
        assert len(batch.texts) == n + 2 * k
        assert k in (2, 3)  # two clips have two captions, one of which names sides in both
        assert batch.same.shape == (n, m)
        assert set(batch.owner.tolist()) == set(range(m))
        # A text is the same as itself: its own motion is marked, and the loss leaves it out.
        assert batch.same[torch.arange(n), batch.owner].all()


def test_a_text_that_names_a_side_stands_with_its_mirror_image_as_a_negative(evaluator_run):
    data = evaluator_run[4]
    batch, plain = data.validation_batch()
    sided = torch.nonzero(batch.twin >= 0)[:, 0]
    assert plain.sum() == len(data.validation)
    assert len(sided)
    for n in sided:
        other = batch.twin[n]
        assert batch.twin[other] == n
        assert abs(batch.owner[other] - batch.owner[n]) == 1
        assert not batch.same[n, batch.owner[other]]
        assert not torch.equal(batch.texts.states[n], batch.texts.states[other])
    # What names no side is as true of the mirror image.
    beside = [
        n for n, m in enumerate(batch.owner) if batch.twin[n] < 0 and not plain[m + 1 : m + 2].all()
    ]
    assert beside
    assert all(batch.same[n, batch.owner[n] + 1] for n in beside)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"captions": "walks"}', 'line 2: not an object with "captions", a list of texts'),
        ('{"texts": []}', 'line 2: not an object with "captions", a list of texts'),
        ("walks", 'line 2: not an object with "captions", a list of texts'),
    ],
)
def test_a_file_of_captions(tmp_path, line, problem):
    path = tmp_path / "captions.jsonl"
    path.write_text('{"captions": ["a man walks", "he walks"], "id": "1"}\n')
    assert read_captions(path) == [["a man walks", "he walks"]]
    path.write_text(path.read_text() + line)
    with pytest.raises(TrainingError) as error:
        read_captions(path)
    assert str(error.value) == f"{path}, {problem}"
    with pytest.raises(TrainingError, match=r"none.jsonl: cannot be read"):
        read_captions(tmp_path / "none.jsonl")


def test_a_network_this_small_learns_forty_pairs(evaluator_run, tmp_path):
    _, _, _, config, data = evaluator_run
    o = replace(config.optimizer, learning_rate=3e-3, warmup_steps=5)
    network = replace(config.network, dropout=0.0)
    longer = replace(config, network=network, optimizer=o, epochs=20, validate_epochs=20)
    rows = []
    train_evaluator(longer, data, tmp_path, progress=lambda step, total, terms: rows.append(terms))
    for name, share in (("match", 0.92), ("pairs", 0.5)):
        losses = [row[name] for row in rows]
        assert np.mean(losses[-5:]) < share * np.mean(losses[:5]), name


def test_resuming_gives_the_same_weights_to_the_last_bit(evaluator_run, tmp_path):
    run, _, _, config, data = evaluator_run
    run = member_folder(run, 0)
    train_evaluator(config, data, tmp_path, stop_after_steps=3)
    train_evaluator(config, data, tmp_path, resume=True)
    straight, resumed = EvaluatorNetwork(config.network), EvaluatorNetwork(config.network)
    load_ema(run, straight)
    load_ema(tmp_path, resumed)
    for a, b in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    rows = [(r / "log.jsonl").read_text().splitlines() for r in (run, tmp_path)]
    validations = [[json.loads(x)["score"] for x in r if "validation" in x] for r in rows]
    assert validations[0] == validations[1]


def test_the_file_says_what_the_torch_network_says(evaluator_run, evaluator_folder):
    run, corpus, text, config, _ = evaluator_run
    networks = [EvaluatorNetwork(config.network).eval() for _ in range(config.members)]
    for k, network in enumerate(networks):
        load_ema(member_folder(run, k) / BEST, network)
    motions = [corpus.motion(c) for c in corpus.clips[:5]]
    evaluator = Evaluator.load(evaluator_folder, text)
    vectors = evaluator.embed_motions(motions)
    inputs, valid = padded_inputs([m.positions_m for m in motions])
    with torch.no_grad():
        given = torch.from_numpy(inputs), torch.from_numpy(valid)
        expected = MotionMembers([network.motion for network in networks])(*given).numpy()
    assert vectors == pytest.approx(expected, abs=0.02)  # weights of eight bits
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    texts = evaluator.embed_texts(["someone walks", "a person waves the left hand", "someone walks"])
    assert texts.shape == (3, 32)
    assert (texts[0] == texts[2]).all()
    assert np.linalg.norm(texts, axis=1) == pytest.approx(np.ones(3), abs=1e-3)


def test_an_embedding_does_not_depend_on_what_else_is_asked(evaluator_run, evaluator_folder):
    _, corpus, text, _, _ = evaluator_run
    evaluator = Evaluator.load(evaluator_folder, text)
    motions = [corpus.motion(c) for c in corpus.clips]
    together = evaluator.embed_motions(motions)
    for k in (0, 7, 20):
        assert evaluator.embed_motions([motions[k]])[0] == pytest.approx(together[k], abs=1e-5)


def test_the_record_names_what_was_seen_and_how_well_it_does(evaluator_run, evaluator_folder):
    _, corpus, text, _, data = evaluator_run
    record = json.loads((evaluator_folder / "evaluator.json").read_text())
    assert set(record["groups_seen"]) >= {group_hash(g) for g in data.groups}
    assert record["folds"] == [1, 2]
    assert record["test"]["clips"] == len([c for c in corpus.clips if c.fold == 0 and c.captions])
    assert record["validation"]["clips"] == len(data.validation)
    for split in ("validation", "test"):
        value, low, high = record[split]["top3"]
        assert 0 <= low <= value <= high <= 1
    assert len(record["joint_speed_limit_m_s"]) == 22
    assert record["words"] == data.words
    assert {"left", "right", "walks"} <= set(record["words"])
    assert record["members"][0]["settings"]["more_captions"] == "more.jsonl"
    evaluator = Evaluator.load(evaluator_folder, text)
    evaluator.check_unseen([c for c in corpus.clips if c.fold == 0])
    seen = next(p.clip for p in data.captioned)
    with pytest.raises(SettingsError) as error:
        evaluator.check_unseen([seen])
    assert str(error.value) == (
        f"the evaluator was trained on 1 of these 1 clips (the first is {seen.clip_id}); use one "
        "trained without their fold"
    )


def test_captions_of_the_same_words_are_one_caption():
    assert normal_text("A person  walks, slowly.") == normal_text("a person walks slowly")
    assert normal_text("walks left") != normal_text(mirror_text("walks left"))


def test_what_is_no_run_and_no_evaluator(evaluator_run, evaluator_folder, tmp_path):
    run, corpus, text, _, _ = evaluator_run
    with pytest.raises(
        TrainingError, match=r"config.json: missing; .* is not a run of train-evaluator$"
    ):
        read_evaluator_config(tmp_path)
    (tmp_path / "config.json").write_text('{"epochs": "many"}')
    with pytest.raises(TrainingError, match=r"not the settings of a run \(epochs: "):
        read_evaluator_config(tmp_path)
    with pytest.raises(OutputError, match=r"is not empty; choose another folder$"):
        export_evaluator(run, corpus, text, (), evaluator_folder)
    with pytest.raises(SettingsError, match=r"evaluator.json: missing; .* is not an evaluator$"):
        Evaluator.load(tmp_path, text)
    with pytest.raises(
        SettingsError, match=r"text_encoder.onnx: missing; name the folder of a bundle$"
    ):
        Evaluator.load(evaluator_folder, tmp_path)


@pytest.fixture
def copied(evaluator_folder, tmp_path):
    import shutil

    return shutil.copytree(evaluator_folder, tmp_path / "copy")


def test_a_changed_evaluator_is_refused(evaluator_run, copied, tmp_path):
    text = evaluator_run[2]
    (copied / "text.onnx").write_bytes(b"x")
    with pytest.raises(SettingsError, match=r"text.onnx: changed since it was made"):
        Evaluator.load(copied, text)
    record = json.loads((copied / "evaluator.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    (other / "text_encoder.onnx").write_bytes(b"another")
    record["files"]["text.onnx"] = sha256_of(copied / "text.onnx")
    (copied / "evaluator.json").write_text(json.dumps(record))
    with pytest.raises(
        SettingsError, match=r"not the text encoder that the evaluator .* was trained with"
    ):
        Evaluator.load(copied, other)
    (copied / "evaluator.json").write_text(json.dumps({**record, "format": 9}))
    with pytest.raises(
        SettingsError, match=r"format 9, this nestmotion reads 2; train it again or upg"
    ):
        Evaluator.load(copied, text)
    (copied / "evaluator.json").write_text("{")
    with pytest.raises(SettingsError, match=r"not an evaluator's record"):
        Evaluator.load(copied, text)


def test_folds_without_clips(evaluator_run):
    _, corpus, text, config, _ = evaluator_run
    with pytest.raises(TrainingError) as error:
        EvaluatorData(corpus, TextEncoder.load(text), (3,), 0.3, config.pairs, 30)
    assert str(error.value) == (
        f"{corpus.folder}: folds 3 hold 0 captioned clips to train on and 0 to validate with; one of "
        "each is needed"
    )
