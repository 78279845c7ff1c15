"""Which tokens of a caption are the verbs of its actions.

The small model was trained on news and is often wrong on captions ("a person walks forward then sits"
makes "walks" a relative clause), so its tags are mended with the lexicon, and its tree is asked only
where position does not tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nestmotion.text import lexicon
from nestmotion.text.dependencies import Token

__all__ = ["Head", "find_heads"]

_AUXILIARIES = frozenset({"aux", "auxpass"})

# Penn Treebank tags: before a noun, and those after which a form in -s or -ing is a noun.
_BEFORE_NOUNS = frozenset({"DT", "PRP$", "JJ", "CD"})
_NO_VERB_FOLLOWS = _BEFORE_NOUNS | {"IN", "VBZ", "VBG", "VBP", "VB"}


@dataclass(frozen=True)
class Head:
    """The verb of an action. `first` is where its verb group begins: "starts" in "starts to walk".

    verbless: it is the first word of an action that has no verb: "to" in "then to the left".
    """

    index: int
    first: int
    verbless: bool = False


def find_heads(tokens: Sequence[Token]) -> list[Head]:
    """The verbs of the actions, in reading order; none for a caption without one."""
    finder = _Finder(tokens)
    found: list[Head] = []
    for i in range(len(tokens)):
        if finder.is_action(i):
            last = found[-1].index if found else -1
            found.append(Head(i, finder.group_start(i, last)))
    return found


class _Finder:
    """The questions asked of each token, with the tokens at hand."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens

    def lower(self, i: int) -> str:
        return self.tokens[i].lower if 0 <= i < len(self.tokens) else ""

    def tag(self, i: int) -> str:
        return self.tokens[i].tag if 0 <= i < len(self.tokens) else ""

    def is_action(self, i: int) -> bool:
        return (
            self.is_verb(i)
            and not self.leads_on(i)
            and not self.is_compared(i)
            and not self.describes_a_noun(i)
            and not self.is_governed_by_preposition(i)
            and not self.is_relative(i)
            and not self.is_aim(i)
            and not self.is_participle_of_state(i)
            and not self.is_static(i)
        )

    def is_verb(self, i: int) -> bool:
        token = self.tokens[i]
        if not token.is_word or token.lower in lexicon.NEVER_VERBS:
            return False
        if token.lower in lexicon.BODY_PARTS and not self.is_after_agent(i):
            return token.tag == "VBZ" and self.is_marked(i)
        if not token.tag.startswith("VB"):
            return token.lower in lexicon.MOTION and self.is_mistagged(i)
        if token.dep in _AUXILIARIES and self.next_verb(i) is not None:
            return False
        if token.lower in lexicon.DIRECTIONS:
            return token.lower == "left" and self.is_after_agent(i)
        if token.tag == "VBD":
            return not (self.tag(i - 1) in ("DT", "PRP$") and self.tag(i + 1).startswith(("NN", "JJ")))
        return token.tag in ("VBG", "VBN") or not self.is_in_noun_phrase(i)

    def is_mistagged(self, i: int) -> bool:
        """A form of a verb of motion that the model takes for a noun or adjective, e.g. "he kicks"."""
        word = self.lower(i)
        if word in lexicon.DIRECTIONS or word in lexicon.AGENTS or word in lexicon.BODY_PARTS:
            return False
        if self.tag(i).startswith("JJ") and not word.endswith(("ing", "ed", "s")):
            return False
        if self.is_after_agent(i) or self.takes_an_object(i):
            return True
        before = i - 1
        while self.lower(before).endswith("ly"):
            before -= 1
        if self.lower(before) in lexicon.THEN:
            return True
        if word.endswith("ing") and (
            self.lower(before) in lexicon.COPULA or self.lower(before - 1) in lexicon.COPULA
        ):
            return True
        if before < 0:
            return not word.endswith("ing") or self.tag(i + 1) not in ("NN", "NNS", "IN")
        if self.lower(before) not in ("and", ",", "to", ".", "&", "but", "or"):
            return False
        if self.lower(before) == "to":
            return not word.endswith(("ing", "s"))
        return word.endswith(("s", "ed", "ing")) and not self.is_conjunct_of_noun(i)

    def takes_an_object(self, i: int) -> bool:
        """A would-be noun with what only a verb has: "turns around walks back", "throws that ball"."""
        word, before, after = self.lower(i), self.tag(i - 1), self.tag(i + 1)
        if word.endswith("s") and before == "VBG" and self.lower(i - 1) in lexicon.POSTURES:
            return True
        if i == 0 or not word.endswith(("s", "ing")):
            return False
        if before in _NO_VERB_FOLLOWS or self.lower(i - 1) in lexicon.LINKS:
            return False
        if after in ("DT", "PRP$", "PRP"):
            return True
        return (
            before in ("RP", "RB", "NN")
            and after in ("RP", "RB", "IN", "TO")
            and (before != "NN" or word.endswith("ing") or self.lower(i - 1) in lexicon.BODY_PARTS)
        )

    def is_after_agent(self, i: int) -> bool:
        """Whether it follows a subject, with adverbs at most between them."""
        before = i - 1
        while self.lower(before).endswith("ly") or self.lower(before) in ("then", "also", "just"):
            before -= 1
        return (
            self.lower(before) in lexicon.AGENTS and self.lower(before - 1) not in lexicon.PREPOSITIONS
        )

    def is_conjunct_of_noun(self, i: int) -> bool:
        """Whether it is joined to a noun that is no verb: "does punches and kicks"."""
        token, seen = self.tokens[i], {i}
        while token.dep == "conj" and token.head not in seen:
            seen.add(token.head)
            token = self.tokens[token.head]
        is_noun = token.tag.startswith("NN") and token.dep in ("dobj", "pobj", "appos")
        return len(seen) > 1 and is_noun and token.lower in lexicon.EVENT_NOUNS

    def is_in_noun_phrase(self, i: int) -> bool:
        """A determiner, adjective or number right before it: "a kick", "two jumps"."""
        word = self.lower(i - 1)
        if word in lexicon.DIRECTIONS or word in lexicon.AGENTS:
            return False
        return self.tag(i - 1) in _BEFORE_NOUNS and word not in ("that", "this", "both", "all")

    def next_verb(self, i: int, reach: int = 5) -> int | None:
        """The verb that a helper at i leads to, over adverbs, "to", "by" and further helpers."""
        for k in range(i + 1, min(i + 1 + reach, len(self.tokens))):
            word, tag = self.lower(k), self.tag(k)
            if tag.startswith("VB") and not self.describes_a_noun(k):
                return k
            if (
                word in lexicon.MOTION
                and tag in ("NN", "JJ")
                and (word.endswith("ing") or self.lower(k - 1) == "to")
            ):
                return k
            skipped = tag in ("RB", "TO", "RP") or word in lexicon.LEADING_LINKS
            if not skipped or word in lexicon.THEN or word in lexicon.WHILE:
                return None
        return None

    def leads_on(self, i: int) -> bool:
        """Whether it only leads to a verb that comes: "starts to", "is", "uses his hand to"."""
        word = self.lower(i)
        if word in lexicon.TOOL:
            return self.tool_target(i) is not None
        if word not in lexicon.LEADING and word not in lexicon.COPULA:
            return False
        target = self.next_verb(i)
        if target is None:
            return word in lexicon.LOOKING and self.looks_like_doing(i)
        if word in lexicon.ENDING and (
            self.lower(target - 1) == "to" or self.lower(target) in lexicon.DESCRIBING
        ):
            return False  # "stops to look" is two actions, "stops looking" is one
        if word in lexicon.GOING and self.tag(target) == "VBG" and self.lower(target - 1) != word:
            return False
        if word in lexicon.COPULA:
            return True
        return self.lower(target - 1) in ("to", "by") or self.tag(target) in ("VBG", "NN")

    def looks_like_doing(self, i: int) -> bool:
        """ "looks like they are dancing" """
        if self.lower(i + 1) not in ("like", "as"):
            return False
        return any(self.tag(k) == "VBG" for k in range(i + 2, min(i + 7, len(self.tokens))))

    def tool_target(self, i: int) -> int | None:
        """The verb after "to" in "uses his right hand to wave", within the clause."""
        for k in range(i + 1, min(i + 12, len(self.tokens) - 1)):
            if self.lower(k) in (".", ",", "then", "while", "as", "if"):
                return None
            if self.lower(k) == "to" and self.tag(k + 1) in ("VB", "VBP"):
                return k + 1
            if self.tag(k) in ("VBZ", "VBP", "VBD"):
                return None
        return None

    def is_compared(self, i: int) -> bool:
        """Whether it stands in a comparison: "as if cooking", "like he is drunk"."""
        for k in range(i - 1, max(i - 14, -1), -1):
            word = self.lower(k)
            if word in (".", ";", ",", "then", "while", "before"):
                return False
            if word == "and" and not self.joins(k, i):
                return False
            if word in ("though", "if") or (word == "as" and self.lower(k + 1) == "to"):
                return True
            if word == "like" and not (self.lower(k - 1) in lexicon.LOOKING and self.tag(i) == "VBG"):
                return self.tag(k) == "IN" or self.lower(k - 1) in ("as", "like")
        return False

    def joins(self, k: int, i: int) -> bool:
        """Whether an "and" joins two forms alike: "as if stirring and pouring"."""
        form = self.tag(i)
        return form in ("VBG", "VB") and any(self.tag(j) == form for j in range(max(k - 6, 0), k))

    def describes_a_noun(self, i: int) -> bool:
        """ "a waving motion", "jumping jacks", "a raised arm" """
        tag, after, before = self.tag(i), self.lower(i + 1), self.lower(i - 1)
        if tag in ("VBG", "VBN", "VBD", "NN", "JJ", "VB", "VBP") and after in lexicon.DESCRIBED:
            is_sole_verb = self.tokens[i].dep == "ROOT" and after not in lexicon.ALWAYS_DESCRIBED
            if not (is_sole_verb or before in lexicon.COPULA or self.is_after_agent(i)):
                return True
        if tag not in ("VBG", "VBN", "VBD") or before in ("that", "this"):
            return False
        is_direct = before in lexicon.DIRECTIONS or before in lexicon.AGENTS
        return self.tag(i - 1) in _BEFORE_NOUNS and not is_direct

    def is_governed_by_preposition(self, i: int) -> bool:
        """ "without moving", "from standing to sitting" """
        before = i - 1
        while self.lower(before).endswith("ly"):
            before -= 1
        if self.lower(before) == "not":
            before -= 1
        is_noun_like = self.tag(i) == "VBG" or self.lower(i).endswith("ing")
        return is_noun_like and self.lower(before) in lexicon.NOUN_PREPOSITIONS

    def is_relative(self, i: int) -> bool:
        """Whether it tells something about a thing: "a ball that is rolling", "the ball he took"."""
        if self.lower(i - 1) in lexicon.PRONOUNS and self.tag(i - 2) in ("NN", "NNS"):
            return self.lower(i - 2) not in lexicon.DIRECTIONS
        for k in range(i - 1, max(i - 6, -1), -1):
            if self.lower(k) in lexicon.RELATIVES:
                return self.lower(k - 1) not in lexicon.AGENTS and not self.tag(k + 1).startswith("NN")
            if not (
                self.tag(k) in ("RB", "PRP", "MD", "TO", "DT", "RP")
                or self.lower(k) in lexicon.COPULA
                or self.lower(k) in lexicon.LEADING
            ):
                return False
        return False

    def is_aim(self, i: int) -> bool:
        """ "to keep his balance": no action of its own, but what the one before is for."""
        return self.lower(i - 1) == "to" and self.lower(i) in lexicon.AIMS

    def has_helper(self, i: int) -> bool:
        """An auxiliary or leading verb before it, with adverbs at most between them."""
        k = i - 1
        while self.tag(k) == "RB" or self.lower(k) in ("not", "n't", "still"):
            k -= 1
        return self.lower(k) in lexicon.COPULA or self.lower(k) in ("get", "gets", "got", "getting")

    def is_marked(self, i: int) -> bool:
        """A connective before it that makes it an action of its own: "while holding"."""
        k = i - 1
        while self.tag(k) == "RB" and self.lower(k) not in lexicon.CONNECTIVES:
            k -= 1
        return self.lower(k) in lexicon.CONNECTIVES

    def is_participle_of_state(self, i: int) -> bool:
        """ "with arms raised", "bent over", "facing forward": no action of its own."""
        token = self.tokens[i]
        if self.has_helper(i):
            return False
        if token.tag == "VBN" or (token.tag == "VBD" and self.is_under_with(i)):
            if self.is_after_agent(i) and token.lower not in lexicon.DESCRIBING:
                return False
            finite = token.dep in ("ROOT", "conj") and self.is_marked(i) and not self.is_under_with(i)
            return not finite
        if token.tag == "VBG" and token.lower in lexicon.DESCRIBING:
            alone = i == 0 or self.is_after_agent(i)
            return not (alone or self.is_marked(i))
        return False

    def is_under_with(self, i: int) -> bool:
        """Whether a "with" opens the phrase in which it stands: "with both arms raised"."""
        for k in range(i - 1, max(i - 9, -1), -1):
            if self.lower(k) in lexicon.WITH:
                return True
            if self.lower(k) in (",", ".", "then", "while", "and") or self.tag(k) in ("VBZ", "VBG"):
                return False
        return False

    def is_static(self, i: int) -> bool:
        """A verb of being, unless it tells a posture: "is on all fours", "has his hands up"."""
        word, token = self.lower(i), self.tokens[i]
        if word not in lexicon.STATIVE:
            return False
        if word.startswith("look"):
            after = self.lower(i + 1)
            is_quality = self.tag(i + 1).startswith("JJ") and after not in lexicon.DIRECTIONS
            return is_quality or after in ("like", "as")
        if word in lexicon.COPULA or word in lexicon.HAVING:
            return not (self.is_after_agent(i) and self.tells_posture(i, token))
        return not self.has_helper(i) or word not in lexicon.POSTURES

    def tells_posture(self, i: int, token: Token) -> bool:
        """ "is on all fours", "has his hands up" """
        after = [self.lower(k) for k in range(i + 1, min(i + 8, len(self.tokens)))]
        if token.lower in lexicon.HAVING:
            return any(word in lexicon.BODY_PARTS for word in after)
        return bool(after) and (after[0] in ("on", "in", "at") or after[0] in lexicon.DIRECTIONS)

    def group_start(self, i: int, last: int) -> int:
        """Index of the first token of the verb group that ends at i, after the head before it."""
        first = i
        for k in range(i - 1, max(last, i - 14), -1):
            if self.tokens[k].tag.startswith(("VB", "MD")) and (
                (self.leads_on(k) and self.leads_to(k, i))
                or (self.tokens[k].dep in _AUXILIARIES and self.next_verb(k) in (first, i))
            ):
                first = k
        return first

    def leads_to(self, k: int, i: int) -> bool:
        """Whether the leading verb at k leads to the one at i, if need be by way of others."""
        target = self.tool_target(k) if self.lower(k) in lexicon.TOOL else self.next_verb(k)
        if target is None:
            return self.looks_like_doing(k)
        return target == i or (target < i and self.leads_on(target) and self.leads_to(target, i))
