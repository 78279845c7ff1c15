"""Reading the arrays of an NPZ file without trusting it."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nestmotion.core.errors import FormatError
from nestmotion.io._atomic import atomic_write

__all__ = ["array_names", "numbers", "read_arrays", "text", "write_arrays"]

# Deflate shrinks at most 1032 times, so a file that claims to grow more is damaged or hostile.
_MAX_RATIO = 1032
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(path: str | Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """Those of the wanted arrays that the file holds; all others stay unread.

    Raises FormatError when the file is no NPZ, is damaged, claims more data than it can hold, or when a
    wanted array holds pickled objects.
    """
    path = Path(path)
    with _opened(path) as archive:
        infos = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
        return {key: _read_array(path, archive, key, infos[key]) for key in wanted if key in infos}


def array_names(path: str | Path) -> set[str]:
    """Names of the arrays in the file. Raises FormatError when it is no NPZ."""
    with _opened(Path(path)) as archive:
        return {name.removesuffix(".npy") for name in archive.namelist()}


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip archive; whatever is wrong with it, also while it is read, becomes a FormatError."""
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise FormatError(path, "not an NPZ file (no zip archive), or cut short")
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (EOFError, OSError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            reason = " ".join(str(error).split())[:100]
            raise FormatError(path, f"damaged NPZ file: {reason}") from None


def _read_array(path: Path, archive: zipfile.ZipFile, key: str, info: zipfile.ZipInfo) -> np.ndarray:
    if info.file_size > _MAX_RATIO * path.stat().st_size:
        raise FormatError(path, f"{key} claims {info.file_size} bytes, more than the file can hold")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise FormatError(path, f"{key} is an array of an unknown version {version}")
        try:
            shape, _, dtype = _HEADERS[version](member)
        except (SyntaxError, TypeError, ValueError, tokenize.TokenError):
            raise FormatError(path, f"{key} has a damaged array header") from None
        if dtype.hasobject:
            raise FormatError(path, f"{key} holds pickled objects, which are never loaded")
        claimed = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or claimed != info.file_size - member.tell():
            raise FormatError(path, f"{key} claims the shape {shape}, which its data does not fill")
        member.seek(0)
        return np.lib.format.read_array(member, allow_pickle=False)


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a compressed NPZ file, complete or not at all."""
    named: dict[str, Any] = dict(arrays)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **named)


def numbers(
    path: str | Path, arrays: Mapping[str, np.ndarray], key: str, shape: tuple[int | None, ...]
) -> np.ndarray:
    """One array as float64, checked against a shape in which None stands for any length."""
    array = _present(path, arrays, key)
    fits = len(array.shape) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if array.dtype.kind not in "fiu" or not fits:
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise FormatError(
            path, f"expected {key} to be numbers of shape {wanted}, found {array.dtype} {array.shape}"
        )
    return array.astype(np.float64)


def text(path: str | Path, arrays: Mapping[str, np.ndarray], key: str) -> list[str]:
    """One array of text as a flat list of strings."""
    array = _present(path, arrays, key)
    if array.dtype.kind != "U":
        raise FormatError(path, f"expected {key} to be text, found {array.dtype}")
    return [str(word) for word in array.ravel()]


def _present(path: str | Path, arrays: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    if key not in arrays:
        raise FormatError(path, f"has no array {key!r}")
    return arrays[key]
