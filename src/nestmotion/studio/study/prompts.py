"""The prompts of a study: a line each, under headings in brackets that name their groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nestmotion.core.errors import SettingsError

__all__ = ["StudyPrompt", "read_prompts"]

UNGROUPED = "all"


@dataclass(frozen=True)
class StudyPrompt:
    """What the clips are made from, and the group that the report counts it in."""

    text: str
    group: str


def read_prompts(path: Path) -> list[StudyPrompt]:
    """Read a text file: a prompt a line; `[name]` begins a group; empty lines and # lines are skipped.

    Raises SettingsError, with the line, when the file cannot be read, holds no prompt or one twice.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise SettingsError(f"{path}: cannot be read: {str(reason).lower()}") from None
    group, found = UNGROUPED, dict[str, StudyPrompt]()
    for number, line in enumerate(lines, start=1):
        text = " ".join(line.split())
        if not text or text.startswith("#"):
            continue
        if text.startswith("[") and text.endswith("]"):
            group = text[1:-1].strip() or UNGROUPED
        elif text in found:
            raise SettingsError(f"{path}:{number}: the prompt {text!r} is there twice; leave one out")
        else:
            found[text] = StudyPrompt(text, group)
    if not found:
        raise SettingsError(f"{path}: holds no prompt; write one a line")
    return list(found.values())
