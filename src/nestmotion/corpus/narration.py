"""Captions written by rules from the motion itself, with the time of every action.

People's captions name a side in few clips and times in none. These name sides, directions and times
rightly for any motion (after PoseScript, Delmas et al. 2022, and MotionScript, Yazdian et al. 2023,
which describe poses and motions by rules). docs/adr/0013 says what they are for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from nestmotion.core import Motion
from nestmotion.corpus.captions import PartCaption, join_captions
from nestmotion.corpus.events import Event, ground_events, hand_events, leg_events, upright
from nestmotion.corpus.source import Caption

__all__ = ["narrate"]

_SUBJECTS = ("a person", "a person", "the person", "a man", "someone", "a figure", "a woman")
_MOST_ACTIONS = 4
_LEAST_UPRIGHT = 0.9
# Movements that are known though the body is not upright, and those with no room for a hand's.
_NOT_UPRIGHT = ("bend", "pick", "rise", "arise", "floor")
_WHOLE_BODY = ("jump", "leap", "sit", *_NOT_UPRIGHT)
_LEAST_PUNCHES = 3
# Walking backwards, the heading turns by more than this in a curve.
_STRAIGHT_RAD = np.deg2rad(60)

# Ways to say what a ground event is; {side} is its side, {way} clockwise or counterclockwise.
_GROUND = {
    "walk": ("walks forward", "walks", "walks forwards", "walks straight ahead", "steps forward"),
    "run": ("runs forward", "runs", "jogs forward", "runs quickly"),
    "back": ("walks backwards", "walks backward", "steps back", "moves backwards"),
    "back curve": ("walks backwards in a curve", "walks backwards while turning"),
    "side": (
        "sidesteps to the {side}",
        "steps to the {side}",
        "moves sideways to the {side}",
        "side steps {side}",
        "steps sideways to his {side}",
    ),
    "turn": (
        "turns to the {side}",
        "turns {side}",
        "turns to their {side}",
        "rotates to the {side}",
        "turns {way}",
    ),
    "around": ("turns around to the {side}", "turns around", "spins around to the {side}"),
    "curve": (
        "walks and turns to the {side}",
        "turns {side} while walking",
        "walks in a curve to the {side}",
        "veers to the {side}",
    ),
    "half": (
        "walks in a half circle to the {side}",
        "turns around to the {side} while walking",
        "walks in a semi circle {way}",
    ),
    "circle": (
        "walks in a circle {way}",
        "walks in a {way} circle",
        "walks in a circle to the {side}",
        "walks around in a circle {way}",
    ),
    "jump": ("jumps", "jumps up", "hops", "jumps in place"),
    "jumps": ("jumps up and down", "hops up and down", "keeps jumping up and down"),
    "leap": ("jumps forward", "leaps forward", "hops forward", "jumps forwards"),
    "crouch": ("crouches down", "squats down", "bends the knees", "crouches"),
    "sit": ("sits down", "sits down on a chair", "takes a seat", "sits down on something"),
    "seated": ("sits", "sits on a chair", "is sitting", "stays seated"),
    "floor": ("is on the floor", "sits on the floor", "is down on the ground"),
    "rise": ("stands up", "gets up", "rises", "stands up again", "gets up from a seat"),
    "arise": ("stands up from the floor", "gets up from the floor", "stands up from the ground"),
    "bend": ("bends down", "bends over", "bends forward", "leans forward and comes up again"),
    "pick": (
        "bends down to pick something up",
        "picks something up from the floor",
        "bends down and picks something up",
        "reaches down to the floor",
        "picks up something",
    ),
    "box": ("boxes", "throws punches", "punches the air", "shadow boxes", "punches several times"),
    "stand": ("stands still", "stands", "stays in place", "stands in place"),
}

# Of a limb, alone and beside something else ("walks forward while ...ing").
_LIMB = {
    "raise": (
        (
            "raises the {side} hand",
            "raises the {side} arm",
            "lifts {its} arm",
            "raises {its} hand up",
        ),
        ("raising the {side} hand", "holding the {side} arm up"),
    ),
    "wave": (
        (
            "waves with the {side} hand",
            "waves the {side} hand",
            "waves {its} hand",
            "waves {its} arm",
            "moves the {side} hand back and forth",
        ),
        ("waving the {side} hand", "waving with the {side} arm"),
    ),
    "punch": (
        ("punches with the {side} hand", "throws a {side} punch", "punches with the {side} fist"),
        ("punching with the {side} hand",),
    ),
    "reach": (
        (
            "reaches forward with the {side} hand",
            "extends {its} arm",
            "reaches with {its} hand",
        ),
        ("reaching forward with the {side} hand", "holding the {side} arm out"),
    ),
    "kick": (
        ("kicks with the {side} leg", "kicks with the {side} foot", "kicks the {side} leg"),
        ("kicking with the {side} leg",),
    ),
    "lift": (
        ("lifts the {side} leg", "raises the {side} leg", "lifts the {side} knee", "raises {its} leg"),
        ("lifting the {side} leg", "lifting the {side} knee"),
    ),
}
_TIMES = {2: ("twice", "two times"), 3: ("three times",), 4: ("four times",)}

# A stand this short between movements is not worth a word.
_PAUSE_S = 1.2
_QUIET_M_S = 0.25


@dataclass(frozen=True)
class _Clause:
    """What is said of the frames start to stop; `key` is the same for what comes to the same."""

    key: tuple[str, str]
    text: str
    start: int
    stop: int


def narrate(motion: Motion, rng: np.random.Generator) -> Caption | None:
    """A caption with the spans of its actions; None where the rules do not see enough: a body that is
    not upright, arms at work that are said to stand still, or too much happening."""
    ground = ground_events(motion)
    low = np.zeros(len(motion), dtype=bool)
    for event in ground:
        low[event.start : event.stop] = event.kind in _NOT_UPRIGHT
    if (low | upright(motion)).mean() < _LEAST_UPRIGHT:
        return None
    ground = _without_pauses(ground, round(_PAUSE_S * motion.fps))
    limbs = _repeated(hand_events(motion)) + _repeated(leg_events(motion))
    clauses = [c for event in ground for c in _clauses(event, limbs, rng)]
    clauses = _joined(clauses)
    if not 1 <= len(clauses) <= _MOST_ACTIONS:
        return None
    if any(c.key[0] == "stand" and not _quiet(motion.frames(c.start, c.stop)) for c in clauses):
        return None
    subject = str(rng.choice(_SUBJECTS))
    parts = [PartCaption(subject, c.text, 1, False) for c in clauses]
    times = [(c.start / motion.fps, c.stop / motion.fps) for c in clauses]
    return join_captions(parts, times, rng)


def _joined(clauses: list[_Clause]) -> list[_Clause]:
    """Neighbours that come to the same as one, in the words of the first."""
    groups = (list(same) for _, same in groupby(clauses, key=lambda c: c.key))
    return [replace(same[0], stop=same[-1].stop) for same in groups]


def _quiet(motion: Motion) -> bool:
    """Whether no joint moves more than a little, on average."""
    step = np.linalg.norm(np.diff(motion.positions_m, axis=0), axis=-1)
    return len(step) == 0 or float(step.mean(axis=0).max() * motion.fps) < _QUIET_M_S


def _repeated(events: list[Event]) -> list[Event]:
    """Neighbours that are alike as one event, which counts them."""
    found = []
    for _, group in groupby(events, key=lambda e: (e.kind, e.side)):
        same = list(group)
        found.append(replace(same[0], stop=same[-1].stop, amount=len(same)))
    return found


def _clauses(event: Event, limbs: list[Event], rng: np.random.Generator) -> list[_Clause]:
    """A ground event as one clause; one in which a person stands, as what the limbs do in it."""
    inside = [e for e in limbs if event.start <= (e.start + e.stop) / 2 < event.stop]
    inside.sort(key=lambda e: e.start)
    if event.kind == "stand" and _boxes(inside):
        return [_Clause(("box", ""), str(rng.choice(_GROUND["box"])), event.start, event.stop)]
    if event.kind == "stand" and inside:
        edges = [(a.stop + b.start) // 2 for a, b in pairwise(inside)]
        edges = [event.start, *np.clip(edges, event.start + 1, event.stop - 1).tolist(), event.stop]
        return [
            _Clause((e.kind, e.side), _limb(e, 0, rng), a, b)
            for e, (a, b) in zip(inside, pairwise(edges), strict=True)
            if b > a
        ]
    text = _ground(event, rng)
    if len(inside) == 1 and event.kind not in _WHOLE_BODY:
        text += f" while {_limb(inside[0], 1, rng)}"
    return [_Clause((event.kind, event.side), text, event.start, event.stop)]


def _boxes(limbs: list[Event]) -> bool:
    """Whether the hands do nothing but punch, again and again."""
    return all(e.kind == "punch" for e in limbs) and sum(e.amount for e in limbs) >= _LEAST_PUNCHES


def _ground(event: Event, rng: np.random.Generator) -> str:
    kind = event.kind
    if kind == "turn" and event.amount > np.deg2rad(140):
        kind = "around"
    if kind == "curve" and event.amount > np.deg2rad(140):
        kind = "circle" if event.amount > np.deg2rad(290) else "half"
    if kind == "back" and event.amount > _STRAIGHT_RAD:
        kind = "back curve"
    if kind == "jump" and event.amount > 1 and rng.random() < 0.5:
        kind = "jumps"
    way = "counterclockwise" if event.side == "left" else "clockwise"
    text = str(rng.choice(_GROUND[kind])).format(side=event.side, way=way)
    if kind in ("jump", "jumps", "leap") and event.amount in _TIMES:
        text += f" {rng.choice(_TIMES[int(event.amount)])}"
    return text


def _limb(event: Event, form: int, rng: np.random.Generator) -> str:
    its = f"{rng.choice(['his', 'their', 'its'])} {event.side}"
    text = str(rng.choice(_LIMB[event.kind][form])).format(side=event.side, its=its)
    if event.side == "both":
        text = text.replace("the both", "both")
        for one in ("hand", "arm"):
            text = text.replace(f"both {one}", f"both {one}s")
        for who in ("his", "their", "its"):
            text = text.replace(f"{who} both", f"both {who}")
    if form == 0 and event.kind != "wave" and event.amount in _TIMES and rng.random() < 0.7:
        text += f" {rng.choice(_TIMES[int(event.amount)])}"
    return text


def _without_pauses(events: list[Event], longest: int) -> list[Event]:
    """Short stands between movements go to the event before, or after; events that are then alike and
    beside one another become one."""
    kept: list[Event] = []
    waiting: int | None = None
    for event in events:
        if len(events) > 1 and event.kind == "stand" and event.stop - event.start < longest:
            if kept:
                kept[-1] = replace(kept[-1], stop=event.stop)
            else:
                waiting = event.start if waiting is None else waiting
            continue
        start, waiting = (event.start if waiting is None else waiting), None
        last = kept[-1] if kept else None
        if last is not None and (last.kind, last.side) == (event.kind, event.side):
            kept[-1] = replace(last, stop=event.stop, amount=last.amount + event.amount)
        else:
            kept.append(replace(event, start=start))
    return kept
