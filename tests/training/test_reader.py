"""Teaching the tree reader: what it is taught with, that it learns, and how it is measured."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest
import torch

from nestmotion.core.errors import CorpusError, OutputError, TrainingError
from nestmotion.generate.prompt import word_list
from nestmotion.text import TextEncoder
from nestmotion.text.labels import WordLabel, build_tree, labels_of, words_of
from nestmotion.text.reader import TreeReader
from nestmotion.text.session import open_session
from nestmotion.training.reader import (
    ReaderConfig,
    encode_words,
    read_all,
    save_network,
    teach,
    teaching_texts,
    train_reader,
)
from nestmotion.training.reader_agreement import agreement
from nestmotion.training.reader_texts import (
    Labelled,
    caption_key,
    is_held_out,
    read_captions,
    varied,
)
from sound_trees import check_tree
from synthetic_text_encoder import write_text_encoder

SINGLE = [
    f"{subject} {verb}"
    for subject in ("a person", "he", "the old man")
    for verb in ("walks forward", "turns left", "sits down", "jumps")
]
CAPTIONS = SINGLE + [
    f"{single}{between}{second}"
    for single in SINGLE
    for between in (", then ", " and ", " while he ")
    for second in ("waves", "claps twice", "kicks", "raises his left hand")
]


def ignore(done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def texts() -> tuple[list[Labelled], list[Labelled]]:
    return teaching_texts(CAPTIONS, ["HE jumps and kicks."], 0, ignore)


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("reader_encoder")
    write_text_encoder(folder, sorted({w for t in texts[0] for w in word_list(t.text)}))
    return folder


def test_what_is_held_out_or_left_out_is_not_taught(texts):
    taught, held_out = texts
    known = {caption_key(labelled.text) for labelled in taught}
    assert 0 < len(held_out) < 0.2 * len(CAPTIONS)
    assert known.isdisjoint(caption_key(labelled.text) for labelled in held_out)
    assert caption_key("he jumps and kicks") not in known
    assert caption_key("he jumps and claps twice") in known


def test_captions_that_differ_little_have_one_key():
    assert caption_key("He turns LEFT.") == caption_key("he turns right") != caption_key("he turns")
    share = np.mean([is_held_out(f"caption {k}") for k in range(4000)])
    assert 0.03 < share < 0.07


def test_variants_have_a_label_for_each_word_and_make_sound_trees(texts):
    captions = texts[1] + texts[0][:40]
    made = varied(captions, Random(1))
    assert len(made) > len(captions)
    assert made == varied(captions, Random(1))
    for labelled in made:
        tree = build_tree(labelled.text, labelled.labels)
        check_tree(tree)
        assert len(labelled.labels) == len(words_of(labelled.text))
        assert labels_of(tree) == list(labelled.labels)
    found = {labelled.text for labelled in made}
    assert any(text.lower().startswith("walk ") for text in found)
    assert any(text[0].isupper() for text in found)
    longest = max(len(labelled.labels) for labelled in captions)
    assert max(len(labelled.labels) for labelled in made) > 1.5 * longest  # joined


def test_a_reader_learns_and_reads_the_same_from_its_file(texts, encoder_folder, tmp_path):
    encoder = TextEncoder.load(encoder_folder)
    material = encode_words(texts[0], encoder, ignore)
    assert len(material.states) == len(material.labels) == material.starts[-1]
    config = ReaderConfig(width=32, epochs=6, batch_size=16, learning_rate=5e-3)
    network = teach(material, config, ignore)
    save_network(network, tmp_path / "reader.onnx")
    session = open_session(tmp_path / "reader.onnx")
    states, features, valid, _ = material.batch(np.array([5]))
    with torch.no_grad():
        expected = network(states, features, valid).numpy()
    inputs = {"states": states.numpy(), "surface": features.numpy(), "valid": valid.numpy()}
    (found,) = session.run(None, inputs)
    np.testing.assert_allclose(found, expected, atol=0.05)
    figures = agreement(read_all(TreeReader(session, tmp_path), encoder, texts[1]))
    assert figures["action_f1"] > 0.9
    assert figures["role_accuracy"] > 0.8


def test_padding_changes_nothing(texts, encoder_folder):
    material = encode_words(texts[0][:8], TextEncoder.load(encoder_folder), ignore)
    network = teach(material, ReaderConfig(width=16, epochs=1, batch_size=4), ignore)
    states, features, valid, labels = material.batch(np.arange(8))
    assert (labels[~valid] == -100).all()
    with torch.no_grad():
        together = network(states, features, valid)
        for n in range(8):
            alone = network(*material.batch(np.array([n]))[:3])[0]
            torch.testing.assert_close(together[n, : len(alone)], alone, atol=1e-5, rtol=1e-4)


def test_a_reader_from_files(tmp_path, encoder_folder):
    lines = [json.dumps({"captions": CAPTIONS[k : k + 3]}) for k in range(0, len(CAPTIONS), 3)]
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    captions, out = [tmp_path / "captions.jsonl"], tmp_path / "new" / "reader"
    config = ReaderConfig(width=16, epochs=1)
    record = train_reader(captions, [], encoder_folder, out, config)
    assert json.loads((out / "reader.json").read_text())["agreement"] == record["agreement"]
    encoded = TextEncoder.load(encoder_folder).encode(["he walks"])
    check_tree(TreeReader.load(out).read("he walks", encoded))
    with pytest.raises(OutputError) as error:
        train_reader(captions, [], encoder_folder, out, config)
    assert str(error.value) == f"{out}/reader.onnx: exists; use --force to replace it"
    with pytest.raises(TrainingError) as error:
        train_reader(captions, captions, encoder_folder, tmp_path / "none", config)
    assert str(error.value) == "156 captions are too few to teach and to measure with"
    assert not (tmp_path / "none").exists()


def test_captions_of_a_corpus_are_those_of_its_training_folds(corpus):
    found = read_captions([corpus.folder])
    assert "a person walks to the left" in found
    assert "a secret" not in found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"captions": ["he waves"]}\n{"caption": 1}',
            "{}:2: not an object with captions ('captions')",
        ),
        ('{"captions": [3]}', "{}:1: not an object with captions (can only join an iterable)"),
    ],
)
def test_files_that_hold_no_captions(tmp_path, content, message):
    path = tmp_path / "captions.jsonl"
    path.write_text(content)
    with pytest.raises(CorpusError) as error:
        read_captions([path])
    assert str(error.value) == message.format(path)


def test_agreement():
    first, motion = WordLabel("first", "agent"), WordLabel(None, "motion")
    then, also = WordLabel("then", "motion"), WordLabel("and", "motion")
    nothing = WordLabel()
    found = [[first, motion, then, nothing], [first, nothing, nothing]]
    expected = [[first, motion, also, then], [first, nothing, WordLabel(None, "goal")]]
    assert agreement(zip(found, expected, strict=True)) == {
        "texts": 2,
        "action_f1": pytest.approx(2 / 3),
        "relation_accuracy": 0,
        "phrase_f1": pytest.approx(2 * 2 / 6),
        "role_accuracy": 1,
        "same_actions": 0.5,
        "same_order": 0.5,
        "same_tree": 0,
    }
