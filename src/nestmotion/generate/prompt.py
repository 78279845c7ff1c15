"""Checks of what a user asks for, before any work is done."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Collection

from nestmotion.core.errors import NestmotionWarning, PromptError
from nestmotion.text.encoder import MAX_TOKENS, TextEncoder

__all__ = [
    "MOST_SAMPLES",
    "check_prompt",
    "check_request",
    "check_seconds",
    "doubt_english",
    "warn_if_not_english",
    "word_list",
]

LONGEST_CHARACTERS = 1000
MOST_SAMPLES = 64
MOST_STEPS = 1000
_WORD = re.compile(r"[^\W\d_]+")


def check_prompt(text: str, encoder: TextEncoder) -> str:
    """The prompt on one line. Raises PromptError when it is empty, longer than the model reads or no
    text at all."""
    prompt = " ".join(text.split())
    if any("\ud800" <= letter <= "\udfff" for letter in prompt):
        raise PromptError("the prompt is not text in UTF-8")
    if not _WORD.search(prompt):
        raise PromptError("the prompt is empty; say what the person does, e.g. 'a person waves'")
    words = len(prompt.split())
    if len(prompt) > LONGEST_CHARACTERS or encoder.count_tokens(prompt) >= MAX_TOKENS:
        most = MAX_TOKENS * 3 // 4
        size = f"{words} words" if words > most else f"{len(prompt)} letters"
        about = most if words > most else f"{most} words"
        raise PromptError(
            f"the prompt has {size}, more than the model reads (about {about}); shorten it"
        )
    return prompt


def word_list(text: str) -> list[str]:
    """Its words in lower case, without digits and marks."""
    return _WORD.findall(text.lower())


def doubt_english(prompt: str, vocabulary: Collection[str]) -> str | None:
    """A warning when most words never occur in the training captions: another language, or nonsense."""
    words = word_list(prompt)
    unknown = [word for word in words if word not in vocabulary]
    if len(unknown) <= len(words) / 2:
        return None
    some = ", ".join(dict.fromkeys(unknown[:3]))
    return (
        f"most words of the prompt are unknown to the model ({some}); it learned from English, and the "
        "motion may not fit"
    )


def warn_if_not_english(prompt: str, vocabulary: Collection[str]) -> None:
    """Warn (NestmotionWarning) as `doubt_english` finds."""
    doubt = doubt_english(prompt, vocabulary)
    if doubt is not None:
        warnings.warn(doubt, NestmotionWarning, stacklevel=3)


def check_seconds(seconds: float | None, shortest_s: float, longest_s: float) -> None:
    """Raises PromptError for a length out of range; None is to be judged from the text."""
    if seconds is not None and not shortest_s <= seconds <= longest_s:
        raise PromptError(f"seconds must be from {shortest_s:g} to {longest_s:g}, not {seconds:g}")


def check_request(seed: int, samples: int, steps: int, guidance: float) -> None:
    """Raises PromptError naming the first value out of range."""
    if not 0 <= seed < 2**63:
        raise PromptError(f"the seed must be from 0 to 2^63 - 1, not {seed}")
    if not 1 <= samples <= MOST_SAMPLES:
        raise PromptError(f"samples must be from 1 to {MOST_SAMPLES}, not {samples}")
    if not 1 <= steps <= MOST_STEPS:
        raise PromptError(f"steps must be from 1 to {MOST_STEPS}, not {steps}")
    if not (math.isfinite(guidance) and 0 <= guidance <= 20):
        raise PromptError(f"guidance must be from 0 to 20, not {guidance:g}")
