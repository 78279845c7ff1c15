"""The small interface behind which every source of motion and captions stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nestmotion.core import Motion

__all__ = ["ActionSpan", "Caption", "Dropped", "Source", "Span", "Trial"]


@dataclass(frozen=True)
class ActionSpan:
    """A stretch of a caption, in characters, and when it is done, in seconds from the clip's start."""

    start_char: int
    end_char: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Caption:
    """One sentence about a clip, or about a part of it (seconds from the clip's start).

    actions: where in the text and when in the clip its actions are, in order, where that is known.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    actions: tuple[ActionSpan, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Caption:
        """From plain data, as `dataclasses.asdict` makes it; `actions` may be missing."""
        actions = tuple(ActionSpan(**span) for span in data.get("actions", ()))
        return cls(**{**data, "actions": actions})


@dataclass(frozen=True)
class Span:
    """A captioned stretch of a trial, in seconds from the trial's start."""

    clip_id: str
    start_s: float
    end_s: float
    captions: tuple[Caption, ...]
    official_split: str = ""


@dataclass(frozen=True)
class Trial:
    """One continuous recording on the canonical skeleton, at any frame rate.

    group: trials of one group are copies or sources of one another and never part in a split.
    fold: 0 to 4, or None to have it drawn from the group's name.
    description: what the source says of the whole trial, "" when nothing.
    """

    trial_id: str
    group: str
    motion: Motion
    spans: tuple[Span, ...]
    fold: int | None = None
    description: str = ""


@dataclass(frozen=True)
class Dropped:
    """Something a source or the preparation left out, and why."""

    item: str
    reason: str


class Source(Protocol):
    """A collection of trials. Reading one trial must not depend on having read another."""

    name: str
    licence: str
    acknowledgement: str

    def input_checksums(self) -> Mapping[str, str]:
        """SHA-256 of every file the prepared corpus depends on, by name relative to the source."""
        ...

    def trial_ids(self) -> Sequence[str]:
        """All trials in a fixed order."""
        ...

    def read(self, trial_id: str) -> Trial | Dropped:
        """One trial, or why it cannot be used. Raises CorpusError for a broken source."""
        ...
