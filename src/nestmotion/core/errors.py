"""The one exception tree.

Everything a user can cause is a `NestmotionError`; the command line turns it into one line and exit
code 2. Anything else that escapes is a bug in nestmotion and shows its traceback.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "BundleError",
    "CorpusError",
    "FormatError",
    "NestmotionError",
    "NestmotionWarning",
    "OutputError",
    "PromptError",
    "SceneError",
    "SettingsError",
    "TrainingError",
]


class NestmotionError(Exception):
    """A mistake the user can mend: one line saying what is wrong, where, and what to do."""


class FormatError(NestmotionError):
    """A motion file cannot be read as the format its suffix promises.

    The message starts with the file and, where the format has lines, the line number.
    """

    def __init__(self, path: str | Path, message: str, line: int | None = None) -> None:
        self.path = Path(path)
        self.line = line
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {message}")


class OutputError(NestmotionError):
    """An output cannot be written: it exists, its folder cannot be written, its suffix is unknown."""


class PromptError(NestmotionError):
    """A prompt, length, seed or sample count is out of range."""


class SceneError(NestmotionError):
    """A scene contradicts itself, or asks for something that does not exist."""


class SettingsError(NestmotionError):
    """Settings contradict each other or name something that does not exist."""


class CorpusError(NestmotionError):
    """A corpus folder is incomplete, edited or of another version."""


class BundleError(NestmotionError):
    """A bundle folder is incomplete, edited or of another version."""


class TrainingError(NestmotionError):
    """A training run cannot start or continue."""


class NestmotionWarning(UserWarning):
    """Something worth one line on the terminal that does not stop the work."""
