"""Other ways to say the same: harmless variants of captions, to train on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from nestmotion.text.edits import Edit, apply_edits

__all__ = ["vary", "vary_with_spans"]

# How likely each rule is to rewrite what it finds.
_SHARE = 0.4

_NEUTRAL = ("a person", "the person", "this person", "someone", "a figure")
_MAN, _WOMAN = ("a man", "the man", "he"), ("a woman", "the woman", "she")
_SUBJECT = re.compile(
    r"^(?:(?P<man>(?:(?:a|the|this) )?man|he)|(?P<woman>(?:(?:a|the|this) )?woman|she)"
    r"|(?:(?:a|the|this) )?(?:person|figure|human|individual)|someone|somebody) "
    r"(?=(?P<after>is (?:\w+ly )?\w+ing\b|[\w-]+))",
    re.IGNORECASE,
)
_THEY = re.compile(r"\b(?:they|them|their|themsel(?:f|ves))\b", re.IGNORECASE)
_SHE = re.compile(r"\b(?:she|her|hers|herself)\b", re.IGNORECASE)
# "He walks" is well said, "he bent" and "he with arms raised" are not.
_FINITE = re.compile(r"is(?: .*)?|\w+[^su]s", re.IGNORECASE)

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNTED = (
    r"(?=[ -](?:times|steps|paces|jumps|hops|skips|leaps|circles|stairs|seconds|laps|punches|kicks|"
    r"claps|squats|spins|waves|strides|rungs)\b)"
)
_NUMBER = re.compile(rf"(?<![\w.,/-])(?P<number>{'|'.join(_NUMBERS[1:])}|[2-9]|10){_COUNTED}", re.I)
_TWICE = re.compile(r"\b(?:twice|(?:two|2) times)\b(?! \w+ing\b| as\b| the\b)", re.IGNORECASE)

_COUNTER = re.compile(r"\b(?:counter|anti)[ -]?clock[ -]?wise\b", re.IGNORECASE)
_CLOCK = re.compile(r"(?<![\w-])(?<!counter )(?<!anti )clock[ -]wise\b", re.IGNORECASE)
# Where an action or the text ends after it, so that it is no adjective: not "a forward motion".
_ONWARD = re.compile(r"\b(?P<way>forward|backward)s?\b(?=[.,;]|$| (?:and|then|while|before)\b)", re.I)
_TOWARD = re.compile(r"\btowards?\b", re.IGNORECASE)
_THEN = re.compile(r"(?<=\w)(?:,? and then|,? then) (?=\w)", re.IGNORECASE)

# What lasts: "is walking" and "walks" are the same; "is jumping" is more than "jumps".
_LASTING = {"walks": "walking", "runs": "running", "jogs": "jogging", "dances": "dancing"}
_LASTING |= {"swims": "swimming", "crawls": "crawling", "limps": "limping", "marches": "marching"}
_WALKS = {ing: verb for verb, ing in _LASTING.items()}
_LASTING_VERB = re.compile(
    rf"(?<=person |figure )(?:is (?P<ing>{'|'.join(_WALKS)})|(?P<verb>{'|'.join(_LASTING)}))\b"
)


def vary(text: str, rng: np.random.Generator) -> str:
    """The text said in another way, or as it is: other names for the one who moves, numbers as digits
    or words, other spellings, other words for "then", with or without a final dot.

    Sides, counts, actions and their order stay. A caption that calls the person "they" is not made to
    say "he", nor one that says "she".
    """
    return vary_with_spans(text, (), rng)[0]


def vary_with_spans(
    text: str, spans: Sequence[tuple[int, int]], rng: np.random.Generator
) -> tuple[str, list[tuple[int, int]]]:
    """`vary`, and where stretches of the text (first and one-past-last character) lie in the variant.

    A stretch that begins or ends inside what is rewritten takes in the whole of it.
    """
    for rule in _RULES:
        edits = [edit for edit in rule(text, rng) if rng.random() < _SHARE]
        text, spans = apply_edits(text, edits, spans)
    return text, list(spans)


def _subject(text: str, rng: np.random.Generator) -> Iterator[Edit]:
    """Someone else's name for the same person at the start of the text."""
    found = _SUBJECT.match(text)
    if found is None:
        return
    rest = text[found.end() :]
    names = list(_NEUTRAL)
    if found["man"]:
        names += _MAN
    elif found["woman"]:
        names += _WOMAN
    elif not _THEY.search(rest) and not _SHE.search(rest):
        names += _MAN[:2]
    if not _FINITE.fullmatch(found["after"]):
        names = [name for name in names if name not in ("he", "she")]
    if "someone" in rest:
        names.remove("someone")
    name = str(rng.choice(names))
    if text[0].isupper():
        name = name.capitalize()
    yield Edit(0, found.end() - 1, name)


def _lasting(text: str, rng: np.random.Generator) -> Iterator[Edit]:
    for match in _LASTING_VERB.finditer(text):
        yield Edit(
            *match.span(), _WALKS[match["ing"]] if match["ing"] else f"is {_LASTING[match['verb']]}"
        )


def _numbers(text: str, rng: np.random.Generator) -> Iterator[Edit]:
    for match in _NUMBER.finditer(text):
        number = match["number"].lower()
        new = _NUMBERS[int(number) - 1] if number.isdigit() else str(_NUMBERS.index(number) + 1)
        yield Edit(*match.span(), new)


def _choice(
    pattern: re.Pattern[str], *ways: str
) -> Callable[[str, np.random.Generator], Iterator[Edit]]:
    """A rule that puts one of some ways of saying it in the place of a match."""

    def rule(text: str, rng: np.random.Generator) -> Iterator[Edit]:
        for match in pattern.finditer(text):
            yield Edit(*match.span(), match.expand(str(rng.choice(ways))))

    return rule


def _final_dot(text: str, rng: np.random.Generator) -> Iterator[Edit]:
    bare = text.rstrip()
    if bare.endswith(".") and not bare.endswith(".."):
        yield Edit(len(bare) - 1, len(text), "")
    elif bare and bare[-1].isalnum():
        yield Edit(len(text), len(text), ".")


_RULES: tuple[Callable[[str, np.random.Generator], Iterator[Edit]], ...] = (
    _subject,
    _lasting,
    _choice(_TWICE, "twice", "two times"),
    _numbers,
    _choice(_COUNTER, "counterclockwise", "counter clockwise", "counter-clockwise", "anticlockwise"),
    _choice(_CLOCK, "clockwise"),
    _choice(_ONWARD, r"\g<way>", r"\g<way>s"),
    _choice(_TOWARD, "toward", "towards"),
    _choice(_THEN, ", then ", " then ", " and then ", ", and then "),
    _final_dot,
)
