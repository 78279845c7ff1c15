"""A sentence of several actions as prompts one after another, a stretch of time for each."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nestmotion.core import Motion
from nestmotion.generate.alignment_map import Explained
from nestmotion.generate.prompt import check_prompt
from nestmotion.generate.scene import Prompt, Scene
from nestmotion.text import SemanticTree, lexicon
from nestmotion.text.tree import Node

if TYPE_CHECKING:
    from nestmotion.generate.pipeline import TextToMotion

__all__ = [
    "actions_told",
    "explain_turns",
    "prompts_by_turns",
    "text_of",
    "turn_texts",
    "turns_told",
]

# An action is given so long at least when the length is judged from the text.
_EASY_S = 1.5
# With less than this for each, a sentence stays one prompt.
_SHORTEST_S = 1.0
# What a first action begins from is rarely said, and then shown for so long.
_OPENING_S = 1.2
_OPENINGS = (
    (re.compile(r"\b(?:sit|lie|lay|kneel)s? (?:back )?down\b", re.IGNORECASE), "stands"),
    (
        re.compile(
            r"\b(?:stand|get|rise)s? (?:back )?up\b(?! straight)(?!.*\b(?:floor|ground)\b)",
            re.IGNORECASE,
        ),
        "sits on a chair",
    ),
)

_JOINTS = lexicon.THEN | lexicon.BEFORE | lexicon.AFTER | lexicon.LINKS
_WORD = re.compile(r"[\w'&-]+")
# Who has turned around walks forward to walk back; alone, "walks back" is walking backwards.
_AROUND = re.compile(r"\b(?:turn|spin|pivot|rotat)\w*\b.*\b(?:around|round|back)\b", re.IGNORECASE)
_RETURNS = re.compile(
    r"\b((?:walk|run|jog|march|stroll|step|sneak|tiptoe|skip|hop|move)\w*) back\b(?! and forth)",
    re.IGNORECASE,
)


def prompts_by_turns(
    model: TextToMotion,
    text: str,
    seconds: float | None = None,
    strength: float | None = None,
    opening: bool = True,
) -> tuple[Prompt, ...]:
    """The prompts of a scene in which the actions of a text follow one another as its tree says.

    Actions of one turn ("while") stay together. Turns divide `seconds` (judged from the text when
    None) in proportion to the length that each would have alone; a text of one action, or of more than
    there is time for, is one prompt. opening: who sits down first stands first, and who stands up first
    sits first, where there is time. Raises PromptError as `TextToMotion.generate` does.
    """
    return _turns(model, text, seconds, strength, opening)[0]


def _turns(
    model: TextToMotion, text: str, seconds: float | None, strength: float | None, opening: bool
) -> tuple[tuple[Prompt, ...], float]:
    """`prompts_by_turns`, and for how many seconds what the text does not tell of is shown first."""
    prompt = check_prompt(text, model.encoder)
    tree = model.inputs_of(prompt).tree
    texts = turn_texts(tree)
    begins = _opening(texts[0], tree) if opening else None
    lead = 0.0 if begins is None else _OPENING_S
    if seconds is None:
        least = _EASY_S * len(texts) if begins is not None or len(texts) > 1 else 0.0
        seconds = round(max(model.predict_seconds(prompt), least) + lead, 3)
    if seconds < lead + _SHORTEST_S * len(texts):
        begins, lead = None, 0.0
    if len(texts) < 2 or seconds < _SHORTEST_S * len(texts):
        texts = [prompt]
    alone = np.array([model.predict_seconds(one) for one in texts])
    # What is left beside the least that each has is divided.
    lengths = _SHORTEST_S + (seconds - lead - _SHORTEST_S * len(texts)) * alone / alone.sum()
    frames = np.round((lead + np.cumsum(lengths)) * model.bundle.fps)
    edges = [lead, *(float(f) / model.bundle.fps for f in frames[:-1]), seconds]
    if begins is not None:
        texts, edges = [begins, *texts], [0.0, *edges]
    prompts = (
        Prompt(one, start, end, strength=strength)
        for one, (start, end) in zip(texts, itertools.pairwise(edges), strict=True)
    )
    return tuple(prompts), lead


def explain_turns(
    model: TextToMotion,
    text: str,
    seconds: float | None,
    seed: int,
    samples: int,
    steps: int,
    guidance: float,
    postprocess: bool,
) -> list[Explained] | None:
    """`TextToMotion.explain` of a text that is several prompts (`prompts_by_turns`); None where it is
    one. No longer than the model can make in one go. What is asked for has been checked."""
    prompts, opening_s = _turns(model, text, seconds, guidance, True)
    end_s, longest = prompts[-1].end_s, model.bundle.manifest["seconds"]["longest"]
    if seconds is None and end_s is not None and end_s > longest:
        end_s = longest
        prompts, opening_s = _turns(model, text, longest, guidance, True)
    if len(prompts) == 1:
        return None
    recipe = model.recipe(
        prompt=text,
        by_turns=True,
        opening_s=opening_s,
        turns_s=[[p.start_s, p.end_s] for p in prompts[1 if opening_s else 0 :]],
        seed=seed,
        seconds=end_s,
        steps=steps,
        guidance=guidance,
        postprocess=postprocess,
    )
    found = []
    for k in range(samples):
        made = model.scene(Scene(prompts, end_s), seed, k, steps, postprocess=postprocess).motion
        motion = made.with_metadata(**recipe, sample=k)
        found.append(Explained(motion, partial(model.align, motion, text)))
    return found


def turns_told(motion: Motion) -> list[tuple[float, float]]:
    """Start and end in seconds of each turn of a clip that was made by turns, as the clip tells
    (`turns_s`); none where it does not."""
    try:
        return [(float(start), float(end)) for start, end in motion.metadata.get("turns_s") or ()]
    except (TypeError, ValueError):  # another program's
        return []


def actions_told(motion: Motion, tree: SemanticTree) -> dict[int, tuple[float, float]]:
    """Start and end in seconds of each action of a clip's text by `turns_told`; none where the clip
    does not tell, was cut since, or has one prompt for all turns of the text."""
    seconds, spans, turns = motion.metadata.get("seconds"), turns_told(motion), _turns_of(tree)
    if motion.metadata.get("prompt") != tree.prompt or len(spans) != len(turns):
        return {}
    frame_s = 1 / motion.fps  # lengths asked for need not be of whole frames
    if not isinstance(seconds, int | float) or abs(seconds - motion.duration_s) > frame_s:
        return {}
    if not all(0 <= start < end <= seconds + frame_s for start, end in spans):
        return {}
    return {action.id: span for span, turn in zip(spans, turns, strict=True) for action in turn}


def _agents(tree: SemanticTree) -> list[Node]:
    return [phrase for phrase in tree.phrases if phrase.role == "agent"]


def _subject(tree: SemanticTree) -> str:
    return next((agent.text for agent in _agents(tree)), "a person")


def _opening(first: str, tree: SemanticTree) -> str | None:
    """What is to be seen before the first turn; None where nothing is wanting."""
    states = (state for pattern, state in _OPENINGS if pattern.search(first))
    return next((f"{_subject(tree)} {state}" for state in states), None)


def _turns_of(tree: SemanticTree) -> list[list[Node]]:
    """The actions of each turn, in the order in which they are done."""
    turns: dict[int, list[Node]] = {}
    order = 0
    for action in tree.actions:
        # "bends down to pick something up" is one movement.
        if action.order is not None and not action.text.lower().startswith("to "):
            order = action.order
        turns.setdefault(order, []).append(action)
    return [turns[order] for order in sorted(turns)]


def turn_texts(tree: SemanticTree) -> list[str]:
    """What is done in each turn, as a sentence with a subject: that of the turn or the text's first."""
    agents, subject = _agents(tree), _subject(tree)
    found: list[str] = []
    turned = False
    for actions in _turns_of(tree):
        ids = {action.id for action in actions}
        what = _without_joint(" ".join(action.text.strip(" ,.;:!?") for action in actions))
        named = any(phrase.parent in ids for phrase in agents) or _begins_with_someone(what)
        said = what if named else f"{subject} {what}"
        found.append(_RETURNS.sub(r"\1", said) if turned else said)
        turned = turned or bool(_AROUND.search(said))
    return found or [tree.prompt]


def text_of(tree: SemanticTree, actions: Sequence[Node]) -> str:
    """The text of the turns that some actions belong to, one after another; all of it where that is
    all of them."""
    ids, turns = {action.id for action in actions}, _turns_of(tree)
    own = [bool(ids & {action.id for action in turn}) for turn in turns]
    if all(own) or not any(own):
        return tree.prompt
    return ", then ".join(text for text, said in zip(turn_texts(tree), own, strict=True) if said)


def _begins_with_someone(text: str) -> bool:
    """ "he jumps" and "the tall man jumps", not "throws it"."""
    words = [word.lower() for word in _WORD.findall(text)[:3]]
    begins = words[:1] if words[:1] and words[0] not in ("a", "an", "the") else words
    return any(word in lexicon.AGENTS for word in begins)


def _without_joint(text: str) -> str:
    """Without the words that join it to what was before: "and then sits" is "sits"."""
    last = ""
    for word in _WORD.finditer(text):
        lower = word[0].lower()
        if lower not in _JOINTS and not (last in lexicon.AFTER and lower in lexicon.BACK):
            return text[word.start() :]
        last = lower
    return text
