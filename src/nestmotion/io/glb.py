"""The GLB container of glTF 2.0: a JSON chunk and a binary chunk, and typed arrays inside the latter.

Everything read here is checked before it is used: a file may claim anything about itself. Source:
Khronos glTF 2.0 specification, sections 3.6 (buffers, accessors) and 4.4 (GLB layout).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as short
from typing import Any

import numpy as np

from nestmotion.core.errors import FormatError, SettingsError
from nestmotion.io._atomic import atomic_write

__all__ = ["BinaryChunk", "Glb", "write_glb"]

MAGIC, JSON_CHUNK, BIN_CHUNK = b"glTF", b"JSON", b"BIN\0"
COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@dataclass(frozen=True, eq=False)
class Glb:
    """A GLB file as read: its JSON document and its binary chunk. Raises FormatError throughout."""

    path: Path
    document: dict[str, Any]
    binary: bytes
    _lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> Glb:
        """Read a file in memory of the order of its size. Raises FormatError when it is not a whole
        GLB of version 2."""
        path = Path(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise FormatError(
                path, f"cannot be read: {(error.strerror or str(error)).lower()}"
            ) from error
        if data[:4] != MAGIC:
            raise FormatError(path, "is not a GLB file (it does not start with 'glTF')")
        if len(data) < 12:
            raise FormatError(path, f"is truncated: a GLB header has 12 bytes, the file {len(data)}")
        version, length = struct.unpack_from("<II", data, 4)
        if version != 2:
            raise FormatError(path, f"is glTF version {version}; only version 2 can be read")
        if length > len(data):
            raise FormatError(path, f"is truncated: it should have {length} bytes and has {len(data)}")
        chunks: dict[bytes, bytes] = {}
        at = 12
        while at + 8 <= length:
            size, kind = struct.unpack_from("<I4s", data, at)
            if at + 8 + size > length:
                raise FormatError(
                    path, f"is damaged: a chunk of {size} bytes goes beyond the file's end"
                )
            chunks.setdefault(kind, data[at + 8 : at + 8 + size])
            at += 8 + size
        if JSON_CHUNK not in chunks:
            raise FormatError(path, "is damaged: it has no JSON chunk")
        try:
            document = json.loads(chunks[JSON_CHUNK].decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise FormatError(path, f"is damaged: its JSON chunk cannot be read: {error}") from None
        if not isinstance(document, dict):
            raise FormatError(path, "is damaged: its JSON chunk is not an object")
        return cls(path, document, chunks.get(BIN_CHUNK, b""))

    def fail(self, message: str) -> FormatError:
        return FormatError(self.path, message)

    def items(self, kind: str) -> list[dict[str, Any]]:
        """A top-level list such as "nodes"; empty when the document has none."""
        if kind not in self._lists:
            self._lists[kind] = self.objects(self.document, kind) if kind in self.document else []
        return self._lists[kind]

    def objects(self, owner: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """A field that must be a list of objects."""
        found = owner.get(key)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise self.fail(f"{key} in its JSON must be a list of objects")
        return found

    def item(self, kind: str, index: object) -> dict[str, Any]:
        """One element of a top-level list."""
        found = self.items(kind)
        if type(index) is not int or not 0 <= index < len(found):
            raise self.fail(f"refers to {kind}[{short(index)}], but has {len(found)} of them")
        return found[index]

    def whole(self, owner: dict[str, Any], key: str, default: int | None = None) -> int:
        """A field that must be a whole number of at least 0."""
        value = owner.get(key, default)
        if type(value) is not int or value < 0:
            raise self.fail(f"{key} in its JSON must be a whole number, not {short(value)}")
        return value

    def numbers(self, owner: dict[str, Any], key: str, default: Sequence[float]) -> np.ndarray:
        """A field that must be a list of finite numbers, as many as in `default`."""
        value = owner.get(key, default)
        if (
            not isinstance(value, list | tuple)
            or len(value) != len(default)
            or not all(type(x) in (int, float) and abs(x) < 1e30 for x in value)
        ):
            raise self.fail(
                f"{key} in its JSON must be {len(default)} finite numbers, not {short(value)}"
            )
        return np.array(value, dtype=np.float64)

    def view(self, index: object) -> tuple[bytes, int]:
        """The bytes of a buffer view and its stride (0: packed)."""
        view = self.item("bufferViews", index)
        if "EXT_meshopt_compression" in str(view.get("extensions", "")):
            raise self.fail("is compressed (EXT_meshopt_compression); export it without compression")
        if "uri" in self.item("buffers", view.get("buffer")) or view.get("buffer") != 0:
            raise self.fail("keeps its data in another buffer; export it as one self-contained GLB")
        start, size = self.whole(view, "byteOffset", 0), self.whole(view, "byteLength")
        if start + size > len(self.binary):
            raise self.fail(
                f"bufferViews[{index}] ends at byte {start + size}, "
                f"but the binary chunk has {len(self.binary)}"
            )
        return self.binary[start : start + size], self.whole(view, "byteStride", 0)

    def accessor(self, index: object, kinds: tuple[str, ...]) -> np.ndarray:
        """The values of an accessor of one of the given types as float64 (count, width), finite.

        Normalised integers become -1..1 or 0..1. Nothing is allocated for data the file does not hold.
        """
        accessor = self.item("accessors", index)
        kind, component = accessor.get("type"), accessor.get("componentType")
        if kind not in kinds or type(component) is not int or component not in COMPONENTS:
            found = f"{short(kind)} of component type {short(component)}"
            raise self.fail(f"accessors[{index}] must be {' or '.join(kinds)} of numbers, not {found}")
        if "sparse" in accessor or "bufferView" not in accessor:
            raise self.fail(f"accessors[{index}] is sparse, which is not supported")
        dtype, width = np.dtype(COMPONENTS[component]), WIDTHS[kind]
        count, start = self.whole(accessor, "count"), self.whole(accessor, "byteOffset", 0)
        data, stride = self.view(accessor["bufferView"])
        element = width * dtype.itemsize
        stride = stride or element
        if count == 0 or stride < element or start + (count - 1) * stride + element > len(data):
            raise self.fail(
                f"accessors[{index}] claims {count} elements of {element} bytes, "
                f"but its buffer view has {len(data)} bytes"
            )
        raw = np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))
        values = raw.astype(np.float64)
        if accessor.get("normalized") is True and dtype.kind != "f":
            values = np.maximum(values / np.iinfo(dtype).max, -1.0)
        if not np.isfinite(values).all():
            raise self.fail(f"accessors[{index}] holds NaN or infinity")
        return values


class BinaryChunk:
    """Collects arrays for a binary chunk and describes them as buffer views and accessors."""

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.data = bytearray()

    def add(
        self, values: np.ndarray, kind: str, target: int | None = None, bounds: bool = False
    ) -> int:
        """Append an array (count, width) in its own dtype. Returns the index of its accessor."""
        component = next(c for c, name in COMPONENTS.items() if np.dtype(name) == values.dtype)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": values.nbytes}
        self.views.append(view if target is None else view | {"target": target})
        accessor = {
            "bufferView": len(self.views) - 1,
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if bounds:
            rows = values.reshape(len(values), -1)
            accessor |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        self.accessors.append(accessor)
        self.data += np.ascontiguousarray(values).tobytes()
        self.data += bytes(-len(self.data) % 4)
        return len(self.accessors) - 1


def write_glb(path: str | Path, document: dict[str, Any], chunk: BinaryChunk) -> None:
    """Write a document together with the arrays its accessors describe. The same input gives the same
    bytes. Raises SettingsError for metadata that is not plain JSON, OutputError when writing fails."""
    document = document | {
        "accessors": chunk.accessors,
        "bufferViews": chunk.views,
        "buffers": [{"byteLength": len(chunk.data)}],
    }
    try:
        text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise SettingsError(f"the motion's metadata is not plain JSON: {error}") from None
    text += b" " * (-len(text) % 4)
    parts = ((JSON_CHUNK, text), (BIN_CHUNK, bytes(chunk.data)))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        length = 12 + sum(8 + len(data) for _, data in parts)
        file.write(MAGIC + struct.pack("<II", 2, length))
        for kind, data in parts:
            file.write(struct.pack("<I4s", len(data), kind) + data)
