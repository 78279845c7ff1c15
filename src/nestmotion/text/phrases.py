"""The phrases of an action: neighbouring words that say one thing about it, and what that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nestmotion.text import lexicon
from nestmotion.text.clauses import Clause
from nestmotion.text.dependencies import Token

__all__ = ["Phrase", "find_phrases"]

_PAIRS = frozenset({"and", "or", "&"})
_TURNS = frozenset({"quarter", "half", "full", "complete"})


@dataclass(frozen=True)
class Phrase:
    """Tokens `start` to `end` of the caption; `role` is one of nestmotion.text.lexicon.ROLES."""

    start: int
    end: int
    role: str


def find_phrases(tokens: Sequence[Token], clause: Clause) -> list[Phrase]:
    """The phrases of an action in reading order; together they hold all its tokens."""
    bounds = _bounds(tokens, clause)
    return [
        Phrase(a, b, _role(tokens, a, b, clause))
        for a, b in zip(bounds, [*bounds[1:], clause.end], strict=True)
    ]


def _bounds(tokens: Sequence[Token], clause: Clause) -> list[int]:
    """First token of each phrase."""
    group = _verb_group(tokens, clause)
    found = [clause.start]
    for k in range(clause.start + 1, clause.end):
        if not tokens[k].is_word or (k in group and k > group.start):
            continue
        swallowed = found[-1] not in group and _swallows(tokens, found[-1], k, group.start)
        opens = k == group.start or k == group.stop or _opens_comparison(tokens, k, group.start)
        if opens or (not swallowed and _opens_phrase(tokens, found[-1], k)):
            found.append(k)
    return found


def _verb_group(tokens: Sequence[Token], clause: Clause) -> range:
    """The tokens of the verb with its helpers and "to"; of "uses his hand to wave" only "to wave"."""
    if clause.first is None or clause.verb is None:
        return range(clause.start, clause.start)
    first = clause.first
    if tokens[first].lower in lexicon.TOOL and first < clause.verb:
        first = max(k for k in range(first, clause.verb + 1) if k == first or tokens[k].lower == "to")
    elif first > clause.start and tokens[first - 1].lower == "to":
        first -= 1
    return range(first, clause.verb + 1)


def _opens_comparison(tokens: Sequence[Token], k: int, verb: int) -> bool:
    """ "like a chicken", "as if he cooks" """
    if k < verb or tokens[k].lower not in ("like", "as"):
        return False
    after = tokens[k + 1].lower if k + 1 < len(tokens) else ""
    return tokens[k].lower == "like" or after in ("if", "though", "to")


def _swallows(tokens: Sequence[Token], start: int, k: int, verb: int) -> bool:
    """Whether the phrase from `start` holds what follows: a comparison, or "to where he began"."""
    if _opens_comparison(tokens, start, verb):
        return True
    return start > verb and any(token.lower in lexicon.RELATIVES for token in tokens[start:k])


def _opens_phrase(tokens: Sequence[Token], start: int, k: int) -> bool:
    """Whether a phrase that began at `start` ends before token k."""
    token, last = tokens[k], tokens[k - 1]
    if last.lower in lexicon.CONNECTIVES and last.lower not in _PAIRS:
        return token.lower not in lexicon.CONNECTIVES
    if token.lower in _PAIRS or last.lower in _PAIRS:
        return _opens_at_pair(tokens, start, k)
    if token.lower in lexicon.MARKERS:
        return True
    if not last.is_word:
        listed = k > start + 1 and tokens[k - 2].tag == "JJ" and token.tag in ("JJ", "NN")
        return not (last.lower in ("-", "/", "'") or listed)
    if token.lower in ("of", "'s"):
        return False
    if _is_preposition(token):
        return (last.lower, token.lower) not in lexicon.DOUBLE_PREPOSITIONS
    if (
        _is_preposition(last)
        or last.lower in ("both", "all")
        or last.tag in ("DT", "PRP$", "CD", "JJ", "JJR", "PDT", "POS")
    ):
        return False
    inside = tokens[start].tag in ("DT", "PRP$", "IN", "TO") and token.tag.startswith("NN")
    if inside and (last.tag in ("VBG", "VBN") or last.lower in lexicon.DIRECTIONS):
        return False
    if token.lower in lexicon.BODY_PARTS and last.lower in ("left", "right"):
        return False
    if token.tag in ("DT", "PRP$", "PRP", "CD", "PDT") or token.lower in lexicon.AGENTS:
        return True
    if token.tag.startswith("VB") and token.lower not in lexicon.DIRECTIONS:
        return not (last.lower in lexicon.BODY_PARTS or last.tag.startswith("RB"))
    return _kind(token) != _kind(last) and not (_kind(last) == "noun" and token.tag.startswith("NN"))


def _opens_at_pair(tokens: Sequence[Token], start: int, k: int) -> bool:
    """ "and" joins two of a kind ("left and right", "arms and legs") or opens a phrase of its own."""
    if tokens[k].lower not in _PAIRS or k + 1 >= len(tokens) or k <= start:
        return False
    left, right = tokens[k - 1], tokens[k + 1]
    noun_follows = right.tag in ("DT", "PRP$") and _kind(left) == "noun"
    return _kind(left) != _kind(right) and not noun_follows


def _is_preposition(token: Token) -> bool:
    if token.lower in lexicon.WITH:
        return True
    return token.lower in lexicon.PREPOSITIONS and token.tag in ("IN", "TO", "RP", "RB")


def _kind(token: Token) -> str:
    if token.lower in lexicon.DIRECTIONS:
        return "direction"
    if token.tag.startswith(("NN", "JJ", "CD", "DT", "PRP", "VBN", "VBG", "POS", "PDT")):
        return "noun"
    return "adverb"


def _role(tokens: Sequence[Token], start: int, end: int, clause: Clause) -> str:
    """What a phrase is about: by its place around the verb, its preposition and its words."""
    group = _verb_group(tokens, clause)
    if start in group or (start < group.start and tokens[start].lower in lexicon.TOOL):
        return "motion"
    words = [token.lower for token in tokens[start:end] if token.is_word or token.lower in _PAIRS]
    connective = _connective_role(words)
    if connective:
        return connective
    held = set(words)
    if end <= group.start and not held & lexicon.WITH:
        if held & lexicon.AGENTS:
            return "agent"
        if held & lexicon.BODY_PARTS:
            return "body_part"
    if _opens_comparison(tokens, start, group.start):
        return "manner"
    first = words[1] if words[0] in _PAIRS and len(words) > 1 else words[0]
    if first in lexicon.DIRECTIONS and words[1:2] == ["to"]:
        first = "to"
    leads = first in lexicon.PREPOSITIONS | lexicon.WITH | lexicon.PATH_PREPOSITIONS
    if leads and len(words) > 1:
        return _role_after_preposition(first, words, held)
    return _plain_role(tokens, start, end, words, held)


def _connective_role(words: Sequence[str]) -> str:
    if not words:
        return "other"
    if not all(word in lexicon.CONNECTIVES | lexicon.LINKS for word in words):
        return ""
    if any(word in lexicon.WHILE for word in words):
        return "simultaneity"
    return "time_order" if any(word in lexicon.MARKERS for word in words) else "link"


def _is_count(words: Sequence[str], group: set[str]) -> bool:
    if group & {"once", "twice", "thrice", "repeatedly", "again"}:
        return True
    numbered = any(word in lexicon.COUNTS or word[0].isdigit() for word in words)
    return (
        (numbered or words[0] == "a")
        and bool(group & lexicon.COUNTED)
        and (numbered or bool(group & {"second", "moment", "minute", "while"}))
    )


def _role_after_preposition(first: str, words: Sequence[str], group: set[str]) -> str:
    if "same" in group and "time" in group:
        return "simultaneity"
    if first in lexicon.WITH:
        if group & lexicon.BODY_PARTS:
            return "body_part"
        return "manner" if group & lexicon.MANNER_NOUNS else "object"
    if group & lexicon.PATH_SHAPES and first in ("in", "around"):
        return "path"
    if _is_count(words, group) and not group & lexicon.BODY_PARTS - {"feet", "foot"}:
        return "count"
    if group & lexicon.BODY_PARTS - {"back"} and first in ("on", "in", "by", "of", "out"):
        return "goal" if "front" in group else "body_part"
    if first in lexicon.MANNER_PREPOSITIONS or group & lexicon.MANNER_NOUNS:
        return "path" if group & lexicon.PATH_SHAPES else "manner"
    if group & lexicon.PATH_SHAPES and first not in ("to", "on"):
        return "path"
    if first in lexicon.PATH_PREPOSITIONS:
        return "path"
    if first in ("in", "on", "at") and group & lexicon.PLACES:
        return "place"
    things = group - lexicon.DIRECTIONS - lexicon.PREPOSITIONS - lexicon.FILLERS
    if not things:
        return "direction"
    if first in lexicon.GOAL_PREPOSITIONS or "front" in group:
        return "goal"
    return "place" if first in ("in", "on") else "other"


def _plain_role(
    tokens: Sequence[Token], start: int, end: int, words: Sequence[str], group: set[str]
) -> str:
    if group & lexicon.BODY_PARTS and not group & {"back"}:
        return "body_part"
    if _is_count(words, group):
        return "count"
    things = group - lexicon.DIRECTIONS - lexicon.FILLERS - lexicon.PREPOSITIONS - _TURNS
    if group & lexicon.DIRECTIONS and not things:
        return "direction"
    if any(token.tag.startswith(("NN", "PRP")) for token in tokens[start:end]):
        return "object"
    if any(word.endswith("ly") or word in lexicon.MANNER_WORDS for word in words):
        return "manner"
    tags = [token.tag for token in tokens[start:end] if token.is_word]
    if any(tag.startswith(("VB", "JJ")) for tag in tags):
        return "state"
    return "manner" if any(tag.startswith("RB") for tag in tags) else "other"
