"""From the verbs of a caption to its actions: where each begins, and how it follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nestmotion.text import lexicon
from nestmotion.text.dependencies import Token
from nestmotion.text.heads import Head, find_heads
from nestmotion.text.tree import Relation

__all__ = ["Clause", "find_clauses"]

_BREAKS = frozenset(".;!?,")
_SUBJECTS = frozenset({"nsubj", "nsubjpass"})


@dataclass(frozen=True)
class Clause:
    """An action: tokens `start` to `end`, its verb group `first` to `verb` (None without a verb).

    relation: as in `nestmotion.text.tree.Node`.
    """

    start: int
    end: int
    first: int | None
    verb: int | None
    relation: Relation


def find_clauses(tokens: Sequence[Token]) -> list[Clause]:
    """The actions of a caption in reading order; together they hold every token. At least one."""
    heads = _with_verbless(tokens, find_heads(tokens))
    if not heads:
        return [Clause(0, len(tokens), None, None, "first")]
    starts = [0, *(_start(tokens, a, b) for a, b in pairwise(heads))]
    ends = [*starts[1:], len(tokens)]
    relations = _relations(tokens, starts, heads)
    return [
        Clause(a, b, head.first, None if head.verbless else head.index, relation)
        for a, b, head, relation in zip(starts, ends, heads, relations, strict=True)
    ]


def _is_break(token: Token) -> bool:
    return token.lower in _BREAKS


def _is_joint(token: Token) -> bool:
    """A connective or a mark: where one action may end and the next begin."""
    return _is_break(token) or token.lower in lexicon.CONNECTIVES


def _with_verbless(tokens: Sequence[Token], heads: list[Head]) -> list[Head]:
    """The verbs and, after a "then" that no verb follows, an action without one: "then to the left"."""
    found = list(heads)
    verbs = {head.index for head in heads} | {head.first for head in heads}
    for i, token in enumerate(tokens[:-1]):
        if token.lower not in ("then", "followed") or not heads or i < heads[0].index:
            continue
        k = i + 1
        while k < len(tokens) and (not tokens[k].is_word or tokens[k].lower in ("by", "and", "then")):
            k += 1
        end = k
        while (
            end < len(tokens)
            and end not in verbs
            and tokens[end].lower not in (*_BREAKS, "and", "then")
        ):
            end += 1
        stopped = end == len(tokens) or end not in verbs
        if stopped and k < end and not _leads_to_verb(tokens, end, verbs):
            found.append(Head(k, k, verbless=True))
    return sorted(set(found), key=lambda head: head.index)


def _leads_to_verb(tokens: Sequence[Token], at: int, verbs: set[int]) -> bool:
    """Whether "and" at this place joins what precedes the verb: "then slowly and carefully sits"."""
    before = tokens[at - 1].tag in ("RB", "PRP", "NN", "NNS") and tokens[at - 1].lower in lexicon.AGENTS
    adverb = tokens[at - 1].lower.endswith("ly") and at + 1 < len(tokens)
    return before or (adverb and any(k in verbs for k in range(at, min(at + 3, len(tokens)))))


def _start(tokens: Sequence[Token], before: Head, head: Head) -> int:
    """First token of the action of `head`: its connectives, subject, helpers and adverbs."""
    first = _with_connectives(tokens, before.index, _with_subject(tokens, before.index, head))
    if first < head.first and _is_joint(tokens[first]):
        return first
    markers = [
        k
        for k in range(before.index + 1, first)
        if tokens[k].lower in lexicon.MARKERS and _opens_clause(tokens, k)
    ]
    return _with_connectives(tokens, before.index, markers[-1]) if markers else first


def _opens_clause(tokens: Sequence[Token], k: int) -> bool:
    """Not the "before" of "before the wall" nor the "as" of "as if"."""
    if tokens[k].lower in lexicon.THEN:
        return True
    following = tokens[k + 1] if k + 1 < len(tokens) else tokens[k]
    return following.tag in ("VBG", "PRP") or following.lower in lexicon.AGENTS


def _with_subject(tokens: Sequence[Token], lowest: int, head: Head) -> int:
    """Leftmost token of the adverbs and the subject right before the verb group."""
    first = head.first
    while first - 1 > lowest and _is_adverb(tokens[first - 1]):
        first -= 1
        if tokens[first].lower == "to":
            break
    subject = [
        k
        for k in range(lowest + 1, first)
        if tokens[k].dep in _SUBJECTS
        and tokens[k].head in range(head.first, head.index + 1)
        and not any(_is_break(token) for token in tokens[k:first])
    ]
    if first - 1 > lowest and tokens[first - 1].lower in lexicon.AGENTS:
        subject.append(first - 1)
    if not subject:
        return first - 1 if first - 1 > lowest and tokens[first - 1].lower == "by" else first
    first = min(subject)
    while first - 1 > lowest and tokens[first - 1].tag in ("DT", "PRP$", "JJ", "CD", "NN", "POS", "RB"):
        if tokens[first - 1].tag in ("NN", "RB") or _is_joint(tokens[first - 1]):
            break
        first -= 1
    while first - 1 > lowest and _is_adverb(tokens[first - 1]):
        first -= 1
    if first - 1 > lowest and tokens[first - 1].lower in lexicon.WITH:
        first -= 1
    return first


def _is_adverb(token: Token) -> bool:
    """Adverbs that stand before their verb; directions stand after it."""
    if token.lower in ("to", "n't", "not", "still") or token.lower in lexicon.CONNECTIVES:
        return token.lower in ("to", "n't", "not")
    return token.tag in ("RB", "MD") and token.lower not in lexicon.DIRECTIONS


def _with_connectives(tokens: Sequence[Token], lowest: int, first: int) -> int:
    """Take in the connectives right before: ", and then"."""
    start, k = first, first - 1
    while k > lowest and (_is_joint(tokens[k]) or tokens[k].lower in lexicon.ADVERBS_OF_TIME):
        if tokens[k].is_word or tokens[k].lower == "&":
            start = k
        k -= 1
    return max(start, lowest + 1)


def _relations(tokens: Sequence[Token], starts: Sequence[int], heads: Sequence[Head]) -> list[Relation]:
    """How each action follows the one before it in the text."""
    markers = [_marker(tokens, start, head) for start, head in zip(starts, heads, strict=True)]
    found: list[Relation] = ["first"]
    for k in range(1, len(heads)):
        opened = k == 1 or any(
            tokens[i].lower in _BREAKS - {","} for i in range(heads[k - 2].index, starts[k - 1])
        )
        initial = markers[k - 1] if opened and starts[k - 1] < heads[k - 1].first else ""
        if markers[k] == "" and initial in lexicon.BEFORE:
            found.append("before")
        elif markers[k] == "" and initial in lexicon.AFTER:
            found.append("then")
        elif markers[k] == "" and initial in lexicon.WHILE:
            found.append("while")
        else:
            found.append(_relation(tokens, starts[k], heads[k - 1], heads[k], markers[k], found[-1]))
    return found


def _marker(tokens: Sequence[Token], start: int, head: Head) -> str:
    """The word that tells when: of "and then while walking" the last but "and", which says least."""
    words = [tokens[k].lower for k in range(start, max(head.first, start))]
    telling = [word for word in words if word in lexicon.MARKERS]
    return telling[-1] if telling else ""


def _relation(
    tokens: Sequence[Token], start: int, before: Head, head: Head, marker: str, last: Relation
) -> Relation:
    if marker in lexicon.BEFORE or marker in lexicon.THEN:
        return "then"
    if marker in lexicon.AFTER:
        return "before"
    if marker in lexicon.WHILE:
        return "while"
    verb, other = tokens[head.index], tokens[before.index]
    joined = any(tokens[k].lower in lexicon.LINKS - {"by"} for k in range(start, head.first))
    alone = head.first == head.index and not joined and not head.verbless
    ends_sentence = any(tokens[k].lower in ".;!?" for k in range(before.index, start))
    if ends_sentence:
        return "and"
    if joined:
        goes_on = last == "while" and verb.tag == "VBG" and other.tag == "VBG"
        return "while" if goes_on else "and"
    if (alone or tokens[head.first - 1].lower == "by") and verb.tag == "VBG" and other.tag != "VBG":
        return "while"
    if alone and other.tag == "VBG" and other.lower in lexicon.POSTURES and verb.tag != "VBG":
        return "while"
    if tokens[head.first - 1].lower == "to":
        return "then"
    return "and"
