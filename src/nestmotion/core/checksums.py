"""SHA-256 of files, and the check of a folder against the sums it claims."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from nestmotion.core.errors import NestmotionError

__all__ = ["check_folder", "sha256_of"]


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_folder(folder: Path, sums: Mapping[str, str], error: type[NestmotionError]) -> None:
    """Raise `error`, naming the file, when one is missing or its bytes differ from its sum."""
    for name, expected in sums.items():
        if not (folder / name).is_file():
            raise error(f"{folder / name}: missing; make or copy the folder again")
        found = sha256_of(folder / name)
        if found != expected:
            raise error(
                f"{folder / name}: changed since it was made (SHA-256 {found[:12]}…, expected "
                f"{expected[:12]}…); make or copy the folder again"
            )
