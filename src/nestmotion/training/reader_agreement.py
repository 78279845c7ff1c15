"""How well two readings of the same texts agree: the tree reader's and that of the rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nestmotion.text.labels import WordLabel, orders

__all__ = ["agreement"]

Reading = Sequence[WordLabel]


def agreement(pairs: Iterable[tuple[Reading, Reading]]) -> dict[str, float]:
    """Figures over (found, expected) labels of texts.

    action_f1, phrase_f1: F1 of where actions and phrases begin, the first word of a text, where both
        always begin, not counted (1 when neither reading has any).
    relation_accuracy, role_accuracy: of the actions and phrases that begin in both readings, the share
        with the same relation (a text's first action not counted) and role.
    same_actions: share of texts with the same actions; same_order: with the same actions in the same
        order in time; same_tree: with all labels the same.
    """
    pairs = list(pairs)
    later = [pair for found, expected in pairs for pair in zip(found[1:], expected[1:], strict=True)]
    every = [pair for found, expected in pairs for pair in zip(found, expected, strict=True)]
    actions = [(a.relation, b.relation) for a, b in later]
    phrases = [(a.role, b.role) for a, b in later]
    timed = [(_times(found), _times(expected)) for found, expected in pairs]
    return {
        "texts": len(pairs),
        "action_f1": _f1(actions),
        "relation_accuracy": _share([a == b for a, b in actions if a and b]),
        "phrase_f1": _f1(phrases),
        "role_accuracy": _share([a.role == b.role for a, b in every if a.role and b.role]),
        "same_actions": _share([a.keys() == b.keys() for a, b in timed]),
        "same_order": _share([a == b for a, b in timed]),
        "same_tree": _share([list(found) == list(expected) for found, expected in pairs]),
    }


def _times(labels: Reading) -> dict[int, int]:
    """Place in time of each action, by the word it begins at."""
    begun = {k: label.relation for k, label in enumerate(labels) if label.relation}
    return dict(zip(begun, orders(list(begun.values())), strict=True))


def _f1(pairs: Sequence[tuple[object, object]]) -> float:
    both = sum(1 for a, b in pairs if a and b)
    either = sum(bool(a) + bool(b) for a, b in pairs)
    return 2 * both / either if either else 1.0


def _share(holds: Sequence[bool]) -> float:
    return sum(holds) / len(holds) if holds else 1.0
