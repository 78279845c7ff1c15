"""What may be asked for, and what is said of the rest."""

from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestmotion.core.errors import NestmotionWarning, PromptError
from nestmotion.generate.prompt import (
    check_prompt,
    check_request,
    check_seconds,
    warn_if_not_english,
    word_list,
)
from nestmotion.text import TextEncoder
from synthetic_text_encoder import write_text_encoder

FINE = {
    "seed": 0,
    "samples": 1,
    "steps": 12,
    "guidance": 2.5,
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> TextEncoder:
    """Every word, known or not, is one token."""
    folder = tmp_path_factory.mktemp("encoder")
    write_text_encoder(folder, ["walks"])
    return TextEncoder.load(folder)


# Prompts


def test_a_prompt_comes_back_on_one_line(encoder):
    assert check_prompt("  a person\n walks\t forward\r\n", encoder) == "a person walks forward"


@pytest.mark.parametrize("text", ["", " ", "\n\t", "...", "123", "_ _", "🙂", "\u200b"])
def test_an_empty_prompt(encoder, text):
    with pytest.raises(PromptError) as error:
        check_prompt(text, encoder)
    expected = "the prompt is empty; say what the person does, e.g. 'a person waves'"
    assert str(error.value) == expected


@pytest.mark.parametrize("words", [127, 200, 10_000])
def test_a_prompt_too_long(encoder, words):
    with pytest.raises(PromptError) as error:
        check_prompt("up " * words, encoder)
    assert str(error.value) == (
        f"the prompt has {words} words, more than the model reads (about 96); shorten it"
    )


def test_one_long_word(encoder):
    with pytest.raises(PromptError) as error:
        check_prompt("a" * 1001, encoder)
    assert str(error.value) == (
        "the prompt has 1001 letters, more than the model reads (about 96 words); shorten it"
    )


def test_the_longest_prompt_that_is_read_whole(encoder):
    assert check_prompt("up " * 125, encoder) == " ".join(["up"] * 125)


@pytest.mark.parametrize("text", ["eine Person geht", "一个人走路", "человек идёт", "un hombre camina"])
def test_another_language_is_no_error(encoder, text):
    assert check_prompt(text, encoder) == text


def test_words():
    found = word_list("He's 2 m up, THEN_jumps - naïvely!")
    assert found == ["he", "s", "m", "up", "then", "jumps", "naïvely"]


# Other languages


VOCABULARY = frozenset(["a", "person", "walks", "forward", "and", "then", "sits", "down"])


@pytest.mark.parametrize(
    "prompt", ["a person walks", "A PERSON, walks!", "a person yodels", "walks zigzag", "5 walks"]
)
def test_english_passes_without_a_warning(prompt):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_not_english(prompt, VOCABULARY)


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("eine Person geht geradeaus", "eine, geht, geradeaus"),
        ("bla bla blub a person", "bla, blub"),
        ("一个人走路", "一个人走路"),
    ],
)
def test_unknown_words_are_warned_of(prompt, named):
    with pytest.warns(NestmotionWarning) as caught:
        warn_if_not_english(prompt, VOCABULARY)
    assert [str(warning.message) for warning in caught] == [
        f"most words of the prompt are unknown to the model ({named}); it learned from English, and "
        "the motion may not fit"
    ]


# Numbers


@given(
    seconds=st.none() | st.floats(1, 10),
    seed=st.integers(0, 2**63 - 1),
    samples=st.integers(1, 64),
    steps=st.integers(1, 1000),
    guidance=st.floats(0, 20),
)
def test_everything_in_range_passes(seconds, seed, samples, steps, guidance):
    check_seconds(seconds, 1.0, 10.0)
    check_request(seed, samples, steps, guidance)


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (0.0, "seconds must be from 1 to 10, not 0"),
        (-3.0, "seconds must be from 1 to 10, not -3"),
        (0.99, "seconds must be from 1 to 10, not 0.99"),
        (10.5, "seconds must be from 1 to 10, not 10.5"),
        (math.nan, "seconds must be from 1 to 10, not nan"),
        (1e9, "seconds must be from 1 to 10, not 1e+09"),
        (math.inf, "seconds must be from 1 to 10, not inf"),
    ],
)
def test_lengths_out_of_range(seconds, message):
    with pytest.raises(PromptError) as error:
        check_seconds(seconds, 1.0, 10.0)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", -1, "the seed must be from 0 to 2^63 - 1, not -1"),
        ("seed", 2**63, "the seed must be from 0 to 2^63 - 1, not 9223372036854775808"),
        ("samples", 0, "samples must be from 1 to 64, not 0"),
        ("samples", 65, "samples must be from 1 to 64, not 65"),
        ("steps", 0, "steps must be from 1 to 1000, not 0"),
        ("steps", 1001, "steps must be from 1 to 1000, not 1001"),
        ("guidance", -0.1, "guidance must be from 0 to 20, not -0.1"),
        ("guidance", 21.0, "guidance must be from 0 to 20, not 21"),
        ("guidance", math.nan, "guidance must be from 0 to 20, not nan"),
        ("guidance", math.inf, "guidance must be from 0 to 20, not inf"),
    ],
)
def test_values_out_of_range(name, value, message):
    with pytest.raises(PromptError) as error:
        check_request(**{**FINE, name: value})
    assert str(error.value) == message
