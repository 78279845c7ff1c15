"""The prompts of the contact sheets: a bit of everything a user might type."""

from __future__ import annotations

__all__ = ["PROMPTS", "PROMPTS_BY_KIND"]

PROMPTS_BY_KIND: dict[str, tuple[str, ...]] = {
    "locomotion": (
        "a person walks forward",
        "a person walks backwards",
        "a person runs forward",
        "a person sidesteps to the left",
    ),
    "turns": (
        "a person walks in a circle counterclockwise",
        "a person turns to the right and walks on",
    ),
    "gestures": (
        "a person waves with the left hand",
        "a person waves with the right hand",
        "a person raises both arms above the head",
    ),
    "sport": (
        "a person jumps up and down",
        "a person kicks with the left leg",
        "a person throws a ball with the right hand",
        "a person boxes",
    ),
    "dance": ("a person dances a waltz",),
    "sitting": (
        "a person sits down on a chair",
        "a person stands up from the floor",
    ),
    "two actions": (
        "a person walks forward, then turns around and walks back",
        "a person bends down to pick something up, then throws it",
    ),
    "three actions": ("a person walks forward, sits down, then stands up again",),
    "two at once": (
        "a person walks forward while waving with the right hand",
        "a person walks backwards with both arms stretched out to the sides",
    ),
    "manner": (
        "a person sneaks forward slowly and carefully",
        "an old man walks with a limp",
    ),
    "counts": ("a person jumps forward three times",),
}

PROMPTS: tuple[str, ...] = tuple(p for prompts in PROMPTS_BY_KIND.values() for p in prompts)
