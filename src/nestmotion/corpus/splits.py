"""Which clips are held out for validation, told from the names of their groups alone."""

from __future__ import annotations

import hashlib

from nestmotion.corpus.prepared import Clip

__all__ = [
    "VALIDATION_SHARE",
    "groups_of",
    "is_drawn",
    "is_validation_clip",
    "is_validation_group",
]

VALIDATION_SHARE = 0.05

# Joins the groups of a composition's parts (nestmotion.corpus.compose).
GROUP_JOINT = "+"


def is_drawn(group: str, share: float, purpose: str) -> bool:
    """Whether a group belongs to a share of all groups, told from its name alone.

    A smaller share is part of a larger one; draws for different purposes are independent.
    """
    digest = hashlib.sha256(f"{purpose} {group}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def is_validation_group(group: str, share: float = VALIDATION_SHARE) -> bool:
    """Whether a group is held out of its folds' training data; drawn from its name alone."""
    return is_drawn(group, share, "validation")


def groups_of(clip: Clip) -> tuple[str, ...]:
    """The groups a clip's motion comes from: several for a composition."""
    return tuple(clip.group.split(GROUP_JOINT))


def is_validation_clip(group: str, share: float = VALIDATION_SHARE) -> bool:
    """Whether any of the groups in a clip's `group` is held out."""
    return any(is_validation_group(name, share) for name in group.split(GROUP_JOINT))
