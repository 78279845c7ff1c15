"""What a folder of somebody's data says of its licence."""

from __future__ import annotations

from pathlib import Path

__all__ = ["licence_file", "licence_text"]

NAMES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md")


def licence_file(folder: Path) -> Path | None:
    """The folder's licence file, if it has one of the usual name."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def licence_text(folder: Path, otherwise: str) -> str:
    """The text of the folder's licence file, or `otherwise`."""
    path = licence_file(folder)
    return otherwise if path is None else path.read_text("utf-8", errors="replace").strip()
